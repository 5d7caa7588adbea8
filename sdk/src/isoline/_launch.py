"""Starting the sender, if none runs: a process of its own, so that it outlives the training.

Kept apart from `_sender.py` so that a training never imports the HTTP client.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

from isoline._locks import is_locked

SENDER_LOG = "sender.log"
_LOG_MAX_BYTES = 1024 * 1024

# DETACHED_PROCESS and CREATE_NEW_PROCESS_GROUP, which the module has only on Windows.
_DETACHED = 0x00000008 | 0x00000200


def host_name() -> str:
    """Return this machine's name."""
    return platform.node() or "localhost"


def sender_lock(spool: Path) -> Path:
    """Return the file whose lock this machine's sender holds. A spool may be shared by machines."""
    return spool / f"sender-{re.sub(r'[^A-Za-z0-9.-]', '_', host_name())}.lock"


def ensure_sender(spool: Path) -> subprocess.Popen[bytes] | None:
    """Start a sender unless one runs. Returns it if it was started now; it need not be waited for.

    Raises OSError if it cannot be started.
    """
    if is_locked(sender_lock(spool)):
        return None
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ISOLINE_")}
    # The sender finds this package where the training has found it.
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    command = [sys.executable, "-m", "isoline._sender", str(spool)]
    log = spool / SENDER_LOG
    mode = "ab" if log.exists() and log.stat().st_size < _LOG_MAX_BYTES else "wb"
    with log.open(mode) as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=spool,
            env=environment,
            close_fds=True,
            start_new_session=sys.platform != "win32",
            creationflags=_DETACHED if sys.platform == "win32" else 0,
        )
