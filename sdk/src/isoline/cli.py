"""The command `isoline`.

| exit code | means |
|---|---|
| 0 | done |
| 1 | refused, or not all of it could be done; a line on standard error says why |
| 2 | the command line makes no sense |
| 3 | not signed in, or the key is not accepted |
| 4 | the server cannot be reached |
| 130 | interrupted |
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

import isoline
from isoline._commands import (
    completion,
    export,
    import_tensorboard,
    login,
    ls,
    status,
    sync,
    tail,
    verify,
)
from isoline.errors import IsolineError, NotSignedIn, ServerAway, SettingsInvalid

FAILED, USAGE, SIGNED_OUT, AWAY, INTERRUPTED = 1, 2, 3, 4, 130

_COMMANDS = (login, status, ls, tail, sync, export, import_tensorboard, verify, completion)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    asked = parser().parse_args(argv)
    try:
        code: int = asked.run(asked)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # `isoline ls | head`: nobody reads on. Python would complain once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except (IsolineError, OSError) as error:
        sys.stderr.write(f"isoline: {error}\n")
        return _code(error)


def parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    whole = argparse.ArgumentParser(
        prog="isoline", description="Look at, follow, fetch and send experiments of an Isoline server."
    )
    whole.add_argument("--version", action="version", version=f"isoline {isoline.__version__}")
    commands = whole.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.add(commands)
    return whole


def _code(error: Exception) -> int:
    if isinstance(error, SettingsInvalid):
        return USAGE
    if isinstance(error, NotSignedIn):
        return SIGNED_OUT
    return AWAY if isinstance(error, ServerAway) else FAILED
