"""Cells of the table of runs: `{% load run_table %}`. The element that takes over writes them the same way."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.tracking.search.columns import Column
from apps.web import figures

from .isoline import time_ago

register = template.Library()


@register.simple_tag
def cell(column: Column, values: dict[str, Any]) -> SafeString | str:
    """What a column says of a run."""
    content = values.get(column.path)
    if content is None:
        return ""
    if column.path == "state":
        return format_html('<span class="state {}">{}</span>', content, content)
    if column.type == "tags":
        return format_html_join(" ", '<span class="chip">{}</span>', ((tag,) for tag in content))
    if column.type == "time":
        return time_ago(content)
    if column.type == "duration":
        return figures.duration(content)
    if isinstance(content, int | float) and not isinstance(content, bool) and column.scope != "config":
        return figures.value(content)
    return figures.setting(content)


@register.filter
def is_number(column: Column) -> bool:
    """Whether a column is set to the right."""
    return column.type in ("number", "duration")


@register.filter
def heading(column: Column) -> str:
    """What stands at the head of a column."""
    return _ATTRIBUTES.get(column.name, column.name) if column.scope == "run" else column.name


@register.simple_tag(takes_context=True)
def sorted_by(context: dict[str, Any], column: Column) -> str:
    """The query of the address that sorts by a column; by the one it is sorted by, the other way round."""
    query = context["request"].GET.copy()
    order = context["table"].orders.get(column.path)
    query["sort"] = f"-{column.path}" if order == "ascending" else column.path
    return f"?{query.urlencode()}"


@register.filter
def order_of(orders: dict[str, str], path: str) -> str:
    return orders.get(path, "")


_ATTRIBUTES = {
    "state": "State",
    "step": "Step",
    "duration": "Duration",
    "tags": "Tags",
    "user": "By",
    "created": "Created",
    "notes": "Notes",
    "group": "Group",
    "job_type": "Job type",
    "started": "Started",
    "ended": "Ended",
    "seen": "Last heard of",
    "updated": "Updated",
    "host": "Host",
    "commit": "Commit",
    "sweep": "Sweep",
    "parent": "Parent",
    "exit_code": "Exit code",
    "client_id": "Own id",
    "id": "Id",
    "name": "Name",
}
