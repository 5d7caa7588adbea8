"""In which order runs are listed, and where a page goes on.

The first key decides in *phases*, each with a condition of its own and one direct order, so that an index can
serve it: runs with a number, runs with a text, runs with NaN, runs without a value; missing comes last in
both directions. Within a phase the other keys follow as columns that are never null, then the newest run
first, then the id. A cursor is the phase and the last row's values: the next page is what lies strictly
behind.
"""

from __future__ import annotations

import math
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from django.db.models import (
    BigIntegerField,
    Case,
    DateTimeField,
    Exists,
    F,
    FilteredRelation,
    FloatField,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    TextField,
    Value,
    When,
    lookups,
)
from django.db.models.functions import Coalesce, Collate

from apps.base.errors import Malformed

from ..models import Run, RunField
from .ast import Field
from .attributes import ATTRIBUTES, Attribute
from .compile import Compiled, FieldNumbers
from .errors import QueryError
from .parse import parse_field

MOST_KEYS = 8

_NAN = math.nan
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Key:
    """as_text: numbers are put in order as the texts they are, as MLflow does with its params."""

    field: Field
    descending: bool = False
    as_text: bool = False


def parse_order(text: str) -> tuple[Key, ...]:
    """Return the keys of `-metrics.loss, created asc`. No text is no key: the newest first.

    Raises QueryError.
    """
    keys: list[Key] = []
    for part, start in _parts(text):
        words = part.rsplit(None, 1)
        descending = False
        if len(words) == 2 and words[1].lower() in ("asc", "desc"):
            part, descending = words[0], words[1].lower() == "desc"
        stripped = part.strip()
        if stripped[:1] in ("-", "+"):
            descending = stripped[0] == "-"
            stripped = stripped[1:].strip()
        try:
            field = parse_field(stripped)
        except QueryError as error:
            raise QueryError(
                error.message,
                span=(start, start + len(part)),
                expected=["field"],
                suggestions=error.details["suggestions"],
                code=error.code,
            ) from None
        keys.append(Key(field, descending))
    check_keys(keys)
    return tuple(keys)


def check_keys(keys: Sequence[Key]) -> None:
    """Raises QueryError for more keys than are served, a repeated one, or one that has no order."""
    if len(keys) > MOST_KEYS:
        raise QueryError(f"An order has at most {MOST_KEYS} keys.")
    if len({key.field for key in keys}) < len(keys):
        raise QueryError("A field stands twice in the order.")
    for key in keys:
        if key.field.scope == "run" and ATTRIBUTES[key.field.name].kind == "tags":
            raise QueryError("Runs cannot be put in the order of their tags.", span=key.field.span)


def _parts(text: str) -> Iterator[tuple[str, int]]:
    """Split at commas outside of quotation marks."""
    start, quote = 0, ""
    for at, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'`":
            quote = character
        elif character == ",":
            yield text[start:at], start
            start = at + 1
    if text[start:].strip() or start:
        yield text[start:], start


@dataclass(frozen=True)
class Column:
    """Something never null to order by. kind: how a cursor carries it."""

    name: str
    descending: bool
    kind: str = ""


# The phases there can be, in order.
_PARTS = ("all", "number", "text", "nan", "missing")


@dataclass(frozen=True)
class Phase:
    """runs: builds its queryset; most lists never come to their later phases."""

    part: str
    columns: tuple[Column, ...]
    runs: Callable[[], QuerySet[Run]]

    def page(self, after: Sequence[Any] | None, limit: int) -> list[tuple[Any, ...]]:
        """Return the values of the columns, of rows in order; the last of them is the run's key."""
        order = [("-" if column.descending else "") + column.name for column in self.columns]
        runs = self.runs() if after is None else self.runs().filter(self._behind(after))
        return list(runs.order_by(*order).values_list(*(column.name for column in self.columns))[:limit])

    def _behind(self, values: Sequence[Any]) -> Q:
        """Strictly after the row with these values, in the order of the columns."""
        behind = Q(pk__in=[])
        equal = Q()
        for column, value in zip(self.columns, values, strict=True):
            further = Q(**{f"{column.name}__{'lt' if column.descending else 'gt'}": value})
            behind |= equal & further
            equal &= Q(**{column.name: value})
        first, value = self.columns[0], values[0]
        # Implied by the rest, and what an index can begin at.
        return behind & Q(**{f"{first.name}__{'lte' if first.descending else 'gte'}": value})


