"""The one form in which a question about runs exists, whichever language it was asked in.

The query bar, the REST API, MLflow's filter strings and W&B's Mongo-like filters are all translated into
this, and only this is compiled. docs/reference/query.md says what each node means; in short: every
condition is true or false, a missing value makes it false, and `not` turns that around.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

# Where a name is looked up: the run's own attributes, or the fields that RunField holds.
Scope = Literal["run", "config", "metrics", "labels", "metadata"]
SCOPES: tuple[Scope, ...] = ("config", "metrics", "labels", "metadata")

Statistic = Literal["", "last", "min", "max", "best", "mean", "first"]
STATISTICS: tuple[Statistic, ...] = ("last", "min", "max", "best", "mean", "first")

Operator = Literal["=", "!=", "<", "<=", ">", ">="]
Pattern = Literal["contains", "like", "ilike", "matches"]

# Where in the text a node was read; nodes made by a program have none.
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Now:
    """The moment of asking, shifted."""

    offset: timedelta = timedelta(0)


Value = bool | int | float | str | datetime | timedelta | Now


@dataclass(frozen=True, slots=True)
class Field:
    """statistic: which value of a metric; "" is what its definition says, `last` by default."""

    scope: Scope
    name: str
    statistic: Statistic = ""
    span: Span | None = field(default=None, compare=False, repr=False)

    @property
    def path(self) -> str:
        """The path RunField knows it by."""
        path = f"{self.scope}.{self.name}"
        return f"{self.statistic}({path})" if self.statistic else path


@dataclass(frozen=True, slots=True)
class Literal_:
    """A value with its place, so that a refusal can point at it."""

    value: Value
    span: Span | None = field(default=None, compare=False, repr=False)

    def __eq__(self, other: object) -> bool:
        """1 is not true and not 1.0, and NaN is NaN: what is printed is what is compared."""
        return (
            isinstance(other, Literal_)
            and type(self.value) is type(other.value)
            and (self.value == other.value or (self.value != self.value and other.value != other.value))
            and str(self.value) == str(other.value)
        )

    def __hash__(self) -> int:
        return hash((type(self.value), str(self.value)))


@dataclass(frozen=True, slots=True)
class Comparison:
    field: Field
    operator: Operator
    value: Literal_


@dataclass(frozen=True, slots=True)
class OneOf:
    """Equal to one of the values."""

    field: Field
    values: tuple[Literal_, ...]


@dataclass(frozen=True, slots=True)
class Match:
    field: Field
    how: Pattern
    pattern: Literal_


@dataclass(frozen=True, slots=True)
class IsNull:
    field: Field


@dataclass(frozen=True, slots=True)
class Has:
    """The run carries the tag."""

    tag: Literal_


@dataclass(frozen=True, slots=True)
class Not:
    node: Node


@dataclass(frozen=True, slots=True)
class And:
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    nodes: tuple[Node, ...]


Atom = Comparison | OneOf | Match | IsNull | Has
Node = Atom | Not | And | Or

# The empty query: every run.
EVERYTHING = And(())


def all_of(nodes: Iterable[Node]) -> Node:
    """Return the conjunction, flat: `and` inside `and` is one."""
    flat = [part for node in nodes for part in (node.nodes if isinstance(node, And) else (node,))]
    return flat[0] if len(flat) == 1 else And(tuple(flat))


def any_of(nodes: Iterable[Node]) -> Node:
    """Return the disjunction, flat. Of nothing, it is false."""
    flat = [part for node in nodes for part in (node.nodes if isinstance(node, Or) else (node,))]
    return flat[0] if len(flat) == 1 else Or(tuple(flat))


def atoms(node: Node) -> Iterator[Atom]:
    """Yield the conditions of a query, from left to right."""
    waiting: list[Node] = [node]
    while waiting:
        current = waiting.pop()
        if isinstance(current, And | Or):
            waiting.extend(reversed(current.nodes))
        elif isinstance(current, Not):
            waiting.append(current.node)
        else:
            yield current


def fields(node: Node) -> list[Field]:
    """Return the fields a query names, each once."""
    return list(dict.fromkeys(atom.field for atom in atoms(node) if not isinstance(atom, Has)))
