"""isoline import tensorboard: bring event files along."""

from __future__ import annotations

import argparse
import hashlib
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import isoline
from isoline import _tensorboard
from isoline._commands._progress import Progress
from isoline._commands._server import add_server
from isoline.errors import RunExists, SettingsInvalid
from isoline.settings import Settings

# An import has no training to hold up: it waits for the server as long as that takes.
FINISH_TIMEOUT_S = 3600.0


def add(commands: Any) -> None:
    parser = commands.add_parser("import", help="bring runs of other tools along")
    sources = parser.add_subparsers(title="sources", metavar="SOURCE", required=True)
    tensorboard = sources.add_parser(
        "tensorboard",
        help="scalars and hparams of TensorBoard's event files",
        description="Each folder with event files becomes a run, named by its path below DIR. Scalars keep their "
        "steps, wall times and values, hparams become the config. What was imported before is left alone. "
        "TensorFlow is not needed.",
    )
    tensorboard.add_argument("folder", metavar="DIR", type=Path)
    tensorboard.add_argument("-p", "--project", help="by default the name of DIR")
    tensorboard.add_argument("-t", "--team", help="by default the key's own")
    add_server(tensorboard)
    tensorboard.set_defaults(run=run)


def run(asked: argparse.Namespace) -> int:
    if not asked.folder.is_dir():
        raise SettingsInvalid(f"{asked.folder} is no folder.")
    found = _tensorboard.event_files(asked.folder)
    if not found:
        raise SettingsInvalid(f"There are no event files (*tfevents*) below {asked.folder}.")
    project = asked.project or asked.folder.resolve().name
    unsent = 0
    with Progress(
        "importing", total=sum(path.stat().st_size for paths in found.values() for path in paths)
    ) as bar:
        for folder, paths in found.items():
            name = folder.relative_to(asked.folder).as_posix()
            name = asked.folder.resolve().name if name == "." else name
            told = _import(asked, project, name, paths)
            unsent += not told.is_sent
            sys.stdout.write(f"{name}: {told.message}\n")
            bar.advance(sum(path.stat().st_size for path in paths))
    return 1 if unsent else 0


class _Told(NamedTuple):
    is_sent: bool
    message: str


def _import(asked: argparse.Namespace, project: str, name: str, paths: list[Path]) -> _Told:
    first = next(_read(paths), None)
    if first is None:
        return _Told(True, "holds no scalars")
    hparams: dict[str, Any] = {}
    for each in _read(paths):
        if isinstance(each, _tensorboard.HParams):
            hparams.update(each.values)
    try:
        run = isoline.init(
            project=project, team=asked.team, name=name, id=_id(name, first), config=hparams, resume="never",
            tags=["tensorboard"], url=asked.url, console=False, system=False, code=False, quiet=True,
        )  # fmt: skip
    except RunExists:
        return _Told(True, "was imported before")
    with run:
        points = rows = 0
        for row in _rows(_read(paths)):
            run.log(row.values, step=row.step, time=row.time_s)
            rows, points = rows + 1, points + len(row.values)
        is_sent = run.finish(timeout_s=FINISH_TIMEOUT_S)
    is_offline = Settings.read().mode == "offline"
    where = "" if is_sent else ", in the spool" if is_offline else ", not all of it sent yet"
    return _Told(is_sent or is_offline, f"{rows:,} rows, {points:,} points{where}")


class _Row(NamedTuple):
    step: int
    time_s: float
    values: dict[str, Any]


def _rows(events: Iterator[_tensorboard.Scalar | _tensorboard.HParams]) -> Iterator[_Row]:
    """Put what was written one after the other for one step into one row, which has the first one's time."""
    row: _Row | None = None
    for each in events:
        if isinstance(each, _tensorboard.HParams):
            continue
        if row is None or row.step != each.step or each.tag in row.values:
            if row is not None:
                yield row
            row = _Row(each.step, each.wall_time_s, {})
        row.values[each.tag] = each.value
    if row is not None:
        yield row


def _read(paths: list[Path]) -> Iterator[_tensorboard.Scalar | _tensorboard.HParams]:
    for path in paths:
        yield from _tensorboard.read(path)


def _id(name: str, first: _tensorboard.Scalar | _tensorboard.HParams) -> str:
    """Return the same id for the same run each time it is imported."""
    told = b"" if isinstance(first, _tensorboard.HParams) else struct.pack("<d", first.wall_time_s)
    return "tensorboard-" + hashlib.blake2b(name.encode() + b"\0" + told, digest_size=12).hexdigest()
