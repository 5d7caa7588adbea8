"""What a process runs in: host, system, Python, command, packages."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from typing import Any

from isoline import _git
from isoline._launch import host_name
from isoline._secrets import mask_command


def describe() -> dict[str, Any]:
    """Return what is cheap to know: host, system, Python, command line (secrets masked), process id."""
    return {
        "host": host_name(),
        "os": platform.platform(),
        "python": platform.python_version(),
        "executable": sys.executable,
        "command": mask_command(sys.argv or [""]),
        "directory": str(Path.cwd()),
        "pid": os.getpid(),
        "cpu_count": os.cpu_count() or 1,
    }


def describe_code() -> dict[str, Any]:
    """Return what takes a tenth of a second: the state of git, and the versions of all packages."""
    found: dict[str, Any] = {"packages": _packages()}
    script = Path(sys.argv[0]).absolute() if sys.argv and sys.argv[0] else None
    folder = script.parent if script is not None and script.is_file() else Path.cwd()
    git = _git.describe(folder) or _git.describe(Path.cwd())
    if git is not None:
        found["git"] = git
    return found


def _packages() -> dict[str, str]:
    # Here, in the thread beside the training: this one module is a third of the package's import time.
    import importlib.metadata

    packages = {}
    for distribution in importlib.metadata.distributions():
        name = distribution.metadata["Name"]
        if name:
            packages[name] = distribution.version or ""
    return dict(sorted(packages.items()))
