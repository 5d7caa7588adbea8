"""What is wrong with the shape of a message, said without quoting it."""

from __future__ import annotations

import re

import msgspec

# Paths name fields of our own structures; keys of the sender's maps are shown as [...].
_PATH = re.compile(r" - at `(\$(?:\.\w+|\[\d+\]|\[\.\.\.\])*)`\Z")


def described(error: msgspec.DecodeError) -> str:
    """Return msgspec's own words, but for the parts that would echo the sender's.

    "Expected …" and "Object missing …" name types and fields of ours. Anything else ("Invalid enum value
    '…'", "Object contains unknown field `…`") is cut before its first quotation.
    """
    text = str(error)
    path = _PATH.search(text)
    text = text[: path.start()] if path else text
    if not text.startswith(("Expected ", "Object missing ")):
        text = re.split("[`']", text, maxsplit=1)[0].strip()
    return f"{text}, at {path[1]}" if path else text
