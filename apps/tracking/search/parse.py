"""Text → AST. The grammar, which docs/reference/query.md explains:

    query      = [ or ]
    or         = and { "or" and }
    and        = not { "and" not }
    not        = "not" not | "(" or ")" | condition
    condition  = "tags" [ "not" ] "has" text
               | field comparator value
               | field [ "not" ] "in" "(" value { "," value } ")"
               | field [ "not" ] ( "contains" | "like" | "ilike" | "matches" ) text
               | field "is" [ "not" ] "null"
    field      = attribute | scope "." key { "." key } | statistic "(" field ")"
    key        = bare word | '"' … '"' | "`" … "`"
    value      = text | number | duration | "true" | "false" | "now" [ ( "+" | "-" ) duration ]

Words of the language are written in any case. A recursive descent over a list of tokens, with a cap on depth.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from typing import Any, NoReturn, cast

from . import regex
from .ast import (
    EVERYTHING,
    SCOPES,
    STATISTICS,
    Comparison,
    Field,
    Has,
    IsNull,
    Literal_,
    Match,
    Node,
    Not,
    Now,
    OneOf,
    Operator,
    Pattern,
    Scope,
    Span,
    Statistic,
    Value,
    all_of,
    any_of,
)
from .attributes import ATTRIBUTES, attribute_named
from .errors import QueryError

MOST_CHARACTERS = 20_000
MOST_ATOMS = 200
MOST_VALUES = 1000
MOST_DEPTH = 50

# Other words for the scopes, as other trackers say.
_SCOPE_NAMES: dict[str, Scope] = {
    **{scope: scope for scope in SCOPES},
    "param": "config",
    "params": "config",
    "metric": "metrics",
    "summary": "metrics",
    "label": "labels",
}
_COMPARATORS = ("=", "!=", "<", "<=", ">", ">=")
_PATTERNS = ("contains", "like", "ilike", "matches")
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}
_AFTER_FIELD = (*_COMPARATORS, "in", "not in", *_PATTERNS, "is null", "is not null")

_TOKEN = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<duration>\d+(?:\.\d+)?(?:ms|min|[smhdw])(?![\w./:@]))
    | (?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w./:@]))
    | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<tick>`[^`]*`)
    | (?P<comparator><=|>=|!=|<>|==|=|<|>)
    | (?P<mark>[(),.+-])
    | (?P<word>[^\W\d](?:[\w/:@]|[-](?=\w))*)
    | (?P<key>\w(?:[\w/:@]|[-](?=\w))*)
    """,
    re.VERBOSE | re.DOTALL,
)
# `now-2d` without spaces reads like a name with a hyphen.
_NOW_LESS = re.compile(r"now-(\d+(?:ms|min|[smhdw]))")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Token:
    kind: str
    text: str
    start: int
    end: int

    @property
    def span(self) -> Span:
        return self.start, self.end

    @property
    def word(self) -> str:
        """The word of the language it may be."""
        return self.text.lower() if self.kind == "word" else ""


def parse(text: str) -> Node:
    """Return what the text asks. No text asks for everything.

    Raises QueryError, with the spot and what was expected there.
    """
    if len(text) > MOST_CHARACTERS:
        raise QueryError(f"A query has at most {MOST_CHARACTERS} characters.", code="query_too_long")
    parser = _Parser(text)
    if parser.at_end:
        return EVERYTHING
    node = parser.disjunction(0)
    if not parser.at_end:
        parser.refuse("Expected the query to end or go on with `and` or `or`.", "and", "or")
    return node


def parse_field(text: str) -> Field:
    """Return the field that the text names, and nothing beside it. Raises QueryError."""
    parser = _Parser(text)
    field = parser.field()
    if not parser.at_end:
        parser.refuse("Expected the field's name to end here.")
    return field


