"""What of a batch was refused alone, while the rest was stored."""

from __future__ import annotations

from dataclasses import dataclass

_MOST_TOLD = 1_000
_MOST_KEY_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class Rejected:
    """count points, columns' rows or records refused for one reason under one key.

    key: a metric's name or a record's type, fit for showing: control characters escaped, cut to 100
    characters; "" where there is none.
    """

    code: str
    key: str
    count: int
    message: str


class Rejections:
    """A tally of refusals by (code, key). From 1,000 entries on a code is counted under the key "" only."""

    def __init__(self) -> None:
        self._tally: dict[tuple[str, str], tuple[int, str]] = {}

    def __bool__(self) -> bool:
        return bool(self._tally)

    def add(self, code: str, key: str, count: int, message: str) -> None:
        place = (code, _shown(key) if len(self._tally) < _MOST_TOLD else "")
        before, message = self._tally.get(place, (0, message))
        self._tally[place] = before + count, message

    def told(self) -> tuple[Rejected, ...]:
        return tuple(
            Rejected(code, key, count, message) for (code, key), (count, message) in self._tally.items()
        )


def _shown(key: str) -> str:
    cut = key if len(key) <= _MOST_KEY_CHARACTERS else key[: _MOST_KEY_CHARACTERS - 1] + "…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)
