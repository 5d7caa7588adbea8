"""What one connection is still to be sent. A slow reader gets less, said shorter; then it is cut."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from .messages import Changed, Points, RecordsAdded, RunChanged, ServerFrame, Tick, TickRun, render

COALESCE_BYTES = 64 * 1024
CUT_BYTES = 256 * 1024
MAX_TICK_RUNS = 500


@dataclass(frozen=True, slots=True)
class Letter:
    """A frame with its text, written once for all who get it."""

    frame: ServerFrame
    text: str

    @classmethod
    def of(cls, frame: ServerFrame) -> Letter:
        return cls(frame, render(frame))


class TooSlow(Exception):
    """The reader owes more than CUT_BYTES."""


class Outbox:
    """A queue of letters with one reader.

    owed_bytes: what was put in since the reader last took something, and what still lies here.
    Coalescing makes the queue short and leaves the debt: a reader that never reads is cut however
    well its letters could be shortened.
    """

    def __init__(self) -> None:
        self._letters: deque[Letter] = deque()
        self._queued_bytes = 0
        self._filled = asyncio.Event()
        self.owed_bytes = 0

    def put(self, letter: Letter) -> None:
        """Queue a letter. Raises TooSlow."""
        self._letters.append(letter)
        self._queued_bytes += len(letter.text)
        self.owed_bytes += len(letter.text)
        if self.owed_bytes > CUT_BYTES:
            raise TooSlow
        if self._queued_bytes > COALESCE_BYTES:
            self._coalesce()
        self._filled.set()

    async def take(self) -> str:
        """Return the next text. The debt is forgiven down to what is still queued."""
        while not self._letters:
            self._filled.clear()
            await self._filled.wait()
        letter = self._letters.popleft()
        self._queued_bytes -= len(letter.text)
        return letter.text

    def delivered(self) -> None:
        self.owed_bytes = self._queued_bytes

    def _coalesce(self) -> None:
        letters = [Letter.of(frame) for frame in merged([letter.frame for letter in self._letters])]
        self._letters = deque(letters)
        self._queued_bytes = sum(len(letter.text) for letter in letters)


def merged(frames: list[ServerFrame]) -> list[ServerFrame]:
    """Say the same in fewer frames: one `changed`, `run` and `records` a run, one `tick` a project.

    A merged frame stands where the first of its kind stood.
    """
    kept: dict[object, ServerFrame] = {}
    for position, frame in enumerate(frames):
        key, said = _key(frame), frame
        if isinstance(frame, Points):
            said = Changed(run=frame.run, version=frame.version, many=_count(frame))
        before = kept.get(key) if key else None
        kept[key or position] = _join(before, said) if before else said
    return list(kept.values())


def _key(frame: ServerFrame) -> tuple[str, str] | None:
    match frame:
        case Points() | Changed():
            return ("points", frame.run)
        case RunChanged():
            return ("run", frame.run)
        case RecordsAdded():
            return ("records", frame.run)
        case Tick():
            return ("tick", frame.project)
    return None


def _join(before: ServerFrame, after: ServerFrame) -> ServerFrame:
    match before, after:
        case Changed(), Changed():
            return Changed(run=after.run, version=after.version, many=before.many + after.many)
        case RunChanged(), RunChanged():
            return after
        case RecordsAdded(), RecordsAdded():
            return RecordsAdded(run=after.run, kinds=list(dict.fromkeys([*before.kinds, *after.kinds])))
        case Tick(), Tick():
            return tick(after.project, [*before.runs, *after.runs], more=before.more + after.more)
    raise TypeError(f"{type(before).__name__} and {type(after).__name__} cannot be joined.")


def tick(project: str, runs: list[TickRun], *, more: int = 0) -> Tick:
    """One tick of at most MAX_TICK_RUNS runs, the newest word on each."""
    newest: dict[str, TickRun] = {}
    for run in runs:
        known = newest.pop(run.run, run)
        newest[run.run] = TickRun(
            run=run.run, version=run.version or known.version, state=run.state or known.state
        )
    listed = list(newest.values())[-MAX_TICK_RUNS:]
    return Tick(project=project, runs=listed, more=more + len(newest) - len(listed))


def _count(points: Points) -> int:
    return sum(len(column["values"]) for group in points.groups for column in group["columns"])
