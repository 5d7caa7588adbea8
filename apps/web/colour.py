"""Run colours: which of the 20 a public id has; the same as `static/js/lib/colour.js`."""

from __future__ import annotations

COLOURS = 20


def colour_index(public_id: str) -> int:
    """Return FNV-1a (32 bit) of the id, modulo the number of colours."""
    digest = 0x811C9DC5
    for code in public_id.encode("utf-16-le")[::2]:
        digest = (digest ^ code) * 0x01000193 & 0xFFFFFFFF
    return digest % COLOURS
