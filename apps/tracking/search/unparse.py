"""AST → text: the shortest spelling that parses to the same AST."""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta

from .ast import (
    EVERYTHING,
    And,
    Comparison,
    Field,
    Has,
    IsNull,
    Match,
    Node,
    Not,
    Now,
    OneOf,
    Or,
    Value,
)

# A key that is one token of its own; everything else is quoted.
_BARE = re.compile(r"\w(?:[\w/:@]|-(?=\w))*")


def unparse(node: Node) -> str:
    """Return the query as text. The empty query is the empty text."""
    return "" if node == EVERYTHING else _text(node, outer="or")


def unparse_field(field: Field) -> str:
    if field.scope == "run":
        return field.name
    path = f"{field.scope}.{'.'.join(map(_key, field.name.split('.')))}"
    return f"{field.statistic}({path})" if field.statistic else path


def _text(node: Node, *, outer: str) -> str:
    """outer: what it stands in, which decides about parentheses."""
    if isinstance(node, And | Or):
        word = "and" if isinstance(node, And) else "or"
        if not node.nodes:
            # Of nothing, `and` is true and `or` false: every run has an id.
            return "id is not null" if word == "and" else "id is null"
        text = f" {word} ".join(_text(part, outer=word) for part in node.nodes)
        binds = {"or": 0, "and": 1, "not": 2}
        return f"({text})" if binds[word] < binds[outer] else text
    if isinstance(node, Not):
        return _negation(node.node)
    return _condition(node, "")


def _negation(node: Node) -> str:
    """`x not in (…)` and its like read better than `not x in (…)`, and mean the same."""
    if isinstance(node, And | Or | Not | Comparison):
        return f"not {_text(node, outer='not')}"
    return _condition(node, "not ")


def _condition(node: Node, negation: str) -> str:
    if isinstance(node, Has):
        return f"tags {negation}has {_value(node.tag.value)}"
    if isinstance(node, Comparison):
        return f"{unparse_field(node.field)} {node.operator} {_value(node.value.value)}"
    if isinstance(node, OneOf):
        values = ", ".join(_value(value.value) for value in node.values)
        return f"{unparse_field(node.field)} {negation}in ({values})"
    if isinstance(node, Match):
        return f"{unparse_field(node.field)} {negation}{node.how} {_value(node.pattern.value)}"
    assert isinstance(node, IsNull)
    return f"{unparse_field(node.field)} is {negation}null"


def _key(key: str) -> str:
    if _BARE.fullmatch(key):
        return key
    return quoted(key)


def quoted(text: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def _value(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if math.isfinite(value):
            return repr(value)
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, datetime):
        return quoted(value.isoformat())
    if isinstance(value, timedelta):
        return _duration(value)
    assert isinstance(value, Now)
    if not value.offset:
        return "now"
    return f"now {'-' if value.offset < timedelta(0) else '+'} {_duration(abs(value.offset))}"


def _duration(value: timedelta) -> str:
    microseconds = value // timedelta(microseconds=1)
    for unit, size in (("w", 604_800), ("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        whole, rest = divmod(microseconds, size * 1_000_000)
        if whole and not rest:
            return f"{whole}{unit}"
    milliseconds, rest = divmod(microseconds, 1000)
    return f"{milliseconds}.{rest:03}ms" if rest else f"{milliseconds}ms"
