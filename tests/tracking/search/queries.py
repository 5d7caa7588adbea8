"""Random queries and random runs, and what a query means written down plainly in Python."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils.dateparse import parse_date, parse_datetime
from hypothesis import strategies as st

from apps.tracking.entries import entry_of
from apps.tracking.models import Run
from apps.tracking.search import ast, regex
from apps.tracking.search.ast import (
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
    Or,
)

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)

# Values


def text_literals():
    return st.one_of(
        st.sampled_from(
            ["adam", "Adam", "sgd", "0.1", "1", "true", "True", "", "a\"b'c\\d", "é", "50%", "a_b"]
        ),
        st.text(alphabet="aAbB01.%_\\ \"'`é\n", max_size=5),
    ).map(Literal_)


def number_literals():
    return st.one_of(
        st.sampled_from([0, 1, -1, 0.1, 0.5, -0.0, 1e-5, 1e22, math.inf, -math.inf]),
        st.integers(-(10**17), 10**17),
        st.floats(allow_nan=False),
    ).map(Literal_)


def durations():
    return st.integers(0, 10**12).map(lambda us: timedelta(microseconds=us))


def moments():
    return st.one_of(
        st.sampled_from(["2026-02-01", "2026-02-27T12:00:00Z", "2026-02-28 18:30"]).map(Literal_),
        durations().map(lambda duration: Literal_(Now(-duration))),
        st.just(Literal_(Now())),
    )


# Fields

KEYS = ["lr", "opt", "a b.c", "net.depth", "x-y", "0", "train/loss", 'q"uote', "", "and"]
METRICS = ["loss", "acc", "train/loss", "and"]


def config_fields():
    return st.one_of(
        st.sampled_from(KEYS).map(lambda key: Field("config", key)),
        st.sampled_from(METRICS).map(lambda name: Field("metrics", name)),
        st.sampled_from(["stage", "a b"]).map(lambda key: Field("labels", key)),
        st.builds(Field, st.just("metrics"), st.sampled_from(METRICS), st.sampled_from(["min", "best"])),
    )


def text_attributes():
    return st.sampled_from(["name", "group", "job_type", "notes", "user", "id", "parent"]).map(
        lambda name: Field("run", name)
    )


# Conditions


def patterns():
    return st.one_of(
        st.sampled_from(
            ["^a", "d$", "a|s", "[a-c]+", r"\d", r"(?i)ADAM", "a{1,2}", ".", "", "(?:ab)*", r"\W"]
        ),
        st.text(alphabet="aAbB01.|*+?()[]^$-\\d{,}", max_size=8).filter(_is_pattern),
    ).map(Literal_)


def _is_pattern(text: str) -> bool:
    try:
        regex.check(text)
    except Exception:
        return False
    return True


def _likes(literal: Literal_) -> bool:
    text = str(literal.value)
    return (len(text) - len(text.rstrip("\\"))) % 2 == 0


OPERATORS = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
EQUALITY = st.sampled_from(["=", "!="])


def atoms() -> st.SearchStrategy[Node]:
    fields = config_fields()
    return st.one_of(
        st.builds(Comparison, fields, OPERATORS, number_literals() | text_literals()),
        st.builds(Comparison, fields, EQUALITY, st.sampled_from([True, False, math.nan]).map(Literal_)),
        st.builds(Comparison, text_attributes(), OPERATORS, text_literals()),
        st.builds(
            Comparison,
            st.just(Field("run", "state")),
            EQUALITY,
            st.sampled_from(["running", "failed"]).map(Literal_),
        ),
        st.builds(
            Comparison,
            st.sampled_from(["created", "ended"]).map(lambda n: Field("run", n)),
            OPERATORS,
            moments(),
        ),
        st.builds(Comparison, st.just(Field("run", "duration")), OPERATORS, durations().map(Literal_)),
        st.builds(Comparison, st.just(Field("run", "exit_code")), OPERATORS, number_literals()),
        st.builds(
            OneOf,
            fields,
            st.lists(
                number_literals() | text_literals() | st.booleans().map(Literal_), min_size=1, max_size=4
            ).map(tuple),
        ),
        st.builds(OneOf, text_attributes(), st.lists(text_literals(), min_size=1, max_size=3).map(tuple)),
        st.builds(Match, fields | text_attributes(), st.just("contains"), text_literals()),
        st.builds(
            Match,
            fields | text_attributes(),
            st.sampled_from(["like", "ilike"]),
            text_literals().filter(_likes),
        ),
        st.builds(Match, fields | text_attributes(), st.just("matches"), patterns()),
        st.builds(IsNull, fields | text_attributes()),
        st.builds(IsNull, st.sampled_from(["ended", "exit_code", "tags"]).map(lambda n: Field("run", n))),
        st.builds(Has, st.sampled_from(["best", "a b", "é", "none"]).map(Literal_)),
    )


def queries() -> st.SearchStrategy[Node]:
    return st.recursive(
        atoms(),
        lambda inner: st.one_of(
            inner.map(Not),
            st.lists(inner, min_size=2, max_size=3).map(ast.all_of),
            st.lists(inner, min_size=2, max_size=3).map(ast.any_of),
        ),
        max_leaves=8,
    )


# Runs


def values():
    return st.one_of(
        st.sampled_from([0.1, 0.5, 1, 1.0, 0, -1, math.nan, math.inf, -math.inf, True, False, 1e-5, 10**17]),
        st.sampled_from(["adam", "Adam", "sgd", "0.1", "1", "true", "True", "", "50%", "é\nx", "aab"]),
        st.sampled_from([[1, 2], [], {}]),
        st.floats(),
    )


@dataclass(frozen=True)
class Sketch:
    """What a random run is made of."""

    config: dict[str, Any]
    summary: dict[str, Any]
    labels: dict[str, str]
    name: str
    group: str
    notes: str
    state: str
    tags: tuple[str, ...]
    exit_code: int | None
    started: int
    lasted: int | None

    def build(self, project: Any, number: int) -> Run:
        created = AT - timedelta(minutes=self.started)
        ended = None if self.lasted is None else created + timedelta(seconds=self.lasted)
        return Run(
            project=project,
            client_id=str(number),
            name=self.name,
            group=self.group,
            notes=self.notes,
            state=self.state,
            tags=list(self.tags),
            labels=self.labels,
            config=self.config,
            summary=self.summary,
            exit_code=self.exit_code,
            created_at=created,
            started_at=created,
            ended_at=ended,
            last_seen_at=created,
        )


def sketches() -> st.SearchStrategy[Sketch]:
    keys = st.sampled_from(["lr", "opt", "a b.c", "x-y", "0", 'q"uote', "and"])
    return st.builds(
        Sketch,
        config=st.dictionaries(keys, values(), max_size=4)
        | st.just({"net": {"depth": 3}, "lr": 0.1, "opt": "adam"}),
        summary=st.dictionaries(st.sampled_from(METRICS), values(), max_size=3),
        labels=st.dictionaries(st.sampled_from(["stage", "a b"]), st.sampled_from(["dev", "prod", "1"])),
        name=st.sampled_from(["adam", "Ab", "swift-fox-1", "é"]),
        group=st.sampled_from(["", "a", "B"]),
        notes=st.sampled_from(["", "0.1", "a\nb%"]),
        state=st.sampled_from(["running", "finished", "failed"]),
        tags=st.lists(st.sampled_from(["best", "a b", "é"]), unique=True).map(tuple),
        exit_code=st.sampled_from([None, 0, 1, 3221225477]),
        started=st.integers(0, 60 * 24 * 40),
        lasted=st.none() | st.integers(0, 10**6),
    )


# The meaning


def holds(node: Node, run: Run) -> bool:
    """Whether the query is true of the run: docs/reference/query.md, line by line."""
    if isinstance(node, And):
        return all(holds(part, run) for part in node.nodes)
    if isinstance(node, Or):
        return any(holds(part, run) for part in node.nodes)
    if isinstance(node, Not):
        return not holds(node.node, run)
    if isinstance(node, Has):
        return node.tag.value in run.tags
    number, text = look_up(node.field, run)
    if isinstance(node, IsNull):
        return number is None and text is None
    if number is None and text is None:
        return False
    if isinstance(node, Match):
        return text is not None and _matches(node.how, str(node.pattern.value), text)
    if isinstance(node, OneOf):
        return any(_compare("=", number, text, value.value) for value in node.values)
    return _compare(node.operator, number, text, node.value.value)


def look_up(field: Field, run: Run) -> tuple[Any, str | None]:
    """The number (or moment, or duration) and the text that stand for a field."""
    if field.scope == "run":
        return _attribute(field.name, run)
    tree: Mapping[str, Any] = {"config": run.config, "metrics": run.summary, "labels": run.labels}[
        field.scope
    ]
    if field.statistic:
        return None, None
    for path, value in _leaves(tree):
        if path == field.name and value is not None:
            entry = entry_of("", value)
            return entry.number, entry.text
    return None, None


def _leaves(tree: Mapping[str, Any], prefix: str = ""):
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _attribute(name: str, run: Run) -> tuple[Any, str | None]:
    if name == "tags":
        return (1 if run.tags else None), None
    if name in ("created", "ended"):
        return getattr(run, f"{name}_at"), None
    if name == "duration":
        return run.duration, None
    if name == "exit_code":
        return run.exit_code, None
    if name == "user":
        return None, run.created_by.email if run.created_by else None
    if name == "parent":
        return None, run.parent.public_id if run.parent else None
    if name == "id":
        return None, run.public_id
    return None, getattr(run, name) or None


def _compare(operator: str, number: Any, text: str | None, value: Any) -> bool:
    if isinstance(value, bool):
        same = text in (("true", "True") if value else ("false", "False"))
        return same if operator == "=" else not same
    if isinstance(number, datetime):
        return _ordered(operator, number, _moment(value))
    if isinstance(number, timedelta):
        return _ordered(operator, number, value)
    if isinstance(value, str):
        if operator == "!=":
            return text != value
        return text is not None and _ordered(operator, text, value)
    value = float(value)
    if operator == "!=":
        return not _compare("=", number, text, value)
    if number is None:
        return False
    if math.isnan(value):
        return math.isnan(number)
    return _ordered(operator, number, value)


def _ordered(operator: str, left: Any, right: Any) -> bool:
    return {
        "=": left == right,
        "!=": left != right,
        "<": left < right,
        "<=": left <= right,
        ">": left > right,
        ">=": left >= right,
    }[operator]


def _moment(value: Any) -> datetime:
    if isinstance(value, Now):
        return AT + value.offset
    moment = parse_datetime(value)
    if moment is None:
        day = parse_date(value)
        assert day is not None
        moment = datetime(day.year, day.month, day.day)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _matches(how: str, pattern: str, text: str) -> bool:
    if how == "contains":
        return pattern.lower() in text.lower()
    if how == "matches":
        canonical, ignore_case = regex.canonical(pattern)
        flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
        return re.search(regex.python(canonical), text, flags) is not None
    out = ""
    at = 0
    while at < len(pattern):
        if pattern[at] == "\\":
            at += 1
            out += re.escape(pattern[at])
        else:
            out += {"%": ".*", "_": "."}.get(pattern[at], re.escape(pattern[at]))
        at += 1
    flags = re.DOTALL | (re.IGNORECASE if how == "ilike" else 0)
    return re.fullmatch(out, text, flags) is not None
