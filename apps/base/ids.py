"""Public ids: what the outside knows a row by. Inside, rows have bigint keys."""

import secrets

# Crockford's base 32 in lower case: no letters that look like digits, safe in URLs and file names.
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
LENGTH = 26


def public_id() -> str:
    """Return a new unguessable id: 128 random bits as 26 characters."""
    number = secrets.randbits(128)
    return "".join(ALPHABET[(number >> shift) & 31] for shift in range(5 * (LENGTH - 1), -1, -5))
