"""AST → a condition over Run.

Attributes are columns of Run, from the list in attributes.py; every other field is a look into RunField by
the number its path has in the project's dictionary. No other relation can be reached. Every condition
becomes a Q
that is true or false, never null: a missing value makes it false, so `not` and `or` mean what they say.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from typing import Any

from django.db import connection
from django.db.models import BooleanField, Expression, F, Func, Q, QuerySet, TextField, Value, lookups
from django.db.models.functions import Coalesce, Collate
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.timezone import now

from ..entries import HEAD_LENGTH
from ..models import ProjectField, RunField
from . import regex
from .ast import (
    And,
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
    Or,
    Pattern,
    fields,
)
from .attributes import ATTRIBUTES, Attribute
from .errors import QueryError

_NAN = math.nan
_SUGGESTED_FROM = 5000

_LOOKUPS: Mapping[Operator, str] = {"=": "exact", "<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}

_CLASSES: Mapping[str, Any] = {
    "exact": lookups.Exact,
    "lt": lookups.LessThan,
    "lte": lookups.LessThanOrEqual,
    "gt": lookups.GreaterThan,
    "gte": lookups.GreaterThanOrEqual,
    "isnull": lookups.IsNull,
}

# Of runs, and of rows of RunField.
NEVER = Q(pk__in=[])
ALWAYS = ~NEVER
_NEVER_ROW = Q(run__in=[])

_WHOLE_TEXT = Coalesce(F("long_text"), F("text"), output_field=TextField(db_collation="C"))


@dataclass(frozen=True)
class Unknown:
    """A field of the query that no run of the project has: its conditions are false. Names that look
    alike.
    """

    field: Field
    suggestions: tuple[str, ...]


class FieldNumbers:
    """The numbers that the paths of some fields have in the projects' dictionaries."""

    def __init__(self, projects: Sequence[int], wanted: Iterable[Field]) -> None:
        self.projects = list(projects)
        self._held: dict[str, list[ProjectField]] = defaultdict(list)
        paths = {field.path for field in wanted if field.scope != "run"}
        if paths:
            for held in ProjectField.objects.filter(project__in=self.projects, path__in=paths):
                self._held[held.path].append(held)

    def of(self, field: Field) -> list[int]:
        return [held.pk for held in self._held.get(field.path, ())]

    def has_number(self, field: Field) -> bool:
        return any(held.has_number for held in self._held.get(field.path, ()))

    def has_text(self, field: Field) -> bool:
        return any(held.has_text for held in self._held.get(field.path, ()))


def compile(node: Node, projects: Sequence[int], *, at: datetime | None = None) -> Compiled:
    """Return the condition that a query puts on runs of these projects. At most two queries.

    at: what `now` means.

    What its comparisons cannot be compared with is refused when the condition is taken: see over().
    """
    wanted = fields(node)
    numbers = FieldNumbers(projects, wanted)
    return Compiled(node, numbers, at or now(), unknown_fields(wanted, numbers))


@dataclass(frozen=True)
class Compiled:
    """A query that can be asked of runs of its projects; the caller restricts it to these."""

    node: Node
    numbers: FieldNumbers
    at: datetime
    unknown: tuple[Unknown, ...]

    def over(self, key: str) -> Q:
        """Return the condition over Run. key: what holds the run's number, where that is not its own column.

        A list that an index of fields puts in order is then filtered in the index, before any run is looked up.

        Raises QueryError for a comparison that its field cannot have.
        """
        return _Compiler(self.numbers, self.at, key).condition(self.node)


def unknown_fields(wanted: Iterable[Field], numbers: FieldNumbers) -> tuple[Unknown, ...]:
    missing = [field for field in wanted if field.scope != "run" and not numbers.of(field)]
    if not missing:
        return ()
    held = ProjectField.objects.filter(project__in=numbers.projects).order_by("pk")
    paths = list(held.values_list("path", flat=True)[:_SUGGESTED_FROM])
    return tuple(Unknown(field, tuple(get_close_matches(field.path, paths, n=3))) for field in missing)