def tokens(text: str) -> list[Token]:
    """Return the tokens of a text without the space between them. Raises QueryError."""
    found: list[Token] = []
    at = 0
    while at < len(text):
        matched = _TOKEN.match(text, at)
        if matched is None:
            if text[at] in "\"'`":
                raise QueryError("This quotation does not end.", span=(at, len(text)), expected=[text[at]])
            raise QueryError("This character means nothing here.", span=(at, at + 1))
        if matched.lastgroup != "space":
            found.append(Token(str(matched.lastgroup), matched[0], at, matched.end()))
        at = matched.end()
    return found


def unquote(token: Token) -> str:
    """Return what stands between quotation marks. Only the mark itself and \\ need escaping."""
    inner = token.text[1:-1]
    return inner if token.kind == "tick" else _ESCAPE.sub(_unescaped, inner)


def _unescaped(matched: re.Match[str]) -> str:
    # A pattern keeps its own escapes: "\d" is those two characters.
    return matched[1] if matched[1] in "\"'\\" else matched[0]


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = tokens(text)
        self._end = len(text)
        self._at = 0
        self._atoms = 0

    @property
    def at_end(self) -> bool:
        return self._at >= len(self._tokens)

    def refuse(self, message: str, *expected: str, suggestions: list[str] | None = None) -> NoReturn:
        """Raise, pointing at the token that is next, or at the end."""
        span = (self._end, self._end) if self.at_end else self._tokens[self._at].span
        raise QueryError(message, span=span, expected=expected, suggestions=suggestions or [])

    # Tokens

    def _peek(self, ahead: int = 0) -> Token | None:
        at = self._at + ahead
        return self._tokens[at] if at < len(self._tokens) else None

    def _is_word(self, *words: str, ahead: int = 0) -> bool:
        token = self._peek(ahead)
        return token is not None and token.word in words

    def _is_mark(self, mark: str, ahead: int = 0) -> bool:
        token = self._peek(ahead)
        return token is not None and token.kind == "mark" and token.text == mark

    def _take(self) -> Token:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _skip_word(self, *words: str) -> bool:
        if self._is_word(*words):
            self._at += 1
            return True
        return False

    def _skip_mark(self, mark: str) -> bool:
        if self._is_mark(mark):
            self._at += 1
            return True
        return False

    # The grammar

    def disjunction(self, depth: int) -> Node:
        return any_of(self._several("or", self._conjunction, depth))

    def _conjunction(self, depth: int) -> Node:
        return all_of(self._several("and", self._negation, depth))

    def _several(self, word: str, read: Callable[[int], Node], depth: int) -> list[Node]:
        nodes = [read(depth)]
        while self._skip_word(word):
            nodes.append(read(depth))
        return nodes

    def _negation(self, depth: int) -> Node:
        if depth > MOST_DEPTH:
            self.refuse(f"A query nests at most {MOST_DEPTH} levels deep.")
        if self._skip_word("not"):
            return Not(self._negation(depth + 1))
        if self._skip_mark("("):
            node = self.disjunction(depth + 1)
            if not self._skip_mark(")"):
                self.refuse("Expected `)`.", ")", "and", "or")
            return node
        return self._condition()

    def _condition(self) -> Node:
        self._atoms += 1
        if self._atoms > MOST_ATOMS:
            self.refuse(f"A query has at most {MOST_ATOMS} conditions; use `in (…)` for many values.")
        if self._is_word("tags", "tag") and not self._is_mark(".", ahead=1):
            return self._tags()
        field = self.field()
        token = self._peek()
        if token is not None and token.kind == "comparator":
            return self._comparison(field)
        if self._skip_word("is"):
            negated = self._skip_word("not")
            if not self._skip_word("null"):
                self.refuse("Expected `null` or `not null`.", "null", *([] if negated else ["not null"]))
            return _negated(IsNull(field), negated)
        negated = self._skip_word("not")
        if self._skip_word("in"):
            return _negated(OneOf(field, self._values()), negated)
        if self._is_word(*_PATTERNS):
            return _negated(self._match(field), negated)
        if negated:
            self.refuse("Expected `in`, `contains`, `like` or `matches` after `not`.", "in", *_PATTERNS)
        return self.refuse("Expected a comparison.", *_AFTER_FIELD)

    def _tags(self) -> Node:
        token = self._take()
        if self._skip_word("is"):
            negated = self._skip_word("not")
            if not self._skip_word("null"):
                self.refuse("Expected `null` or `not null`.", "null", *([] if negated else ["not null"]))
            return _negated(IsNull(Field("run", "tags", span=token.span)), negated)
        negated = self._skip_word("not")
        if not self._skip_word("has"):
            self.refuse("Tags are asked for with `has`.", "has", "not has", "is null", "is not null")
        return _negated(Has(self._text("a tag in quotation marks")), negated)

    def _comparison(self, field: Field) -> Node:
        token = self._take()
        operator = {"==": "=", "<>": "!="}.get(token.text, token.text)
        value = self._value()
        if isinstance(value.value, float) and math.isnan(value.value) and operator not in ("=", "!="):
            raise QueryError(
                "NaN is neither less nor greater than anything.", span=value.span, expected=["=", "!="]
            )
        if isinstance(value.value, bool) and operator not in ("=", "!="):
            raise QueryError("true and false have no order.", span=value.span, expected=["=", "!="])
        return Comparison(field, cast("Operator", operator), value)

    def _match(self, field: Field) -> Node:
        how = cast("Pattern", self._take().word)
        pattern = self._text("a text in quotation marks")
        if how == "matches":
            regex.check(str(pattern.value), span=pattern.span)
        return Match(field, how, pattern)

    def _values(self) -> tuple[Literal_, ...]:
        if not self._skip_mark("("):
            self.refuse("Expected `(` and a list of values.", "(")
        values = [self._value()]
        while self._skip_mark(","):
            if len(values) >= MOST_VALUES:
                self.refuse(f"A list has at most {MOST_VALUES} values.")
            values.append(self._value())
        if not self._skip_mark(")"):
            self.refuse("Expected `,` or `)`.", ",", ")")
        return tuple(values)

    # Fields

    def field(self) -> Field:
        token = self._peek()
        if token is None or token.kind not in ("word", "text", "tick"):
            self.refuse("Expected a field.", "field", "not", "(")
        if token.word in STATISTICS and self._is_mark("(", ahead=1):
            return self._statistic()
        scope = _SCOPE_NAMES.get(token.word) if token.kind == "word" else None
        if self._is_mark(".", ahead=1):
            if scope is None and token.word not in ("run", "attributes", "attribute", "attr"):
                self._refuse_scope(token)
            self._at += 2
            name, end = self._name()
            if scope is None:
                return self._attribute(name, (token.start, end))
            return Field(scope, name, span=(token.start, end))
        if scope is not None:
            self._at += 1
            self.refuse(f"Expected `.` and a name: `{token.word}.name`.", ".")
        if token.kind == "text":
            self.refuse(
                "Expected a field, not a text in quotation marks: write the name as it is, or in backticks.",
                "field",
            )
        self._at += 1
        name = unquote(token) if token.kind == "tick" else token.text
        return self._attribute(name, token.span)

    def _statistic(self) -> Field:
        first = self._take()
        self._at += 1
        inner = self.field()
        if inner.scope != "metrics" or inner.statistic:
            raise QueryError(
                f"`{first.word}(…)` takes a metric: `{first.word}(metrics.loss)`.",
                span=inner.span,
                expected=["metrics."],
            )
        closing = self._peek()
        if closing is None or not self._skip_mark(")"):
            self.refuse("Expected `)`.", ")")
        return Field(
            "metrics", inner.name, statistic=cast("Statistic", first.word), span=(first.start, closing.end)
        )

    def _name(self) -> tuple[str, int]:
        """Return the rest of a path, keys joined by dots, and where it ends."""
        keys: list[str] = []
        while True:
            token = self._peek()
            if token is None or token.kind not in ("word", "key", "number", "duration", "text", "tick"):
                self.refuse("Expected a name.", "name")
            self._at += 1
            keys.append(unquote(token) if token.kind in ("text", "tick") else token.text)
            if not self._skip_mark("."):
                return ".".join(keys), token.end

    def _attribute(self, name: str, span: Span) -> Field:
        attribute = attribute_named(name)
        if attribute is None:
            close = get_close_matches(name.lower(), list(ATTRIBUTES), n=3)
            raise QueryError(
                "There is no such attribute of a run. What it was configured with is under `config.`, "
                "what it measured under `metrics.`.",
                span=span,
                expected=["field"],
                suggestions=close or [f"config.{name}", f"metrics.{name}"],
                code="unknown_field",
            )
        return Field("run", attribute.name, span=span)

    def _refuse_scope(self, token: Token) -> NoReturn:
        close = get_close_matches(token.word, list(_SCOPE_NAMES), n=1)
        raise QueryError(
            f"Names with a dot begin with one of {', '.join(SCOPES)}.",
            span=token.span,
            expected=[f"{scope}." for scope in SCOPES],
            suggestions=[f"{_SCOPE_NAMES[word]}." for word in close],
            code="unknown_field",
        )

    # Values

    def _text(self, what: str) -> Literal_:
        token = self._peek()
        if token is None or token.kind != "text":
            self.refuse(f"Expected {what}.", "text")
        self._at += 1
        return Literal_(unquote(token), token.span)

    def _value(self) -> Literal_:
        token = self._peek()
        sign = 1
        if token is not None and token.kind == "mark" and token.text in "+-":
            sign = -1 if token.text == "-" else 1
            self._at += 1
            start = token.start
            token = self._peek()
            if token is None or not (token.kind == "number" or token.word in ("inf", "infinity")):
                self.refuse("Expected a number.", "number")
        elif token is not None:
            start = token.start
        if token is None:
            self.refuse("Expected a value.", "text", "number", "true", "false", "now")
        value = self._value_of(token, sign)
        return Literal_(value, (start, self._tokens[self._at - 1].end))

    def _value_of(self, token: Token, sign: int) -> Value:
        self._at += 1
        if token.kind == "text":
            return unquote(token)
        if token.kind == "number":
            if re.fullmatch(r"\d+", token.text) and len(token.text) <= 18:
                return sign * int(token.text)
            return sign * float(token.text)
        if token.kind == "duration":
            return self._duration(token)
        if token.word in _CONSTANTS:
            return cast("Value", sign * _CONSTANTS[token.word] if sign < 0 else _CONSTANTS[token.word])
        if token.word == "now":
            return self._now()
        if matched := _NOW_LESS.fullmatch(token.word):
            return Now(-self._duration(Token("duration", matched[1], token.start + 4, token.end)))
        self._at -= 1
        return self.refuse(
            "Expected a value; a text stands in quotation marks.", "text", "number", "true", "false", "now"
        )

    def _now(self) -> Now:
        token = self._peek()
        if token is None or token.kind != "mark" or token.text not in "+-":
            return Now()
        self._at += 1
        after = self._peek()
        if after is None or after.kind != "duration":
            self.refuse("Expected a duration, such as 2d, 12h or 30min.", "duration")
        self._at += 1
        duration = self._duration(after)
        return Now(duration if token.text == "+" else -duration)

    def _duration(self, token: Token) -> timedelta:
        matched = re.fullmatch(r"([\d.]+)([a-z]+)", token.text)
        assert matched is not None
        seconds = float(matched[1]) * _UNITS[matched[2]]
        if seconds > 100 * 366 * 86_400:
            raise QueryError("A duration is at most a hundred years.", span=token.span)
        return timedelta(microseconds=round(seconds * 1e6))


_CONSTANTS: dict[str, Any] = {
    "true": True,
    "false": False,
    "nan": math.nan,
    "inf": math.inf,
    "infinity": math.inf,
}


def _negated(node: Node, negated: bool) -> Node:
    return Not(node) if negated else node
