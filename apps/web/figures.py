"""Numbers and times as people read them; `static/js/lib/format.js` and `models/columns.js` say the same."""

from __future__ import annotations

import math

_MINUS = "−"


def value(number: float | None) -> str:
    """Five or so digits and a true minus: 3.4776, 12.310, 27,056, 4.00e−4; "–" for none."""
    if number is None:
        return "–"
    if not math.isfinite(number):
        return "NaN" if math.isnan(number) else ("∞" if number > 0 else f"{_MINUS}∞")
    size = abs(number)
    if number == int(number) and size < 1e15:
        return f"{int(number):,}".replace("-", _MINUS)
    if size >= 1e15 or size < 1e-3:
        mantissa, _, power = f"{number:.2e}".partition("e")
        return f"{mantissa}e{int(power)}".replace("-", _MINUS)
    if size >= 1e4:
        return f"{number:,.0f}".replace("-", _MINUS)
    digits = 1 if size >= 1000 else 2 if size >= 100 else 3 if size >= 10 else 6 if size < 0.01 else 4
    return f"{number:.{digits}f}".replace("-", _MINUS)


def setting(content: object) -> str:
    """A value as it was configured: 0.0003 and 100000 stay as they are written."""
    if content is None:
        return ""
    if isinstance(content, bool):
        return "true" if content else "false"
    if isinstance(content, float):
        return _written(content)
    return str(content).replace("-", _MINUS) if isinstance(content, int) else str(content)


def duration(seconds: float) -> str:
    """12 s, 4 min 10 s, 2 h 05 min, 3 d 4 h."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h"


def _written(number: float) -> str:
    if not math.isfinite(number):
        return value(number)
    size = abs(number)
    text = f"{number:.12g}" if size == 0 or 1e-4 <= size < 1e15 else f"{number:g}"
    mantissa, letter, power = text.partition("e")
    return (f"{mantissa}e{int(power)}" if letter else mantissa).replace("-", _MINUS)
