"""What a logged value becomes."""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import decimal
import enum
import fractions
import math
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoline._values import Split, plain, split


class Tensor:
    """What Torch's and JAX's scalars look like from outside."""

    def __init__(self, value: Any, shape: tuple[int, ...] = ()) -> None:
        self.value, self.shape = value, shape

    def item(self) -> Any:
        return self.value

    def tolist(self) -> Any:
        return [self.value] * math.prod(self.shape)


class Broken:
    def item(self) -> Any:
        raise RuntimeError("device lost")


def codes(found: Split) -> dict[str, str]:
    return {refused.key: refused.code for refused in found.refused}


def test_scalars_of_all_kinds_are_scalars() -> None:
    found = split(
        {
            "tensor": Tensor(0.5),
            "array": np.array([3]),
            "zero_d": np.array(2.5),
            "decimal": decimal.Decimal("0.5"),
            "fraction": fractions.Fraction(1, 4),
            "half": np.float16(0.5),
            "long": np.longdouble(1.5),
        }
    )
    assert found.scalars == {
        "tensor": 0.5, "array": 3, "zero_d": 2.5, "decimal": 0.5, "fraction": 0.25, "half": 0.5, "long": 1.5
    }  # fmt: skip
    assert not found.refused


def test_texts_lists_and_arrays_are_values() -> None:
    found = split(
        {"text": "hi", "list": [1, math.nan], "array": np.arange(3), "day": datetime.date(2024, 1, 2)}
    )
    assert found.values == {"text": "hi", "list": [1, "NaN"], "array": [0, 1, 2], "day": "2024-01-02"}


def test_mappings_inside_become_paths() -> None:
    assert split({"train": {"loss": 1, "top": {"k": 2}}}).scalars == {"train/loss": 1, "train/top/k": 2}


def test_what_cannot_be_kept_is_named() -> None:
    found = split(
        {
            "big": 2**63,
            "uint": np.uint64(2**64 - 1),
            "none": None,
            "object": object(),
            "complex": 1j,
            "bytes": b"x",
            "broken": Broken(),
            "": 1,
            "a\nb": 1,
            "x" * 1025: 1,
            "text": "x" * 100_001,
            "list": list(range(400_000)),
            "good": 1,
            ("a", 1): 1,
            "\ud800": 1,
        }
    )
    assert found.scalars == {"good": 1}
    assert codes(found) == {
        "big": "out_of_range", "uint": "out_of_range", "none": "unsupported", "object": "unsupported",
        "complex": "unsupported", "bytes": "unsupported", "broken": "unsupported", "": "bad_name",
        "'a\\nb'": "bad_name", "x" * 100: "bad_name", "text": "too_large", "list": "too_large",
        "('a', 1)": "bad_name", "'\\ud800'": "bad_name",
    }  # fmt: skip


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner), max_leaves=20,
))  # fmt: skip
def test_anything_becomes_something_that_travels(value: Any) -> None:
    made = plain(value)
    assert msgspec.json.decode(msgspec.json.encode(made)) == made
    assert "\\u0000" not in msgspec.json.encode(made).decode()
    split({"key": value})


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Model:
    depth: int
    colour: Colour


class Pydantic:
    def model_dump(self) -> dict[str, Any]:
        return {"lr": 0.1}


@pytest.mark.parametrize(
    ("given_value", "expected"),
    [
        (argparse.Namespace(lr=0.1, path=Path("a/b")), {"lr": 0.1, "path": "a/b"}),
        (Model(3, Colour.RED), {"depth": 3, "colour": "red"}),
        (Pydantic(), {"lr": 0.1}),
        ({1: {2: (3, {4})}}, {"1": {"2": [3, [4]]}}),
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        (2**70, str(2**70)),
        (math.inf, "Infinity"),
        ("a\0b\ud800", "a\ufffdb?"),
        (Model, str(Model)),
    ],
)
def test_settings_of_all_kinds_become_plain(given_value: Any, expected: Any) -> None:
    assert plain(given_value) == expected


def test_a_structure_that_holds_itself_ends() -> None:
    loop: list[Any] = []
    loop.append(loop)
    assert msgspec.json.encode(plain(loop))
