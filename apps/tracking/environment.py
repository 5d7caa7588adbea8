"""What a run ran in, as its writers told it: read out of `metadata`, where every writer has a part of its own.

A writer is a process. The one that tells most (git and packages come from one process only) stands for the run;
the others are listed beside it. Anybody may send anything as metadata, so nothing is taken to be of its kind.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

# What is shown by a name of its own; the rest is listed as it came.
_KNOWN = {"host", "os", "python", "executable", "command", "directory", "pid", "cpu_count", "packages", "git"}


@dataclass(frozen=True, slots=True)
class Git:
    """The code that ran. diff: what was not committed, as git prints it; is_whole: nothing of it was cut off."""

    commit: str = ""
    branch: str = ""
    remote: str = ""
    is_dirty: bool = False
    diff: str = ""
    is_whole: bool = True

    @property
    def page(self) -> str:
        """The address of the commit, or of the repository, in a browser; "" if there is none."""
        base = web_address(self.remote)
        return f"{base}/commit/{self.commit}" if base and self.commit else base

    @property
    def changed_files(self) -> int:
        return sum(line.startswith("diff --git ") for line in self.diff.splitlines())


@dataclass(frozen=True, slots=True)
class Process:
    """One writer. more: what it told beyond the names known here."""

    host: str = ""
    os: str = ""
    python: str = ""
    executable: str = ""
    command: str = ""
    directory: str = ""
    pid: str = ""
    cpu_count: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)
    git: Git | None = None
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sdk(self) -> str:
        """The version of our client it ran with, where its packages say so."""
        return self.packages.get("isoline", "")


@dataclass(frozen=True, slots=True)
class Environment:
    main: Process
    others: tuple[Process, ...] = ()

    @property
    def hosts(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(process.host for process in (self.main, *self.others) if process.host))


def of_metadata(metadata: Mapping[str, Any]) -> Environment | None:
    """Return what is known; None if no writer has told anything."""
    parts = [metadata[stream] for stream in sorted(metadata) if isinstance(metadata[stream], dict)]
    processes = sorted(map(_process, parts), key=lambda each: (each.git is None, not each.packages))
    return Environment(processes[0], tuple(processes[1:])) if processes else None


def web_address(remote: str) -> str:
    """Return where a git remote is shown in a browser, without credentials; "" for what is no web address.

    `git@host:group/name.git` is taken for the same path on https, as the large hosts have it.
    """
    if "://" not in remote and "@" in remote and ":" in remote.partition("@")[2]:
        host, _, path = remote.partition("@")[2].partition(":")
        remote = f"https://{host}/{path}"
    try:
        parts = urlsplit(remote.replace("ssh://", "https://", 1))
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port and not remote.startswith("ssh://") else ""
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not host:
        return ""
    return f"{parts.scheme}://{host}{port}{parts.path.removesuffix('/').removesuffix('.git')}"


def _process(told: Mapping[str, Any]) -> Process:
    packages, git = told.get("packages"), told.get("git")
    return Process(
        host=_text(told.get("host")),
        os=_text(told.get("os")),
        python=_text(told.get("python")),
        executable=_text(told.get("executable")),
        command=_command(told.get("command")),
        directory=_text(told.get("directory")),
        pid=_text(told.get("pid")),
        cpu_count=_text(told.get("cpu_count")),
        packages={str(name): _text(version) for name, version in packages.items()}
        if isinstance(packages, dict)
        else {},
        git=_git(git) if isinstance(git, dict) else None,
        more={name: value for name, value in told.items() if name not in _KNOWN},
    )


def _git(told: Mapping[str, Any]) -> Git:
    return Git(
        commit=_text(told.get("commit")),
        branch=_text(told.get("branch")),
        remote=_text(told.get("remote")),
        is_dirty=bool(told.get("dirty")),
        diff=_text(told.get("diff")),
        is_whole=told.get("diff_is_whole") is not False,
    )


def _command(value: Any) -> str:
    """A command line as one would type it."""
    if isinstance(value, list):
        return shlex.join(map(str, value))
    return _text(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value) if isinstance(value, int | float) else ""