class _Compiler:
    def __init__(self, numbers: FieldNumbers, at: datetime, key: str) -> None:
        self._numbers = numbers
        self._at = at
        self._key = key

    def condition(self, node: Node) -> Q:
        if isinstance(node, And | Or):
            condition = ALWAYS if isinstance(node, And) else NEVER
            for number, part in enumerate(node.nodes):
                compiled = self.condition(part)
                if number == 0:
                    condition = compiled
                else:
                    condition = condition & compiled if isinstance(node, And) else condition | compiled
            return condition
        if isinstance(node, Not):
            return ~self.condition(node.node)
        if isinstance(node, Has):
            return Q(tags__contains=[str(node.tag.value)])
        if node.field.scope == "run":
            return self._of_attribute(node, ATTRIBUTES[node.field.name])
        return self._of_field(node)

    # Fields: rows of RunField

    def _of_field(self, node: Comparison | OneOf | Match | IsNull) -> Q:
        held = self._numbers.of(node.field)
        if not held:
            return ALWAYS if isinstance(node, IsNull) else NEVER
        rows = RunField.objects.filter(field__in=held)
        if isinstance(node, IsNull):
            return ~self._is_among(rows)
        if isinstance(node, Comparison):
            wanted = self._field_compares(node.operator, node.value)
        elif isinstance(node, OneOf):
            wanted = self._field_is_one_of(node.values)
        else:
            wanted = _matches(_WHOLE_TEXT, node.how, node.pattern)
        return self._is_among(rows.filter(wanted))

    def _is_among(self, rows: QuerySet[RunField]) -> Q:
        """The run has one of the rows.

        `IS TRUE` keeps PostgreSQL from making a join of it. It cannot estimate what a condition on a field lets
        through (it knows how numbers are spread over all fields together), and where it expects few of many it
        looks each up: 500 ms at 100,000 runs. As it stands the rows are read once, from an index, into a hash.
        """
        return Q(_IsTrue(lookups.In(F(self._key), rows.values("run").query)))

    def _field_compares(self, operator: Operator, literal: Literal_) -> Q:
        value = literal.value
        if isinstance(value, bool):
            # MLflow's clients write Python's words.
            words = ["true", "True"] if value else ["false", "False"]
            if operator not in ("=", "!="):
                raise QueryError("true and false have no order.", span=literal.span, expected=["=", "!="])
            same = Q(text__in=words)
            return same if operator == "=" else Q(text__isnull=True) | ~same
        if isinstance(value, int | float):
            return _number_compares(operator, float(value))
        if isinstance(value, str):
            return _text_compares(operator, value)
        if isinstance(value, timedelta):
            return _number_compares(operator, value.total_seconds())
        # A moment: configs hold them as ISO texts, which order as text.
        return _text_compares(operator, self._moment(value).isoformat())

    def _field_is_one_of(self, literals: Sequence[Literal_]) -> Q:
        """Texts and numbers are looked up as lists; the rest, one by one."""
        texts = [each.value for each in literals if isinstance(each.value, str)]
        numbers = [
            each.value
            for each in literals
            if isinstance(each.value, int | float) and not isinstance(each.value, bool)
        ]
        wanted = _NEVER_ROW
        if texts:
            for text in texts:
                _check_storable(text, None)
            wanted |= Q(text__in=[text for text in texts if len(text) < HEAD_LENGTH])
            for text in texts:
                if len(text) >= HEAD_LENGTH:
                    wanted |= _text_is(text)
        if numbers:
            wanted |= Q(number__in=[float(number) for number in numbers])
        for each in literals:
            if type(each.value) not in (str, int, float):
                wanted |= self._field_compares("=", each)
        return wanted

    # Attributes: columns of Run

    def _of_attribute(self, node: Comparison | OneOf | Match | IsNull, attribute: Attribute) -> Q:
        column = attribute.column
        if attribute.kind == "tags":
            if isinstance(node, IsNull):
                return Q(tags=[])
            raise QueryError("Tags are asked for with `has`.", span=node.field.span, expected=["has"])
        if isinstance(node, IsNull):
            # A text that is empty is one that was never set.
            empty = _is(column, "exact", "") if attribute.may_be_empty else NEVER
            return _is(column, "isnull", True) | empty if attribute.nullable else empty
        if isinstance(node, Match):
            if attribute.kind != "text":
                raise QueryError(
                    f"{attribute.name} is not a text.", span=node.field.span, expected=list(_LOOKUPS)
                )
            wanted = _matches(column, node.how, node.pattern)
        elif isinstance(node, Comparison):
            wanted = self._attribute_compares(attribute, node.operator, node.value)
        else:
            wanted = NEVER
            for value in node.values:
                wanted |= self._attribute_compares(attribute, "=", value)
        if attribute.may_be_empty:
            wanted &= ~_is(column, "exact", "")
        return wanted & _is(column, "isnull", False) if attribute.nullable else wanted

    def _attribute_compares(self, attribute: Attribute, operator: Operator, literal: Literal_) -> Q:
        value: Any = literal.value
        column = attribute.column
        if attribute.kind == "time":
            value = self._moment_of(literal)
        elif attribute.kind == "duration":
            if isinstance(value, bool) or not isinstance(value, int | float | timedelta):
                raise QueryError(
                    "A duration is written as 90s, 30min, 2h or 3d.", span=literal.span, expected=["duration"]
                )
            if not isinstance(value, timedelta):
                value = _seconds(value, literal)
        elif attribute.kind == "number":
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise QueryError("Expected a number.", span=literal.span, expected=["number"])
        else:
            if not isinstance(value, str):
                raise QueryError("Expected a text in quotation marks.", span=literal.span, expected=["text"])
            _check_storable(value, literal)
            if attribute.words and operator in ("=", "!=") and value.lower() not in attribute.words:
                close = get_close_matches(value.lower(), attribute.words, n=2)
                raise QueryError(
                    f"A {attribute.name} is one of {', '.join(attribute.words)}.",
                    span=literal.span,
                    expected=list(attribute.words),
                    suggestions=close,
                )
            value = value.lower() if attribute.words else value
            column = Collate(column, "C")
        if operator == "!=":
            return ~_is(column, "exact", value)
        return _is(column, _LOOKUPS[operator], value)

    # Time

    def _moment_of(self, literal: Literal_) -> datetime:
        value = literal.value
        if isinstance(value, datetime | Now):
            return self._moment(value, literal)
        parsed = _parsed_moment(value) if isinstance(value, str) else None
        if parsed is None:
            raise QueryError(
                'Expected a moment: "2026-01-31", "2026-01-31 18:00" or now - 2d.',
                span=literal.span,
                expected=["text", "now"],
            )
        return parsed

    def _moment(self, value: datetime | Now, literal: Literal_ | None = None) -> datetime:
        if isinstance(value, datetime):
            return value if value.tzinfo else value.replace(tzinfo=UTC)
        try:
            return self._at + value.offset
        except OverflowError:
            raise QueryError(
                "That moment is in no calendar.", span=literal.span if literal else None
            ) from None