class Order:
    """An order of runs over the fields of some projects."""

    def __init__(self, keys: Sequence[Key], numbers: FieldNumbers) -> None:
        check_keys(keys)
        self._keys = tuple(keys)
        self._numbers = numbers

    @property
    def fingerprint(self) -> str:
        """What a cursor belongs to: it is of no use in another order."""
        return ",".join(
            f"{'-' if key.descending else ''}{key.field.path}{'~' if key.as_text else ''}"
            for key in self._keys
        )

    def phases(self, runs: QuerySet[Run], asked: Compiled) -> list[Phase]:
        """Return the parts of the list, in order; together they are all of the runs that were asked for."""
        if not self._keys:
            return [Phase("all", _ended(), lambda: runs.filter(asked.over("pk")))]
        first, *others = self._keys
        runs, later = self._followed_by(runs, others)
        if first.field.scope == "run":
            return self._attribute_phases(runs.filter(asked.over("pk")), first, later)
        return self._field_phases(runs, asked, first, later)

    # The first key

    def _attribute_phases(self, runs: QuerySet[Run], key: Key, later: tuple[Column, ...]) -> list[Phase]:
        attribute = ATTRIBUTES[key.field.name]
        named = runs.annotate(_k0=_ordered(attribute))
        column = Column("_k0", key.descending, attribute.kind)
        missing = _missing(attribute)
        if missing is None:
            return [Phase("all", _ended(column, *later), lambda: named)]
        return [
            Phase("all", _ended(column, *later), lambda: named.filter(~missing)),
            Phase("missing", _ended(*later), lambda: runs.filter(missing)),
        ]

    def _field_phases(
        self, runs: QuerySet[Run], asked: Compiled, key: Key, later: tuple[Column, ...]
    ) -> list[Phase]:
        held = self._numbers.of(key.field)
        if not held:
            return [Phase("missing", _ended(*later), lambda: runs.filter(asked.over("pk")))]
        present = RunField.objects.filter(field__in=held)

        def joined(*condition: Q) -> QuerySet[Run]:
            # In one filter() all of it: another would join the rows once more.
            relation = FilteredRelation("fields", condition=Q(fields__field__in=held))
            return runs.alias(_f0=relation).filter(asked.over("_f0__run"), *condition)

        def missing() -> QuerySet[Run]:
            there = present.filter(text__isnull=False) if key.as_text else present
            return runs.filter(asked.over("pk"), ~Exists(there.filter(run=OuterRef("pk"))))

        phases: list[Phase] = []
        if self._numbers.has_number(key.field) and not key.as_text:
            columns = _ended(Column("_k0", key.descending, "number"), *later)
            phases.append(
                Phase(
                    "number", columns, lambda: joined(Q(_f0__number__lt=_NAN)).annotate(_k0=F("_f0__number"))
                )
            )
        if self._numbers.has_text(key.field) or key.as_text:
            columns = _ended(Column("_k0", key.descending), *later)
            is_text = Q(_f0__text__isnull=False)
            if not key.as_text:
                is_text &= Q(_f0__number__isnull=True)
            phases.append(Phase("text", columns, lambda: joined(is_text).annotate(_k0=F("_f0__text"))))
        if self._numbers.has_number(key.field) and not key.as_text and present.filter(number=_NAN).exists():
            phases.append(Phase("nan", _ended(*later), lambda: joined(Q(_f0__number=_NAN))))
        phases.append(Phase("missing", _ended(*later), missing))
        return phases

    # The other keys, and the end

    def _followed_by(
        self, runs: QuerySet[Run], keys: Sequence[Key]
    ) -> tuple[QuerySet[Run], tuple[Column, ...]]:
        columns: list[Column] = []
        for number, key in enumerate(keys, start=1):
            name = f"_k{number}"
            if key.field.scope == "run":
                attribute = ATTRIBUTES[key.field.name]
                missing = _missing(attribute)
                if missing is not None:
                    rank = Case(When(missing, then=Value(1)), default=Value(0), output_field=IntegerField())
                    runs = runs.annotate(**{f"{name}m": rank})
                    columns.append(Column(f"{name}m", descending=False))
                expression = _ordered(attribute)
                if attribute.nullable:
                    least = _LEAST[attribute.kind]
                    expression = Coalesce(expression, least, output_field=least.output_field)
                runs = runs.annotate(**{name: expression})
                columns.append(Column(name, key.descending, attribute.kind))
                continue
            held = self._numbers.of(key.field)
            if not held:
                continue
            runs, added = self._joined(runs, number, key, held)
            columns += added
        return runs, tuple(columns)

    def _joined(
        self, runs: QuerySet[Run], number: int, key: Key, held: list[int]
    ) -> tuple[QuerySet[Run], list[Column]]:
        """Add a field's columns: which part of the order the value is in, then the number, then the text.

        Only those that the field has values for: what is never asked for, an index need not hold.
        """
        name, relation = f"_k{number}", f"_f{number}"
        runs = runs.alias(**{relation: FilteredRelation("fields", condition=Q(fields__field__in=held))})
        value, text = F(f"{relation}__number"), F(f"{relation}__text")
        numbered = Q(lookups.LessThan(value, Value(_NAN, output_field=FloatField())))
        parts = []
        columns = [Column(f"{name}c", descending=False)]
        if self._numbers.has_number(key.field) and not key.as_text:
            zero = Value(0.0, output_field=FloatField())
            parts.append(When(numbered, then=Value(0)))
            runs = runs.annotate(
                **{f"{name}n": Case(When(numbered, then=value), default=zero, output_field=FloatField())}
            )
            columns.append(Column(f"{name}n", key.descending, "number"))
        if self._numbers.has_text(key.field) or key.as_text:
            texts = lookups.IsNull(text, False) if key.as_text else lookups.IsNull(value, True)
            parts.append(When(Q(lookups.IsNull(text, False)) & Q(texts), then=Value(1)))
            words = Case(When(Q(texts), then=text), default=Value(""), output_field=TextField())
            runs = runs.annotate(
                **{f"{name}t": Collate(Coalesce(words, Value(""), output_field=TextField()), "C")}
            )
            columns.append(Column(f"{name}t", key.descending))
        if not key.as_text:
            parts.append(When(lookups.IsNull(F(f"{relation}__field"), False), then=Value(2)))
        rank = Case(*parts, default=Value(3), output_field=IntegerField())
        return runs.annotate(**{f"{name}c": rank}), columns


