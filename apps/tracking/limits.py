"""What one run may hold, whoever writes it: REST, records, other people's clients."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from apps.base.errors import Invalid, TooLarge

# Each of config, summary, labels and metadata, as JSON.
STRUCTURE_BYTES = 16 << 20
MOST_TAGS = 1000

_STRUCTURES = ("config", "summary", "labels", "metadata")


def check(columns: Mapping[str, Any]) -> None:
    """Look at what is to be written of a run. Raises TooLarge, Invalid `too_many_tags`."""
    for name in _STRUCTURES:
        if name in columns:
            check_size(columns[name])
    if "tags" in columns:
        check_tags(columns["tags"])


def check_size(structure: Mapping[str, Any]) -> None:
    if _size(structure) > STRUCTURE_BYTES:
        raise TooLarge(
            f"A run's config, summary, labels and metadata each hold at most {STRUCTURE_BYTES >> 20} MiB."
        )


def check_tags(tags: Sequence[str]) -> None:
    if len(tags) > MOST_TAGS:
        raise Invalid(f"A run has at most {MOST_TAGS} tags.", code="too_many_tags")


def _size(structure: Mapping[str, Any]) -> int:
    try:
        return len(orjson.dumps(structure))
    except TypeError:
        # An integer over 64 bits, which JSON may hold and orjson may not.
        return len(json.dumps(structure, ensure_ascii=False, separators=(",", ":")).encode())
