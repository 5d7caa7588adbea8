"""Moments as people say them; `static/js/lib/ago.js` says the same in the browser."""

from __future__ import annotations

from datetime import UTC, datetime

_UNITS = ((60, 1, "s"), (3600, 60, "min"), (86_400, 3600, "h"))


def ago(moment: datetime, at: datetime) -> str:
    """Return "just now", "12 s ago", "3 min ago", "2 h ago", "yesterday", "5 days ago", "14 Nov", "14 Nov 2025".

    moment, at: aware.
    """
    seconds = int((at - moment).total_seconds() // 1)
    if seconds < 5:
        return "just now"
    for below, size, unit in _UNITS:
        if seconds < below:
            return f"{seconds // size} {unit} ago"
    days = seconds // 86_400
    if days < 2:
        return "yesterday"
    if days < 14:
        return f"{days} days ago"
    return day(moment, at)


def until(moment: datetime, at: datetime) -> str:
    """Return how long something still holds: "3 h left", "6 days left", from a fortnight on "14 Nov 2027"."""
    seconds = (moment - at).total_seconds()
    if seconds < 3600:
        return f"{max(1, int(seconds // 60))} min left"
    if seconds < 2 * 86_400:
        return f"{int(seconds // 3600)} h left"
    if seconds < 14 * 86_400:
        return f"{int(seconds // 86_400)} days left"
    return day(moment, at)


def day(moment: datetime, at: datetime) -> str:
    """Return "14 Nov", with the year where it is another than now."""
    moment, at = moment.astimezone(UTC), at.astimezone(UTC)
    words = f"{moment.day} {moment:%b}"
    return words if moment.year == at.year else f"{words} {moment.year}"
