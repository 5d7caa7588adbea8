"""isoline export: fetch a run's points, or a whole project, as files."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import msgspec

from isoline._commands._progress import Progress, size
from isoline._commands._server import add_server, open_api
from isoline.api import Api
from isoline.errors import NotFound, SettingsInvalid
from isoline.history import Format
from isoline.stored import Project, StoredRun

FORMATS: tuple[Format, ...] = ("parquet", "csv", "jsonl", "arrow")


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "export",
        help="fetch a run or a project as Parquet, CSV, JSON lines or Arrow",
        description="A run becomes one file of all its rows. A project becomes a folder: runs.jsonl, which describes "
        "each run (config, summary, tags …) on a line, and one file of rows per run, named by the run's id.",
    )
    parser.add_argument(
        "path", help="a run: team/project/run, or its id; a project: team/project, or project"
    )
    parser.add_argument("-o", "--output", help="the file or folder; - for standard output (a run only)")
    parser.add_argument(
        "-f", "--format", choices=FORMATS, help="by default what the output's ending says, else parquet"
    )
    parser.add_argument("-m", "--metric", action="append", help="only this metric; may be repeated")
    parser.add_argument("-q", "--query", default="", help="of a project: which runs")
    add_server(parser)
    parser.set_defaults(run=run)


def run(asked: argparse.Namespace) -> int:
    with open_api(asked) as api:
        found = _find(api, asked.path)
        if isinstance(found, StoredRun):
            _export_run(found, asked)
        else:
            _export_project(api, found, asked)
    return 0


def _find(api: Api, path: str) -> StoredRun | Project:
    parts = path.count("/") + 1
    if parts == 3 or (parts == 1 and len(path) == 26):
        return api.run(path)
    try:
        return api.project(path)
    except NotFound:
        if parts == 1:
            raise
        return api.run(path)  # project/run


def _export_run(found: StoredRun, asked: argparse.Namespace) -> None:
    format: Format = asked.format or _ending(asked.output) or "parquet"
    if asked.output == "-":
        with found.history(asked.metric).download(format) as pieces:
            for piece in pieces:
                sys.stdout.buffer.write(piece)
        return
    path = Path(asked.output or f"{found.id}.{format}")
    with Progress(found.name, unit="B") as progress:
        size_bytes = _save(found, path, format, asked.metric, progress)
    sys.stdout.write(f"{path} ({size(size_bytes)})\n")


def _export_project(api: Api, project: Project, asked: argparse.Namespace) -> None:
    if asked.output == "-":
        raise SettingsInvalid("A project is exported into a folder; standard output takes a single run.")
    runs = api.runs(asked.query, project=project)
    folder = Path(asked.output or project.slug)
    folder.mkdir(parents=True, exist_ok=True)
    format: Format = asked.format or "parquet"
    count = size_bytes = 0
    aside = folder / ".runs.jsonl.part"
    with Progress(project.path, total=runs.count()) as progress, aside.open("wb") as listing:
        for each in runs:
            # A run may come while its project is exported: it is in the listing with its file, or not at all.
            size_bytes += _save(each, folder / f"{each.id}.{format}", format, asked.metric, None)
            described = {**each.as_dict(), "summary": each.summary}
            listing.write(msgspec.json.encode(described) + b"\n")
            count += 1
            progress.reach(count, note=size(size_bytes))
    aside.replace(folder / "runs.jsonl")
    sys.stdout.write(f"{folder}: {count:,} runs ({size(size_bytes)})\n")


def _save(
    run: StoredRun, path: Path, format: Format, metrics: list[str] | None, progress: Progress | None
) -> int:
    """Write the file whole, or leave what was there; return its size."""
    aside = path.with_name(f".{path.name}.part")
    try:
        with run.history(metrics).download(format) as pieces, aside.open("wb") as file:
            for piece in pieces:
                file.write(piece)
                if progress is not None:
                    progress.advance(len(piece))
            written = file.tell()
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    return written


def _ending(output: str | None) -> Format | None:
    ending = Path(output or "").suffix.lstrip(".").lower()
    return next((format for format in FORMATS if format == ending), None)
