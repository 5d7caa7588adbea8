"""Lists that the server answers in pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from isoline._client import Client

T = TypeVar("T")
PAGE = 100


class Pages(Generic[T]):
    """A list of the server's, read a page at a time while it is gone through. Each loop reads it anew."""

    def __init__(
        self,
        client: Client,
        path: str,
        params: dict[str, Any],
        make: Callable[[dict[str, Any]], T],
        *,
        size: int | None = None,
    ) -> None:
        """
        size: how many the server is asked for at once; by default PAGE.
        """
        self._client = client
        self._path = path
        self._params = params
        self._make = make
        self._size = size

    def __iter__(self) -> Iterator[T]:
        cursor: str | None = None
        while True:
            page = self._client.get(self._path, limit=self._size or PAGE, cursor=cursor, **self._params)
            yield from map(self._make, page["items"])
            cursor = page["next"]
            if cursor is None:
                return

    def first(self) -> T | None:
        """Return the first of the list; None if it is empty. One request."""
        page = self._client.get(self._path, limit=1, **self._params)
        return self._make(page["items"][0]) if page["items"] else None

    def count(self) -> int | None:
        """Return how many there are, counted by the server; None where it does not count.

        Of more than 10,000 runs it says 10,000.
        """
        total = self._client.get(self._path, limit=1, **self._params).get("total")
        return total if isinstance(total, int) else None

    def __repr__(self) -> str:
        return f"<isoline.Pages of {self._path}>"
