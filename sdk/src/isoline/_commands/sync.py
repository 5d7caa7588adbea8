"""isoline sync: send what waits in a spool."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from isoline._commands._progress import Progress
from isoline._commands._server import add_server
from isoline._delivery import Delivery
from isoline._sync import sync
from isoline._transport import HttpTransport
from isoline.settings import Settings, clean_url, stored_key


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "sync",
        help="send what waits in a spool",
        description="Send what was logged offline, and what a sender has not yet sent; also while trainings still "
        "log, and from another machine that shares the folder. Exits with 0 if nothing waits any more.",
    )
    parser.add_argument(
        "spool", nargs="?", type=Path, help="the folder; by default ISOLINE_SPOOL, or your own"
    )
    parser.add_argument(
        "--watch", action="store_true", help="go on for as long as trainings log, until Ctrl-C"
    )
    add_server(parser)
    parser.set_defaults(run=run)


def run(asked: argparse.Namespace) -> int:
    settings = Settings.read(url=asked.url, spool=asked.spool)

    def key_for(server: str) -> str:
        return settings.key if server == settings.url else stored_key(server)

    transport = HttpTransport()
    with Progress("sending", unit="rows") as progress:

        def show(deliveries: list[Delivery]) -> None:
            rows = sum(each.status.rows_sent for each in deliveries)
            progress.reach(rows, note=f"of {len(deliveries)} streams")

        try:
            outcome = sync(
                settings.spool, transport, key_for=key_for, watches=asked.watch, on_progress=show,
                server=clean_url(asked.url) if asked.url else None,
            )  # fmt: skip
        finally:
            transport.close()
    sys.stdout.write(f"{outcome.rows_sent:,} rows with {outcome.points_sent:,} points were sent.\n")
    for run, problem in outcome.problems.items():
        sys.stderr.write(f"isoline: {run}: {problem}\n")
    if outcome.waiting_streams:
        sys.stderr.write(f"isoline: {outcome.waiting_streams} streams wait in {settings.spool}.\n")
    return 1 if outcome.waiting_streams else 0
