"""What an installation is set to: arguments first, then the environment, then what `isoline login` has
stored.

| variable | default | |
|---|---|---|
| `ISOLINE_URL` | the server of the last `isoline login`, else `http://127.0.0.1:8000` | the server |
| `ISOLINE_API_KEY` | what `isoline login` stored for the server | |
| `ISOLINE_TEAM`, `ISOLINE_PROJECT` | the key's own team; `uncategorized` | where runs go |
| `ISOLINE_RUN_ID`, `ISOLINE_GROUP`, `ISOLINE_JOB_TYPE`, `ISOLINE_NAME` | | of the next run |
| `ISOLINE_MODE` | `online` | `online`, `offline` (spool only, `isoline sync` sends), `disabled` |
| `ISOLINE_RESUME` | `never`; `allow` beside an id shared by several ranks | `never`, `allow`, `must`, `auto`
| | `ISOLINE_RANK` | `RANK`, `SLURM_PROCID`, `OMPI_COMM_WORLD_RANK`, else 0 | rank 0 owns a shared run |
| `ISOLINE_SPOOL` | a folder of the user's own | where records wait |
| `ISOLINE_SPOOL_MAX_BYTES` | 20 GiB | beyond it new records are refused and counted |
| `ISOLINE_CONSOLE`, `ISOLINE_SYSTEM`, `ISOLINE_CODE` | 1 | capture of output; of CPU, memory, GPU; of git and
packages | | `ISOLINE_SYSTEM_INTERVAL_S` | 10 | seconds between samples of the system |
| `ISOLINE_FINISH_TIMEOUT_S` | 30 | how long `finish()` waits for the server |
| `ISOLINE_QUIET` | 0 | 1: print warnings only |
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from isoline._spool import write_private
from isoline.errors import SettingsInvalid

DEFAULT_URL = "http://127.0.0.1:8000"
DEFAULT_PROJECT = "uncategorized"
MODES = ("online", "offline", "disabled")
RESUMES = ("never", "allow", "must", "auto")

# Whatever else fills the disk, checkpoints come first.
RESERVE_BYTES = 256 * 1024 * 1024

_RANKS = ("ISOLINE_RANK", "RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK")


@dataclass(frozen=True)
class Settings:
    """One reading of the settings. `read` makes it."""

    url: str
    key: str
    key_is_stored: bool
    team: str | None
    project: str
    mode: str
    resume: str
    run_id: str | None
    name: str | None
    group: str | None
    job_type: str | None
    rank: int
    spool: Path
    spool_max_bytes: int
    captures_console: bool
    captures_system: bool
    captures_code: bool
    system_interval_s: float
    finish_timeout_s: float
    is_quiet: bool

    @classmethod
    def read(cls, **given: Any) -> Settings:
        """Read the settings; `given` are arguments, of which None counts as not given.

        Raises SettingsInvalid.
        """
        known = {name: value for name, value in given.items() if value is not None}
        environment = os.environ
        url = clean_url(
            str(known.get("url") or environment.get("ISOLINE_URL") or stored_url() or DEFAULT_URL)
        )
        given_key = str(known.get("key") or environment.get("ISOLINE_API_KEY") or "").strip()
        run_id = known.get("run_id") or environment.get("ISOLINE_RUN_ID") or None
        rank = _rank(environment)
        is_shared = run_id is not None and rank is not None
        return cls(
            url=url,
            key=given_key or stored_key(url),
            key_is_stored=not given_key,
            team=known.get("team") or environment.get("ISOLINE_TEAM") or None,
            project=str(known.get("project") or environment.get("ISOLINE_PROJECT") or DEFAULT_PROJECT),
            mode=_choice("mode", known.get("mode") or environment.get("ISOLINE_MODE") or "online", MODES),
            resume=_choice(
                "resume",
                known.get("resume")
                or environment.get("ISOLINE_RESUME")
                or ("allow" if is_shared else "never"),
                RESUMES,
            ),
            run_id=run_id,
            name=known.get("name") or environment.get("ISOLINE_NAME") or None,
            group=known.get("group") or environment.get("ISOLINE_GROUP") or None,
            job_type=known.get("job_type") or environment.get("ISOLINE_JOB_TYPE") or None,
            # Without a shared id every rank has a run of its own, and owns it.
            rank=rank if is_shared and rank is not None else 0,
            spool=Path(known.get("spool") or environment.get("ISOLINE_SPOOL") or default_spool())
            .expanduser()
            .absolute(),
            spool_max_bytes=int(_number(environment, "ISOLINE_SPOOL_MAX_BYTES", 20 * 1024**3)),
            captures_console=_switch(known, environment, "console"),
            captures_system=_switch(known, environment, "system"),
            captures_code=_switch(known, environment, "code"),
            system_interval_s=_number(environment, "ISOLINE_SYSTEM_INTERVAL_S", 10.0),
            finish_timeout_s=_number(environment, "ISOLINE_FINISH_TIMEOUT_S", 30.0),
            is_quiet=bool(known.get("quiet", _truth("ISOLINE_QUIET", environment.get("ISOLINE_QUIET", "0")))),
        )


def clean_url(url: str) -> str:
    """Return a server's address without a slash at its end.

    Raises SettingsInvalid if it is none.
    """
    if not url.startswith(("http://", "https://")):
        raise SettingsInvalid(f"The server's address begins with http:// or https://; this is {url!r}.")
    return url.rstrip("/")


def default_spool() -> Path:
    """Return the folder where records wait when nothing else is set."""
    return _user_folder("XDG_STATE_HOME", ".local/state") / "spool"


def credentials_path() -> Path:
    """Return the file where `isoline login` keeps keys, readable by its owner only."""
    return _user_folder("XDG_CONFIG_HOME", ".config") / "credentials.json"


def stored_key(url: str) -> str:
    """Return the key stored for a server, or ""."""
    return str(_credentials().get("keys", {}).get(url, ""))


def stored_url() -> str:
    """Return the server signed in to last, or ""."""
    return str(_credentials().get("url", ""))


def store_key(url: str, key: str) -> None:
    """Remember a key, and the server as the one to use from now on."""
    credentials = _credentials()
    keys = {**credentials.get("keys", {}), url: key}
    path = credentials_path()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    aside = path.with_suffix(".new")
    write_private(aside, msgspec.json.encode({**credentials, "url": url, "keys": keys}))
    aside.replace(path)


def _credentials() -> dict[str, Any]:
    try:
        found = msgspec.json.decode(credentials_path().read_bytes())
    except (OSError, msgspec.MsgspecError):
        return {}
    return found if isinstance(found, dict) else {}


def _user_folder(variable: str, below_home: str) -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "isoline"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "isoline"
    return Path(os.environ.get(variable) or Path.home() / below_home) / "isoline"


def _rank(environment: Mapping[str, str]) -> int | None:
    for name in _RANKS:
        if environment.get(name, "").isdigit():
            return int(environment[name])
    return None


def _choice(name: str, value: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise SettingsInvalid(f"{name} is one of {', '.join(choices)}; this is {value!r}.")
    return value


def _switch(known: Mapping[str, Any], environment: Mapping[str, str], name: str) -> bool:
    if name in known:
        return bool(known[name])
    variable = f"ISOLINE_{name.upper()}"
    return _truth(variable, environment.get(variable, "1"))


def _truth(name: str, text: str) -> bool:
    word = text.strip().lower()
    if word in ("1", "true", "yes", "on"):
        return True
    if word in ("0", "false", "no", "off", ""):
        return False
    raise SettingsInvalid(f"{name} is 1 or 0; this is {text!r}.")


def _number(environment: Mapping[str, str], name: str, default: float) -> float:
    text = environment.get(name)
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        raise SettingsInvalid(f"{name} is a number; this is {text!r}.") from None
    if not number > 0:
        raise SettingsInvalid(f"{name} is above 0; this is {text!r}.")
    return number
