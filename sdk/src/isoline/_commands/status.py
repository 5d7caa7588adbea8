"""isoline status: is the server there, who am I, and what waits in the spool?"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import msgspec

from isoline._commands._progress import size
from isoline._commands._server import add_server, open_api
from isoline._commands._table import print_table
from isoline._launch import sender_lock
from isoline._locks import is_locked
from isoline._spool import (
    load_manifest,
    load_status,
    segment_numbers,
    segment_path,
    stream_directories,
    used_bytes,
)
from isoline.errors import IsolineError
from isoline.settings import Settings

_OFFLINE = "offline: `isoline sync` sends it"


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "status",
        help="whether the server is there, who you are, what waits to be sent",
        description="Say whether the server answers, whom it takes you for, and which streams of the spool are "
        "not on a server yet. Exits with 0 if the server answers and accepts the key.",
    )
    add_server(parser)
    parser.set_defaults(run=run)


def run(asked: argparse.Namespace) -> int:
    settings = Settings.read(url=asked.url)
    failure = _tell_server(asked)
    _tell_spool(settings.spool)
    if failure is not None:
        raise failure
    return 0


def _tell_server(asked: argparse.Namespace) -> IsolineError | None:
    try:
        with open_api(asked) as api:
            me = api.me()
    except IsolineError as error:
        return error
    who = me["user"]["email"] if me["user"] else me["service_account"]["name"]
    teams = ", ".join(f"{team['slug']} ({team['role']})" for team in me["teams"]) or "none"
    sys.stdout.write(f"server  {api.url}\nyou     {who}; may {', '.join(me['scopes'])}\nteams   {teams}\n")
    return None


def _tell_spool(spool: Path) -> None:
    sender = "runs" if is_locked(sender_lock(spool)) else "does not run"
    sys.stdout.write(f"spool   {spool}, {size(used_bytes(spool))}; the sender {sender}\n")
    waiting = []
    for directory in sorted(stream_directories(spool)):
        try:
            manifest = load_manifest(directory)
        except (OSError, msgspec.MsgspecError):
            continue
        told = load_status(directory)
        if not told.is_complete:
            why = told.message or told.problem or ("" if manifest.is_online else _OFFLINE)
            queued = told.bytes_queued if told.sender_pid else _segments_bytes(directory)
            waiting.append((manifest.project, told.name or manifest.run, size(queued), why))
    if waiting:
        sys.stdout.write("\n")
        print_table(("PROJECT", "RUN", "QUEUED", ""), waiting)


def _segments_bytes(directory: Path) -> int:
    return sum(segment_path(directory, number).stat().st_size for number in segment_numbers(directory))
