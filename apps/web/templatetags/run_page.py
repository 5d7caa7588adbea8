"""What the pages of a run need: `{% load run_page %}`."""

from __future__ import annotations

import re
from typing import Any

from django import template

from apps.web import figures
from apps.web.config_tree import text_of

register = template.Library()

# Escape sequences of terminals: CSI, OSC, and the two-letter ones.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")

_BADGES = {"running": "good", "failed": "bad", "crashed": "bad", "killed": "warn"}


@register.filter
def without_escapes(text: str) -> str:
    """What a terminal would show of a line, without its colours."""
    return _ESCAPES.sub("", text)


@register.filter
def badge(state: str) -> str:
    """The class a run's state is shown with."""
    return _BADGES.get(state, "")


@register.filter
def figure(content: Any) -> str:
    """A value of the summary."""
    if isinstance(content, int | float) and not isinstance(content, bool):
        return figures.value(content)
    return "–" if content is None else text_of(content)


@register.filter
def prefix(name: str) -> str:
    """The groups a metric's name begins with: `val/` of `val/loss`."""
    return name[: name.rfind("/") + 1]


@register.filter
def leaf(name: str) -> str:
    return name[name.rfind("/") + 1 :]
