"""Where an Isoline keeps what is its own: the home folder. No Django here, `up` reads it too."""

from __future__ import annotations

import os
from pathlib import Path


def take_home_option(argv: list[str]) -> None:
    """Remove `--home DIR` from a command line and note it in ISOLINE_HOME.

    Every command has the option, and settings are read before any command parses its own.
    ISOLINE_HOME is set afterwards in any case, to an absolute path: child processes inherit it.
    """
    chosen = os.environ.get("ISOLINE_HOME") or "~/.isoline"
    kept: list[str] = []
    words = iter(argv)
    for word in words:
        if word == "--":
            kept += [word, *words]
        elif word == "--home":
            chosen = next(words, "")
        elif word.startswith("--home="):
            chosen = word.removeprefix("--home=")
        else:
            kept.append(word)
    if not chosen:
        raise SystemExit("--home needs the folder: --home DIR")
    argv[:] = kept
    os.environ["ISOLINE_HOME"] = os.path.abspath(os.path.expanduser(chosen))


def home_folder() -> Path:
    """The home of this process: $ISOLINE_HOME, else ~/.isoline."""
    return Path(os.path.abspath(os.path.expanduser(os.environ.get("ISOLINE_HOME") or "~/.isoline")))