def _ended(*columns: Column) -> tuple[Column, ...]:
    """Whatever is equal so far: the newest first. Keys grow with time, and no two are equal."""
    return (*columns, Column("pk", descending=True))


_LEAST: dict[str, Any] = {
    "text": Value("", output_field=TextField()),
    "time": Value(_LONG_AGO, output_field=DateTimeField()),
    "number": Value(0, output_field=BigIntegerField()),
}


def _ordered(attribute: Attribute) -> Any:
    return Collate(attribute.column, "C") if attribute.kind == "text" else attribute.column


def _missing(attribute: Attribute) -> Q | None:
    missing = None
    if attribute.nullable:
        missing = Q(lookups.IsNull(attribute.column, True))
    if attribute.may_be_empty:
        empty = Q(lookups.Exact(attribute.column, Value("")))
        missing = empty if missing is None else missing | empty
    return missing


# Cursors


class _Cursor(msgspec.Struct, array_like=True):
    order: str
    part: str
    values: list[Any]


def write_cursor(order: Order, phase: Phase, row: Sequence[Any]) -> str:
    """Return the cursor of the page behind a row of a phase."""
    packed = msgspec.msgpack.encode(_Cursor(order.fingerprint, phase.part, [_plain(value) for value in row]))
    return urlsafe_b64encode(packed).decode().rstrip("=")


def read_cursor(order: Order, phases: Sequence[Phase], cursor: str) -> tuple[list[Phase], list[Any] | None]:
    """Return the phases that are left, and the values behind which the first of them goes on.

    A phase that has come or gone since (the first NaN was logged) moves none of the others.

    Raises Malformed `bad_cursor` for one that was not given out for this order.
    """
    try:
        read = msgspec.msgpack.decode(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), type=_Cursor)
        if read.order != order.fingerprint:
            raise ValueError(read.order)
        reached = _PARTS.index(read.part)
        left = [phase for phase in phases if _PARTS.index(phase.part) >= reached]
        if not left or left[0].part != read.part:
            return left, None
        pairs = zip(left[0].columns, read.values, strict=True)
        return left, [_restored(column, value) for column, value in pairs]
    except (ValueError, TypeError, OverflowError, msgspec.DecodeError):
        raise Malformed("That is no cursor of this list.", code="bad_cursor") from None


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return (value - _EPOCH) // _MICROSECOND
    if isinstance(value, timedelta):
        return value // _MICROSECOND
    return value


def _restored(column: Column, value: Any) -> Any:
    if column.kind == "time":
        return _EPOCH + timedelta(microseconds=value)
    if column.kind == "duration":
        return timedelta(microseconds=value)
    if isinstance(value, list | dict | bytes) or value is None:
        raise TypeError(value)
    if column.kind == "number" or column.name == "pk":
        return value + 0
    if isinstance(value, str) and "\0" in value:
        raise ValueError(value)
    return value
