"""Which texts may name a metric."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from apps.metrics.limits import MAX_NAME_BYTES

# Category Cc: what a terminal, a CSV file or a header could take for a command.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


def sound(names: Sequence[str]) -> NDArray[np.bool_] | None:
    """Tell which names are 1–1024 bytes of UTF-8 without control characters; None if all are.

    The usual answer, None, costs one scan over all names together.
    """
    shortest, longest = min(map(len, names), default=1), max(map(len, names), default=1)
    # A character takes at most four bytes.
    if shortest and longest * 4 <= MAX_NAME_BYTES and not _CONTROL.search("".join(names)):
        return None
    marks = np.fromiter(map(_is_sound, names), np.bool_, len(names))
    return None if marks.all() else marks


def _is_sound(name: str) -> bool:
    return bool(name) and len(name.encode()) <= MAX_NAME_BYTES and not _CONTROL.search(name)
