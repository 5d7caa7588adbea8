"""A run's config: what was put into it, nested as it was, sent as it changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

from isoline._secrets import mask
from isoline._values import plain

Change = dict[str, Any]


def as_config(given: Any) -> dict[str, Any]:
    """Turn what people keep settings in into a config: nested mappings of JSON's types.

    given: a mapping (also OmegaConf's), an `argparse.Namespace`, a dataclass, a pydantic model, or None.
    Values under names that promise a secret are masked.

    Raises TypeError for anything else.
    """
    if given is None:
        return {}
    found = plain(given)
    if not isinstance(found, dict):
        raise TypeError(
            f"A config is a mapping, a namespace, a dataclass or a model, not a {type(given).__name__}."
        )
    masked: dict[str, Any] = mask(found)
    return masked


class Config(MutableMapping[str, Any]):
    """A mapping that sends what is set. Values are read back as they were sent: in JSON's types.

    Names are reached as items or as attributes: `run.config["lr"]`, `run.config.model.depth`.
    """

    _values: dict[str, Any]
    _path: tuple[str, ...]
    _send: Callable[[Change], None]

    def __init__(
        self, values: dict[str, Any], send: Callable[[Change], None], path: tuple[str, ...] = ()
    ) -> None:
        """
        values: what it holds, in JSON's types; changed in place.
        send: takes `{"set": …}` or `{"unset": …}`, as a record of the wire format has them.
        path: where this mapping lies in the config.
        """
        object.__setattr__(self, "_values", values)
        object.__setattr__(self, "_path", path)
        object.__setattr__(self, "_send", send)

    def __getitem__(self, name: str) -> Any:
        value = self._values[name]
        return Config(value, self._send, (*self._path, name)) if isinstance(value, dict) else value

    def __setitem__(self, name: str, value: Any) -> None:
        self.update({name: value})

    def __delitem__(self, name: str) -> None:
        del self._values[name]
        self._send({"unset": [[*self._path, name]]})

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"The config has no {name!r}.") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __repr__(self) -> str:
        return f"Config({self._values!r})"

    def update(self, *given: Any, **named: Any) -> None:
        """Set many values at once; nested mappings are merged into what is there.

        Takes what `isoline.init(config=…)` takes.
        """
        change: dict[str, Any] = {}
        for each in given:
            change.update(as_config(each))
        change.update(as_config(named))
        if not change:
            return
        _merge(self._values, change)
        for name in reversed(self._path):
            change = {name: change}
        self._send({"set": change})

    def as_dict(self) -> dict[str, Any]:
        """Return a copy in plain dictionaries."""
        copy: dict[str, Any] = plain(self._values)
        return copy


def _merge(into: dict[str, Any], change: Mapping[str, Any]) -> None:
    for name, value in change.items():
        held = into.get(name)
        if isinstance(held, dict) and isinstance(value, Mapping):
            _merge(held, value)
        else:
            into[name] = value
