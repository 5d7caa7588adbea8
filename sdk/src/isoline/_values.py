"""What a logged value is: a scalar of one of three kinds, a text or structure, or nothing we can keep."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import math
import numbers
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

INT64_MIN = -(2**63)
INT64_MAX = 2**63 - 1
KEY_MAX_BYTES = 1024
TEXT_MAX_BYTES = 100_000
VALUE_MAX_BYTES = 1024 * 1024
DEPTH_MAX = 32

# struct's letters, which are also what a schema frame says of its columns.
FLOAT, INT, BOOL = "d", "q", "?"

_KINDS: dict[type, str | None] = {float: FLOAT, int: INT, bool: BOOL}


class Refused(NamedTuple):
    """A value that cannot be kept, and why."""

    code: str
    key: str
    message: str


def kind_of(cls: type) -> str | None:
    """Return the kind of scalars that `struct` packs from values of this type bit for bit, or None."""
    try:
        return _KINDS[cls]
    except KeyError:
        kind = _KINDS[cls] = _classify(cls)
        return kind


def _classify(cls: type) -> str | None:
    if issubclass(cls, float):
        return FLOAT
    if issubclass(cls, int):
        return INT
    # NumPy's scalars, told by their names so that NumPy is not imported. Its long doubles are wider than a
    # binary64.
    if any(base.__module__ == "numpy" and base.__name__ == "generic" for base in cls.__mro__):
        name = cls.__name__
        if name in ("float16", "float32"):
            return FLOAT
        if name in ("bool", "bool_"):
            return BOOL
        if name.rstrip("0123456789") in ("int", "uint", "byte", "short", "intc", "longlong", "long"):
            return INT
    return None


def key_fault(key: object) -> Refused | None:
    """Return why `key` cannot name a metric, or None if it can."""
    if not isinstance(key, str):
        return Refused("bad_name", repr(key)[:100], "The name of a metric is text.")
    try:
        size_bytes = len(key.encode())
    except UnicodeEncodeError:
        return Refused("bad_name", repr(key)[:100], "The name of a metric is valid Unicode.")
    if not 1 <= size_bytes <= KEY_MAX_BYTES:
        return Refused("bad_name", key[:100], f"The name of a metric has 1 to {KEY_MAX_BYTES} bytes.")
    if any(ord(character) < 32 or 127 <= ord(character) < 160 for character in key):
        return Refused("bad_name", repr(key)[:100], "The name of a metric holds no control characters.")
    return None


class Split(NamedTuple):
    """What one call of `log()` holds."""

    scalars: dict[str, Any]
    values: dict[str, Any]
    refused: list[Refused]


def split(metrics: Mapping[Any, Any]) -> Split:
    """Sort the values of one call of `log()`; mappings inside become names joined by a slash.

    Never raises: whatever cannot be kept is among `refused`.
    """
    out = Split({}, {}, [])
    _sort_into(out, metrics, prefix="", depth=0)
    return out


def _sort_into(out: Split, metrics: Mapping[Any, Any], *, prefix: str, depth: int) -> None:
    for key, value in metrics.items():
        name = f"{prefix}{key}" if isinstance(key, (str, int, float, bool)) else key
        fault = key_fault(name)
        if fault is not None:
            out.refused.append(fault)
            continue
        if isinstance(value, Mapping) and depth < DEPTH_MAX:
            _sort_into(out, value, prefix=f"{name}/", depth=depth + 1)
            continue
        try:
            _sort_one(out, name, value)
        except Exception as error:  # a foreign type's own methods may raise anything
            out.refused.append(Refused("unsupported", name, f"{type(value).__name__}: {error}"))


def _sort_one(out: Split, name: str, value: Any) -> None:
    value = _unwrapped(value)
    kind = kind_of(type(value))
    if kind == INT and not INT64_MIN <= int(value) <= INT64_MAX:
        out.refused.append(Refused("out_of_range", name, "An integer lies outside int64."))
    elif kind is not None:
        out.scalars[name] = value
    elif _is_real(value):
        out.scalars[name] = float(value)
    elif isinstance(value, (str, list, tuple, set, frozenset, datetime.date)) or hasattr(value, "tolist"):
        structure = plain(value)
        fault = _size_fault(name, structure)
        if fault is None:
            out.values[name] = structure
        else:
            out.refused.append(fault)
    else:
        out.refused.append(
            Refused("unsupported", name, f"A {type(value).__name__} is neither scalar, text nor list.")
        )


def _is_real(value: Any) -> bool:
    # A Decimal is a number, but no `numbers.Real`; a complex number has no float.
    return isinstance(value, numbers.Number) and hasattr(value, "__float__")


def _unwrapped(value: Any) -> Any:
    """Take a scalar out of an array or tensor of one element (NumPy, Torch, JAX, TensorFlow)."""
    if kind_of(type(value)) is not None:
        return value
    numpy = getattr(value, "numpy", None)
    if getattr(value, "item", None) is None and callable(numpy):
        value = numpy()
    item = getattr(value, "item", None)
    if callable(item) and math.prod(getattr(value, "shape", ())) == 1:
        return item()
    return value


def _size_fault(name: str, structure: Any) -> Refused | None:
    if _longest_text_bytes(structure) > TEXT_MAX_BYTES:
        return Refused("too_large", name, f"A text has at most {TEXT_MAX_BYTES} bytes.")
    if not isinstance(structure, str) and len(msgspec.json.encode(structure)) > VALUE_MAX_BYTES:
        return Refused("too_large", name, f"A value has at most {VALUE_MAX_BYTES} bytes as JSON.")
    return None


def _longest_text_bytes(structure: Any) -> int:
    if isinstance(structure, str):
        return len(structure.encode())
    if isinstance(structure, dict):
        return max(map(_longest_text_bytes, (*structure, *structure.values())), default=0)
    if isinstance(structure, list):
        return max(map(_longest_text_bytes, structure), default=0)
    return 0


def plain(value: Any, depth: int = 0) -> Any:
    """Turn a value of a config, a summary or a structure into JSON's types.

    Knows mappings (OmegaConf's among them), dataclasses, pydantic models, `argparse.Namespace`, enums, NumPy
    and Torch values, dates and paths; anything else becomes its text. NaN and the infinities become the texts
    `NaN`, `Infinity`, `-Infinity`, as JSON has no word for them; integers beyond int64 become text as well.
    """
    value = _unwrapped(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, enum.Enum):
        return plain(value.value, depth)
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, numbers.Integral) or kind_of(type(value)) in (INT, BOOL):
        number = int(value)
        if kind_of(type(value)) == BOOL:
            return bool(value)
        return number if INT64_MIN <= number <= INT64_MAX else str(number)
    if _is_real(value):
        return _plain_float(float(value))
    if depth >= DEPTH_MAX:
        return clean_text(str(value))
    if isinstance(value, Mapping):
        return {clean_text(str(key)): plain(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(inner, depth + 1) for inner in value]
    return _plain_object(value, depth)


def _plain_object(value: Any, depth: int) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: plain(getattr(value, field.name), depth + 1) for field in dataclasses.fields(value)
        }
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    for name in ("model_dump", "tolist"):
        method = getattr(value, name, None)
        if callable(method) and not isinstance(value, type):
            return plain(method(), depth + 1)
    if type(value).__name__ == "Namespace" or type(value).__name__ == "SimpleNamespace":
        return plain(vars(value), depth + 1)
    # A sequence of another library's own (OmegaConf's lists).
    if isinstance(value, Iterable) and hasattr(value, "__len__") and hasattr(value, "__getitem__"):
        return [plain(inner, depth + 1) for inner in value]
    return clean_text(str(value))


def _plain_float(number: float) -> float | str:
    if math.isfinite(number):
        return number
    if math.isnan(number):
        return "NaN"
    return "Infinity" if number > 0 else "-Infinity"


def clean_text(text: str) -> str:
    """Return text that every part of the way can carry: no NUL, no lone surrogates."""
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    return text.encode(errors="replace").decode()
