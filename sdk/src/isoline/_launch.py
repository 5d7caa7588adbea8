"""Starting the sender, if none runs: a process of its own, so that it outlives the training.

Kept apart from `_sender.py` so that a training never imports the HTTP client.
"""

from __future__ import annotations

import atexit
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


# By spool, what this process has started last: it may not hold its lock yet.
_started: dict[Path, subprocess.Popen[bytes]] = {}


@atexit.register
def _leave_senders() -> None:
    # They outlive us on purpose; without this Python would warn of each.
    for process in _started.values():
        process.returncode = 0


def host_name() -> str:
    """Return this machine's name."""
    return platform.node() or "localhost"


def sender_lock(spool: Path) -> Path:
    """Return the file whose lock this machine's sender holds. A spool may be shared by machines."""
    return spool / f"sender-{re.sub(r'[^A-Za-z0-9.-]', '_', host_name())}.lock"


def ensure_sender(spool: Path) -> bool:
    """Start a sender unless one runs; True if it was started now.

    Raises OSError if it cannot be started.
    """
    started = _started.get(spool)
    if (started is not None and started.poll() is None) or is_locked(sender_lock(spool)):
        return False
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ISOLINE_")}
    # The sender finds this package where the training has found it.
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    command = [sys.executable, "-m", "isoline._sender", str(spool)]
    log = spool / SENDER_LOG
    with log.open("ab") as output:
        if output.tell() > _LOG_MAX_BYTES:
            output.truncate(0)
        _started[spool] = subprocess.Popen(
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
    return True
