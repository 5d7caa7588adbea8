"""How much one batch may hold (docs/design/wire-format.md); more is refused whole with 413."""

from __future__ import annotations

from apps.base.errors import TooLarge

MAX_SENT_BYTES = 8 * 1024 * 1024
MAX_INFLATED_BYTES = 32 * 1024 * 1024
MAX_ROWS = 100_000
MAX_POINTS = 1_000_000
MAX_NAMES = 100_000
# Decoding a block costs microseconds whatever is in it; this bounds what a body of tiny ones can cost.
MAX_BLOCKS = 20_000
MAX_RECORDS = 100_000
# Every value in a record becomes an object of its own; a byte on the wire can be one.
MAX_RECORD_VALUES = 1_000_000
MAX_NAME_BYTES = 1024


def check(what: str, count: int, most: int) -> None:
    """Raise TooLarge if a batch has more than `most` of something."""
    if count > most:
        raise TooLarge(f"A batch holds at most {most} {what}; this one has {count}.")
