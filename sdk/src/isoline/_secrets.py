"""Finding secrets in what is captured without asking, and masking them.

Names decide first. "token" is a word of the field (`pad_token`, `max_tokens`), so under such names only texts
that look like credentials are masked: long, without spaces, with digits and letters.
"""

from __future__ import annotations

import re
from typing import Any

MASK = "***"

_SURE = re.compile(
    r"(?:^|[_\-.])(?:pass(?:word|wd|phrase)?|secret|api[_-]?key|apikey|access[_-]?key|private[_-]?key|secret[_-]?key|"
    r"credentials?|(?:access|auth|bearer|refresh|hf|github|api)[_-]?token|dsn|database[_-]?url)$",
    re.IGNORECASE,
)
_PERHAPS = re.compile(r"(?:^|[_\-.])(?:token|key|auth)$", re.IGNORECASE)
_CREDENTIAL = re.compile(r"(?=\S*\d)(?=\S*[A-Za-z])[A-Za-z0-9_\-./+=:]{20,}")

# What keys look like that are known by their first letters, and addresses with a password in them.
_KNOWN = re.compile(
    r"\b(?:iso_[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|hf_[A-Za-z0-9]{20,}"
    r"|sk-[A-Za-z0-9_-]{20,}|xox[abprs]-[\w-]{10,}|AKIA[A-Z0-9]{16}|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]+)"
)
_URL_PASSWORD = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)[^/\s:@]*:[^/\s@]+@", re.IGNORECASE)
_OPTION = re.compile(r"--?(?P<name>[A-Za-z][\w.-]*)(?:=(?P<value>.*))?", re.DOTALL)


def mask(value: Any, name: str = "") -> Any:
    """Return a structure with its secrets masked. Numbers are no secrets."""
    if isinstance(value, dict):
        return {inner: mask(held, inner) for inner, held in value.items()}
    if isinstance(value, list):
        return [mask(held, name) for held in value]
    if not isinstance(value, str) or not value:
        return value
    return MASK if _is_secret(name, value) else mask_text(value)


def mask_text(text: str) -> str:
    """Return text with known kinds of keys, and passwords in addresses, masked."""
    if "://" in text:
        text = _URL_PASSWORD.sub(rf"\g<scheme>{MASK}@", text)
    return _KNOWN.sub(MASK, text)


def mask_command(arguments: list[str]) -> list[str]:
    """Return a command line with the values of secret options masked: `--password x`, `--api-key=x`."""
    masked = []
    name = ""
    for argument in arguments:
        option = _OPTION.fullmatch(argument)
        if option is None:
            masked.append(mask(argument, name))
            name = ""
        elif option["value"] is None:
            masked.append(argument)
            name = option["name"]
        else:
            is_secret = _is_secret(option["name"], option["value"])
            start = argument[: -len(option["value"]) or None]
            masked.append(f"{start}{MASK}" if is_secret else mask_text(argument))
            name = ""
    return masked


def _is_secret(name: str, value: str) -> bool:
    if _SURE.search(name):
        return True
    return bool(_PERHAPS.search(name) and _CREDENTIAL.fullmatch(value))
