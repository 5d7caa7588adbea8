"""A run's summary: the values it sets itself. What the server computes from metrics stands behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

from isoline._values import plain


class Summary(MutableMapping[str, Any]):
    """A mapping that sends what is set. It holds what this process set, not what the server computed."""

    def __init__(self, send: Callable[[dict[str, Any]], None]) -> None:
        """
        send: takes `{"set": …}` or `{"unset": …}`, as a record of the wire format has them.
        """
        self._values: dict[str, Any] = {}
        self._send = send

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self.update({name: value})

    def __delitem__(self, name: str) -> None:
        del self._values[name]
        self._send({"unset": [[name]]})

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Summary({self._values!r})"

    def update(self, *given: Any, **named: Any) -> None:
        """Set many values at once."""
        change: dict[str, Any] = {}
        for each in (*given, named):
            change.update(plain(dict(each)))
        if change:
            self._values.update(change)
            self._send({"set": change})
