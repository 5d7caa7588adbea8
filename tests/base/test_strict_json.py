from __future__ import annotations

import json
import math
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.base.errors import Malformed, TooLarge
from apps.base.strict_json import loads

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
plain = (
    st.none()
    | st.booleans()
    | st.integers(-(10**38), 10**38)
    | st.floats(allow_nan=False, allow_infinity=False)
)
values = st.recursive(
    plain | texts, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4)
)


@settings(max_examples=100, deadline=None)
@given(values, st.booleans())
def test_what_json_can_say_comes_back(value, ascii_only):
    assert loads(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=30))
def test_any_bytes_are_json_or_malformed(body):
    try:
        value = loads(body)
    except Malformed:
        return
    assert json.loads(body) == value


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b'{"a": 1,}',
        b"[1] 2",
        b"\xef\xbb\xbf{}",
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b"1e999",
        b"-1e999",
        b"9" * 400,
        b"9" * 41,
        b"-" + b"9" * 40,
        b"01",
        b"+1",
        b".5",
        b"1.",
        b"'a'",
        b'"\t"',
        b'"\\x"',
        b'"\x00"',
        b"1\x00",
        b'"\\u0000"',
        b'{"a\\u0000": 1}',
        b'"\\\\\\u0000"',
        b'"\\ud800"',
        b'"\\udc00"',
        b'"\\udc00\\ud800"',
        b'"\\ud800x"',
        b'"\xed\xa0\x80"',
        b'"\xff"',
        b'"\xc0\x80"',
        b'{"a": 1, "a": 1}',
        b'[{"b": {"a": 1, "\\u0061": 2}}]',
        b"[" * 65 + b"]" * 65,
        b'{"a":' * 65 + b"1" + b"}" * 65,
        b"[" * 5_000_000,
        "{}".encode("utf-16"),
    ],
    ids=lambda body: repr(body[:20]),
)
def test_g_10_what_two_readers_could_read_differently_is_malformed(body):
    with pytest.raises(Malformed):
        loads(body)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"[" * 64 + b"]" * 64, None),
        (b'"' + b"[" * 100 + b'"', "[" * 100),
        (b'["\\"", "' + b"{" * 100 + b'\\\\"]', ['"', "{" * 100 + "\\"]),
        (b'"\\\\u0000"', "\\u0000"),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b"-0", 0),
        (b"9" * 40, 10**40 - 1),
        (b"18446744073709551616", 2**64),
    ],
)
def test_what_only_looks_wrong_is_read(body, value):
    found = loads(body)
    if value is not None:
        assert found == value


def test_minus_zero_stays_negative():
    assert math.copysign(1, loads(b"-0.0")) == -1


def test_more_values_than_any_honest_body_has_are_too_large():
    for body in (b"[" + b"{}," * 4_000_000 + b"1]", b"[" + b"1," * 4_000_000 + b"1]"):
        with pytest.raises(TooLarge):
            loads(body)
    assert loads(b'["' + b"," * 4_000_001 + b'"]') == ["," * 4_000_001]


def test_hostile_texts_cost_linear_time():
    for body in (
        b'"' + b'\\"' * 500_000,
        b"\\" * 1_000_000,
        b'["' + b"\\\\" * 500_000 + b'u0000"]' + b"[" * 70,
    ):
        started = time.perf_counter()
        with pytest.raises(Malformed):
            loads(body)
        assert time.perf_counter() - started < 2
