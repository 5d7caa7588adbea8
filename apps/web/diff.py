"""What `git diff` prints, as files of rows to show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

# So many rows a page shows; whole, a diff is in the run's metadata.
MOST_ROWS = 5000
# A file with more rows begins folded.
_OPEN_ROWS = 400
_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")
_KINDS = {"+": "add", "-": "del", " ": ""}


@dataclass(frozen=True, slots=True)
class Row:
    """kind: "add", "del", "hunk" or "". old, new: its line numbers, as far as it has them."""

    kind: str
    old: int | None
    new: int | None
    text: str

    @property
    def sign(self) -> str:
        return {"add": "+", "del": "−"}.get(self.kind, "")


@dataclass(slots=True)
class File:
    path: str
    rows: list[Row] = field(default_factory=list)
    added: int = 0
    removed: int = 0

    @property
    def is_open(self) -> bool:
        return len(self.rows) <= _OPEN_ROWS


@dataclass(frozen=True, slots=True)
class Diff:
    files: list[File]
    unlisted: int


def parse(text: str) -> Diff:
    files: list[File] = []
    shown = unlisted = 0
    for path, row in _rows(text):
        if row is None:
            files.append(File(path))
            continue
        files[-1].added += row.kind == "add"
        files[-1].removed += row.kind == "del"
        if shown < MOST_ROWS:
            files[-1].rows.append(row)
            shown += 1
        else:
            unlisted += 1
    return Diff(files, unlisted)


def _rows(text: str) -> Iterator[tuple[str, Row | None]]:
    """Yield a path alone where a file begins, then its rows; what git says of a file before them stays out."""
    path, old, new = "", 0, 0
    # Of what a file holds, only "\n" ends a line for git.
    for line in text.split("\n"):
        if line.startswith("diff --git "):
            path, old, new = line.rpartition(" b/")[2], 0, 0
            yield path, None
        elif path and (hunk := _HUNK.match(line)):
            old, new = int(hunk[1]), int(hunk[2])
            yield path, Row("hunk", None, None, line)
        elif (old or new) and line[:1] in _KINDS and line:
            kind = _KINDS[line[0]]
            yield path, Row(kind, None if kind == "add" else old, None if kind == "del" else new, line[1:])
            old += kind != "add"
            new += kind != "del"
