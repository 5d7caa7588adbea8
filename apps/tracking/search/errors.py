"""What a query can be refused for."""

from __future__ import annotations

from collections.abc import Iterable

from apps.base.errors import Malformed

from .ast import Span


class QueryError(Malformed):
    """A query that cannot be understood or asked, with the spot.

    details: position and length in characters (both 0 for a query no text stands for), expected: what would
        have
    been accepted there, suggestions: names that look alike.
    """

    default_code = "bad_query"

    def __init__(
        self,
        message: str,
        *,
        span: Span | None = None,
        expected: Iterable[str] = (),
        suggestions: Iterable[str] = (),
        code: str | None = None,
    ) -> None:
        start, end = span or (0, 0)
        super().__init__(
            message,
            code=code,
            details={
                "position": start,
                "length": max(0, end - start),
                "expected": list(expected),
                "suggestions": list(suggestions),
            },
        )

    @property
    def position(self) -> int:
        return int(self.details["position"])

    @property
    def expected(self) -> list[str]:
        return list(self.details["expected"])
