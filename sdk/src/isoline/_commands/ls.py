"""isoline ls: list projects, or the runs of one."""

from __future__ import annotations

import argparse
import itertools
import sys
from typing import Any

import msgspec

from isoline._commands._server import add_server, open_api
from isoline._commands._table import print_table
from isoline.api import Api


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "ls",
        help="list projects, or the runs of one",
        description="Without a project: list projects, the newest first. With one: its runs.",
    )
    parser.add_argument("project", nargs="?", help="team/project, or project where that is clear")
    parser.add_argument(
        "-q", "--query", default="", help="which runs: 'metrics.loss < 0.2 and tags has \"best\"'"
    )
    parser.add_argument(
        "-s", "--sort", help="`-metrics.loss` for the greatest first; by default the newest first"
    )
    parser.add_argument(
        "-n", "--limit", type=int, default=50, help="how many at most; 0 for all (default 50)"
    )
    parser.add_argument("--deleted", action="store_true", help="the trash instead")
    parser.add_argument("--json", action="store_true", help="JSON lines, with everything")
    add_server(parser)
    parser.set_defaults(run=run)


def run(asked: argparse.Namespace) -> int:
    limit = asked.limit if asked.limit > 0 else None
    with open_api(asked) as api:
        if asked.project is None:
            _list_projects(api, asked, limit)
        else:
            _list_runs(api, asked, limit)
    return 0


def _list_projects(api: Api, asked: argparse.Namespace, limit: int | None) -> None:
    projects = itertools.islice(api.projects(deleted=asked.deleted), limit)
    if asked.json:
        for project in projects:
            _print_json(msgspec.to_builtins(project))
        return
    rows = ((each.path, each.runs, each.name, f"{each.created_at:%Y-%m-%d %H:%M}") for each in projects)
    print_table(("PROJECT", "RUNS", "NAME", "CREATED (UTC)"), rows)


def _list_runs(api: Api, asked: argparse.Namespace, limit: int | None) -> None:
    runs = api.runs(asked.query, project=asked.project, sort=asked.sort, deleted=asked.deleted)
    if asked.json:
        for run in itertools.islice(runs, limit):
            _print_json(run.as_dict())
        return
    rows = [
        (each.id, each.name, each.state, _duration(each.duration_s), ",".join(each.tags),
         f"{each.created_at:%Y-%m-%d %H:%M}")
        for each in itertools.islice(runs, limit)
    ]  # fmt: skip
    print_table(("ID", "NAME", "STATE", "TOOK", "TAGS", "CREATED (UTC)"), rows)


def _print_json(value: Any) -> None:
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
