from __future__ import annotations

import math
from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.tracking.search.ast import (
    EVERYTHING,
    And,
    Comparison,
    Field,
    Has,
    IsNull,
    Literal_,
    Match,
    Not,
    Now,
    OneOf,
    Or,
)
from apps.tracking.search.errors import QueryError
from apps.tracking.search.order import parse_order
from apps.tracking.search.parse import MOST_DEPTH, parse, parse_field
from apps.tracking.search.unparse import unparse

from .queries import queries


def compares(scope, name, operator, value, statistic=""):
    return Comparison(Field(scope, name, statistic), operator, Literal_(value))


def test_and_binds_tighter_than_or():
    assert parse('metrics.loss < 0.2 and config.lr = 0.1 or tags has "best"') == Or(
        (
            And((compares("metrics", "loss", "<", 0.2), compares("config", "lr", "=", 0.1))),
            Has(Literal_("best")),
        )
    )


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("", EVERYTHING),
        ("  ", EVERYTHING),
        ("config.lr=.1", None),
        ("config.lr=-1e-3", compares("config", "lr", "=", -1e-3)),
        ('config."a b.c" = 1', compares("config", "a b.c", "=", 1)),
        ("params.`my key` != 'x'", compares("config", "my key", "!=", "x")),
        ("metrics.train/loss-1 >= 5", compares("metrics", "train/loss-1", ">=", 5)),
        ("metrics.layer.0.weight < inf", compares("metrics", "layer.0.weight", "<", math.inf)),
        ("metrics.top.5 < 1", compares("metrics", "top.5", "<", 1)),
        ("metrics.acc@5 = nan", compares("metrics", "acc@5", "=", math.nan)),
        ("min(metrics.loss) < 1", compares("metrics", "loss", "<", 1, "min")),
        ("STATE = 'running' AND Not name Contains 'x'", None),
        ("started > now - 2d", compares("run", "started", ">", Now(timedelta(days=-2)))),
        ("started > now-2d", compares("run", "started", ">", Now(timedelta(days=-2)))),
        ("duration >= 1.5h", compares("run", "duration", ">=", timedelta(minutes=90))),
        ("tags not has 'x'", Not(Has(Literal_("x")))),
        ("tags is null", IsNull(Field("run", "tags"))),
        ("config.x is not null", Not(IsNull(Field("config", "x")))),
        ("config.x not in (1, 'a', true)", None),
        ("name in ('a')", OneOf(Field("run", "name"), (Literal_("a"),))),
        (r"name matches '^a\d+$'", Match(Field("run", "name"), "matches", Literal_(r"^a\d+$"))),
        ("run.name = 'a'", compares("run", "name", "=", "a")),
        ("attributes.status = 'FINISHED'", compares("run", "state", "=", "FINISHED")),
        ("not not name = 'a'", Not(Not(compares("run", "name", "=", "a")))),
        ("(name = 'a')", compares("run", "name", "=", "a")),
        ("config.and = 1 and config.or = 2", None),
    ],
)
def test_what_is_understood(text, node):
    if text == "config.lr=.1":
        with pytest.raises(QueryError):
            parse(text)
        return
    parsed = parse(text)
    if node is not None:
        assert parsed == node
    assert parse(unparse(parsed)) == parsed


@pytest.mark.parametrize(
    ("text", "position", "length", "expected"),
    [
        ("metrics.loss <", 14, 0, "number"),
        ("metrics.loss < and", 15, 3, "number"),
        ("metrics.loss 0.2", 13, 3, "<"),
        ("metrics < 1", 8, 1, "."),
        ("loss < 1", 0, 4, "field"),
        ("metrcs.loss < 1", 0, 6, "metrics."),
        ("name = 'a' name = 'b'", 11, 4, "and"),
        ("(name = 'a'", 11, 0, ")"),
        ("name = 'a", 7, 2, "'"),
        ("name in 'a'", 8, 3, "("),
        ("name in ('a' 'b')", 13, 3, ","),
        ("tags = 'a'", 5, 1, "has"),
        ("started > now - 2", 16, 1, "duration"),
        ("name is 'a'", 8, 3, "null"),
        ("config.lr < nan", 12, 3, "="),
        ("min(config.lr) < 1", 4, 9, "metrics."),
        ("name not = 'a'", 9, 1, "in"),
        ('"name" = 1', 0, 6, "field"),
    ],
)
def test_an_error_points_at_the_spot(text, position, length, expected):
    with pytest.raises(QueryError) as refused:
        parse(text)

    details = refused.value.details
    assert (details["position"], details["length"]) == (position, length)
    assert expected in details["expected"]


def test_a_near_miss_is_told():
    with pytest.raises(QueryError) as refused:
        parse("stat = 'running'")
    assert "state" in refused.value.details["suggestions"]
    with pytest.raises(QueryError) as refused:
        parse("loss < 1")
    assert refused.value.details["suggestions"] == ["config.loss", "metrics.loss"]


@pytest.mark.parametrize(
    "text",
    [
        "(" * 10_000 + "name = 'a'",
        "not " * 4000 + "name = 'a'",
        " or ".join(["name = 'a'"] * 201),
        "name in (" + ",".join(["'a'"] * 1001) + ")",
        "x" * 20_001,
        "duration > 99999999999999w",
    ],
)
def test_dos_3_a_query_has_bounds(text):
    with pytest.raises(QueryError):
        parse(text)


def test_nesting_up_to_the_bound_is_fine():
    text = "(" * MOST_DEPTH + "name = 'a'" + ")" * MOST_DEPTH
    assert parse(text) == compares("run", "name", "=", "a")


@given(queries())
def test_what_is_printed_parses_to_the_same(node):
    assert parse(unparse(node)) == node


WORDS = """
    and or not in is null has contains like matches tags true false now nan inf - + ( ) , . < <= = != > >=
    config metrics min name state started duration 1 0.5 2d "a" 'b' `c` " ' ` \\ é ² [ * lr
"""
BITS = st.sampled_from([*WORDS.split(), "\x00", "\ud800"])


@given(st.text() | st.lists(BITS, max_size=30).map(" ".join) | st.lists(BITS, max_size=30).map("".join))
def test_nothing_but_a_query_error_comes_of_any_text(text):
    for read in (parse, parse_field, parse_order):
        with suppress(QueryError):
            read(text)
            continue
        with pytest.raises(QueryError) as refused:
            read(text)
        assert 0 <= refused.value.position <= len(text)
        assert refused.value.position + refused.value.details["length"] <= len(text)
