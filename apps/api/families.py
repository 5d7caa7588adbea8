"""The families of addresses: how large a body they take, and in which words they refuse.

The dialects add their own here, because the byte limiter stands in front of all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MIB = 1024 * 1024


class Form(StrEnum):
    """The words of a refusal."""

    JSON = "json"  # {"error": {"code", "message", "request_id"}}
    PAGE = "page"


@dataclass(frozen=True)
class Family:
    """prefix: of the path, below the site's own prefix. is_strict: JSON as in `base.strict_json`."""

    prefix: str
    form: Form
    body_bytes: int
    is_strict: bool


FAMILIES = (
    Family("/api/v1/", Form.JSON, 8 * MIB, is_strict=True),
    Family("/api/", Form.JSON, 1 * MIB, is_strict=True),
    Family("/", Form.PAGE, 1 * MIB, is_strict=False),
)


def family_of(path: str) -> Family:
    """Return the family with the longest prefix of the path."""
    fitting = [family for family in FAMILIES if path.startswith(family.prefix)]
    return max(fitting, key=lambda family: len(family.prefix), default=FAMILIES[-1])
