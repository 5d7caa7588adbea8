"""JSON as every route reads it: one meaning or none."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import orjson

from apps.base.errors import Malformed, TooLarge

MAX_DEPTH = 64
# A value can take a hundred times its bytes in memory. An honest body has at most a million points.
MAX_VALUES = 4_000_000
# A 128-bit number has 39 digits; nobody counts further than that.
MAX_INT_DIGITS = 40

# Possessive, and matching an unclosed string too, so that a broken text cannot cost quadratic time.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_NOT_STRUCTURE = bytes(set(range(256)) - set(b"[]{},"))
_STEP = np.zeros(256, np.int32)
_STEP[list(b"[{")] = 1
_STEP[list(b"]}")] = -1
# An escaped NUL: the backslash before u0000 must not itself be escaped.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def loads(body: bytes) -> Any:
    """Return the value of a JSON text (RFC 8259), refusing whatever two readers could read differently.

    Refused beyond the RFC's grammar: nesting over 64, a key twice in one object, invalid UTF-8, a byte
    order mark, NUL, lone surrogates, NaN and Infinity, floats that overflow, integers over 40 digits.

    Two parsers read it. orjson holds the line on grammar, UTF-8, surrogates and overflow, but keeps the
    last of two equal keys and turns long integers into floats; the standard library's lets hooks see
    both. orjson goes first, so that the slower one never meets a broken text.

    Raises Malformed; TooLarge over 4,000,000 values.
    """
    depth, count = _depth_and_count(body)
    if depth > MAX_DEPTH:
        raise Malformed(f"The JSON nests deeper than {MAX_DEPTH} levels.", code="too_deep")
    if count > MAX_VALUES:
        raise TooLarge(f"The JSON holds more than {MAX_VALUES} values.")
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError as error:
        # The parser's own message ends in its position and quotes nothing of the body.
        raise Malformed(f"The body is not valid JSON: {error}.") from None
    # The plain search is for speed: nearly no body has the six characters at all.
    if b"\\u0000" in body and _NUL.search(body):
        raise Malformed("The JSON holds a NUL character, which no text may.")
    return json.loads(body, object_pairs_hook=_object, parse_int=_integer)


def _depth_and_count(body: bytes) -> tuple[int, int]:
    """Return how deep the brackets outside of strings nest, and at least how many values there are.

    Both are 0 where a plain count of the bytes already says that neither can matter.
    """
    brackets = body.count(b"[") + body.count(b"{")
    if brackets <= MAX_DEPTH and body.count(b",") <= MAX_VALUES // 2:
        return 0, 0
    structure = np.frombuffer(_STRING.sub(b"", body).translate(None, delete=_NOT_STRUCTURE), np.uint8)
    steps = _STEP[structure]
    return int(np.cumsum(steps).max(initial=0)), int((steps >= 0).sum())


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise Malformed("A key stands twice in one JSON object.", code="duplicate_key")
    return made


def _integer(digits: str) -> int:
    if len(digits) > MAX_INT_DIGITS:
        raise Malformed(f"An integer has more than {MAX_INT_DIGITS} digits.")
    return int(digits)
