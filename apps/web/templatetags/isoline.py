"""What templates need of this site: `{% load isoline %}`."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from django import template
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.timezone import now

from apps.web import assets, colour, moments

register = template.Library()


@register.simple_tag
def icon(name: str, css: str = "") -> SafeString:
    """An icon of the sprite: `{% icon "search" "icon-s" %}`."""
    return format_html(
        '<svg class="{}" aria-hidden="true"><use href="{}#{}"/></svg>',
        f"icon {css}".strip(),
        assets.address("img/icons.svg"),
        name,
    )


@register.simple_tag
def asset(name: str) -> str:
    """The address of a static file, with its fingerprint."""
    return assets.address(name)


@register.simple_tag
def asset_plain(name: str) -> str:
    """The address without a fingerprint, as style sheets name it: a preload must match it to the letter."""
    return static(name)


@register.simple_tag
def stylesheets() -> SafeString:
    return format_html_join(
        "\n    ", '<link rel="stylesheet" href="{}">', ((sheet,) for sheet in assets.sheets())
    )


@register.simple_tag
def importmap() -> SafeString:
    """The one inline script; the Content-Security-Policy allows it by its hash."""
    return mark_safe(f'<script type="importmap">{assets.import_map()}</script>')  # noqa: S308  our own file names


@register.simple_tag
def module(entry: str) -> SafeString:
    """Start a module and tell the browser at once of all it will import: `{% module "pages/runs.js" %}`."""
    addresses = assets.modules_of(entry)
    preloads = format_html_join(
        "\n    ", '<link rel="modulepreload" href="{}">', ((one,) for one in addresses)
    )
    return format_html('{}\n    <script type="module" src="{}"></script>', preloads, addresses[0])


@register.simple_tag
def time_ago(moment: datetime | None, never: str = "never") -> SafeString | str:
    """A moment in words that a script keeps true: `{% time_ago run.created_at %}`. never: what none is called."""
    if moment is None:
        return never
    return format_html(
        '<time-ago datetime="{}" title="{}">{}</time-ago>',
        moment.astimezone(UTC).isoformat(),
        f"{moment.astimezone(UTC):%-d %B %Y, %H:%M:%S} UTC",
        moments.ago(moment, now()),
    )


@register.filter
def thousands(number: int) -> str:
    """`1,830`."""
    return f"{number:,}"


@register.filter
def colour_index(public_id: object) -> int:
    """Which of the run colours an object has."""
    return colour.colour_index(str(public_id or ""))


@register.filter
def initials(name: object) -> str:
    """Two letters for an avatar: `Ada Okafor` is AO, `ada@lab.org` is AD."""
    words = [word for word in re.split(r"[\s._@-]+", str(name or "")) if word]
    letters = (
        "".join(word[0] for word in words[:2])
        if len(words) > 1 and "@" not in str(name)
        else "".join(words)[:2]
    )
    return letters.upper()