def _number_compares(operator: Operator, value: float) -> Q:
    """A NaN is equal to NaN only, and neither less nor greater than anything."""
    if math.isnan(value):
        if operator == "=":
            return Q(number=_NAN)
        if operator == "!=":
            return Q(number__isnull=True) | Q(number__lt=_NAN)
        return _NEVER_ROW
    if operator == "!=":
        return Q(number__isnull=True) | ~Q(number=value)
    wanted = Q(**{f"number__{_LOOKUPS[operator]}": value})
    # To PostgreSQL NaN is greater than every number.
    return wanted & Q(number__lt=_NAN) if operator in (">", ">=") else wanted


def _text_compares(operator: Operator, value: str) -> Q:
    _check_storable(value, None)
    equal = _text_is(value)
    if operator == "=":
        return equal
    if operator == "!=":
        return Q(text__isnull=True) | ~equal
    return Q(_CLASSES[_LOOKUPS[operator]](_WHOLE_TEXT, Value(value)))


def _text_is(value: str) -> Q:
    """What is shorter than the head of a text is compared with that alone, which the index holds."""
    if len(value) < HEAD_LENGTH:
        return Q(text=value)
    head = Q(text=value[:HEAD_LENGTH])
    return head & (Q(long_text=value) if len(value) > HEAD_LENGTH else Q(long_text__isnull=True))


def _matches(column: Expression | F, how: Pattern, literal: Literal_) -> Q:
    pattern = literal.value
    if not isinstance(pattern, str):
        raise QueryError("Expected a text in quotation marks.", span=literal.span, expected=["text"])
    _check_storable(pattern, literal)
    if how == "matches":
        text, ignore_case = regex.canonical(pattern, span=literal.span)
        return Q(_Operator(Collate(column, _collation()), Value(text), operator="~*" if ignore_case else "~"))
    if how == "contains":
        pattern = "%" + re.sub(r"([%_\\])", r"\\\1", pattern) + "%"
    elif (len(pattern) - len(pattern.rstrip("\\"))) % 2:
        raise QueryError(
            "A pattern may not end with a single backslash.", span=literal.span, code="bad_pattern"
        )
    operator = "LIKE" if how == "like" else "ILIKE"
    return Q(_Operator(Collate(column, _collation()), Value(pattern), operator=operator))


def _collation() -> str:
    """Case is ignored for letters of every script, whatever the database's locale; before PostgreSQL 17, of ASCII."""
    return "pg_c_utf8" if getattr(connection, "pg_version", 0) >= 170_000 else "C"


class _IsTrue(Func):
    template = "(%(expressions)s) IS TRUE"
    output_field = BooleanField()


class _Operator(Func):
    """left OPERATOR right, for operators that Django has no word for."""

    output_field = BooleanField()

    def __init__(self, left: Any, right: Any, *, operator: str) -> None:
        # A percent sign of the template would be taken for a parameter; these operators have none.
        super().__init__(left, right, template="(%(expressions)s)", arg_joiner=f" {operator} ")


def _is(column: Any, lookup: str, value: Any) -> Q:
    """A condition on an expression, which need not be a column."""
    return Q(_CLASSES[lookup](column, value))


def _seconds(value: float, literal: Literal_) -> timedelta:
    try:
        return timedelta(seconds=value)
    except (OverflowError, ValueError):
        raise QueryError("That is no duration.", span=literal.span, expected=["duration"]) from None


def _parsed_moment(text: str) -> datetime | None:
    try:
        moment = parse_datetime(text)
        day: date | None = None if moment else parse_date(text)
    except ValueError:
        return None
    if moment is None:
        return datetime(day.year, day.month, day.day, tzinfo=UTC) if day else None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _check_storable(text: str, literal: Literal_ | None) -> None:
    """No stored text holds these, and PostgreSQL does not take them."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise QueryError(
            "A text may not hold NUL or a lone surrogate.", span=literal.span if literal else None
        )


__all__ = ["Compiled", "FieldNumbers", "Unknown", "compile", "unknown_fields"]
