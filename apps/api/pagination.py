"""Lists in pages, by keyset: a page costs the same however deep it lies, and no row comes twice.

    GET …?limit=100&cursor=…   →   {"items": […], "next": "…" | null}

A cursor is opaque and signed. It holds the ordering values of the last row and is good for its list only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Generic, TypeVar

from django.core import signing
from django.db import models
from drf_spectacular.utils import inline_serializer
from rest_framework import serializers

from apps.base.errors import Malformed

from .shapes import Asked

MOST_ROWS = 1000

Row = TypeVar("Row", bound=models.Model)


class PageAsked(Asked):
    """What every list accepts; a list with filters adds its own fields."""

    limit = serializers.IntegerField(min_value=1, max_value=MOST_ROWS, default=100)
    cursor = serializers.CharField(max_length=2048, required=False)


@dataclass(frozen=True)
class Page(Generic[Row]):
    rows: list[Row]
    next: str | None


def page_of(
    queryset: models.QuerySet[Row], asked: dict[str, Any], *, order: tuple[str, ...], name: str
) -> Page[Row]:
    """Return one page of a queryset. One query.

    asked: validated by a PageAsked.
    order: fields as for `order_by`; none may be null, and the last is unique: a public id, never the key.
    name: of the list; a cursor of another list is refused. Put in it what narrows the list.

    Raises Malformed `bad_cursor`.
    """
    if asked.get("cursor"):
        queryset = queryset.filter(_after(_opened(asked["cursor"], name, len(order)), order))
    rows = list(queryset.order_by(*order)[: asked["limit"] + 1])
    if len(rows) <= asked["limit"]:
        return Page(rows, None)
    rows.pop()
    return Page(rows, _closed(rows[-1], order, name))


@cache
def page_shape(items: type[serializers.BaseSerializer[Any]]) -> Any:
    """The serializer of a page of these, for the OpenAPI description."""
    return inline_serializer(
        f"{items.__name__.removesuffix('Out')}Page",
        {"items": items(many=True), "next": serializers.CharField(allow_null=True)},
    )


def _closed(row: models.Model, order: tuple[str, ...], name: str) -> str:
    values = [_value(row, field.lstrip("-")) for field in order]
    return signing.dumps(
        [value.isoformat() if isinstance(value, datetime) else value for value in values],
        salt=f"cursor.{name}",
    )


def _opened(cursor: str, name: str, count: int) -> list[Any]:
    try:
        values = signing.loads(cursor, salt=f"cursor.{name}")
    except signing.BadSignature:
        values = None
    if not isinstance(values, list) or len(values) != count:
        raise Malformed("That is not a cursor of this list.", code="bad_cursor")
    return values


def _value(row: Any, path: str) -> Any:
    for name in path.split("__"):
        row = getattr(row, name)
    return row


def _after(values: list[Any], order: tuple[str, ...]) -> models.Q:
    """Rows beyond these values: `a > x or (a = x and b > y)`, with `a >= x` said first, for the index."""
    beyond, equal = models.Q(), models.Q()
    for path, value in zip(order, values, strict=True):
        field, way = path.lstrip("-"), "lt" if path.startswith("-") else "gt"
        beyond |= equal & models.Q(**{f"{field}__{way}": value})
        equal &= models.Q(**{field: value})
    first, way = order[0].lstrip("-"), "lte" if order[0].startswith("-") else "gte"
    return models.Q(**{f"{first}__{way}": values[0]}) & beyond
