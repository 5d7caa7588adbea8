"""A server in memory: the whole ingest protocol without a network.

For tests, of this package and of programs that use it. It keeps what it accepts as rows, so that a test can
compare what was logged with what arrived, and refuses whatever the wire format does.
"""

from __future__ import annotations

import hashlib
import itertools
import struct
import threading
import uuid
from collections.abc import Callable
from typing import Any

import msgspec

from isoline._transport import Answer, Request

_LETTERS = {"f64": ("d", 8), "i64": ("q", 8), "bool": ("?", 1)}


class MemoryStream:
    """What arrived from one writer."""

    def __init__(self) -> None:
        self.digests: list[bytes | None] = []
        self.rows: dict[int, dict[str, Any]] = {}
        self.axes: dict[int, tuple[int, int]] = {}
        self.records: list[dict[str, Any]] = []
        self.lost: list[tuple[int, int]] = []


class MemoryRun:
    """A run and its streams."""

    def __init__(self, run_id: str, created: dict[str, Any]) -> None:
        self.id = run_id
        self.created = created
        self.streams: dict[str, MemoryStream] = {}
        self.stop = False
        self.is_gone = False

    @property
    def rows(self) -> list[dict[str, Any]]:
        """All rows, stream by stream, in the order of their calls."""
        return [stream.rows[number] for stream in self.streams.values() for number in sorted(stream.rows)]

    @property
    def records(self) -> list[dict[str, Any]]:
        """All records, stream by stream, in order."""
        return [record for stream in self.streams.values() for record in stream.records]


class MemoryTransport:
    """A transport and the server behind it.

    fault: called with every request before the server sees it; the answer it returns, if any, is given
    instead. lose_answer: called with every request after the server has done it; True turns the answer into
    silence. refuses: called with every decoded batch; the status and code it returns, if any, refuse the
    batch.
    """

    def __init__(self) -> None:
        self.runs: dict[tuple[str, str], MemoryRun] = {}
        self.requests: list[Request] = []
        self.fault: Callable[[Request], Answer | None] = lambda request: None
        self.lose_answer: Callable[[Request], bool] = lambda request: False
        self.refuses: Callable[[dict[str, Any]], tuple[int, str] | None] = lambda batch: None
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def run(self, project: str | None = None) -> MemoryRun:
        """Return the one run there is, or the one of a project."""
        (found,) = [run for (name, _), run in self.runs.items() if project in (None, name)]
        return found

    def send(self, request: Request) -> Answer:
        with self._lock:
            self.requests.append(request)
            answer = self.fault(request)
            if answer is not None:
                return answer
            answer = self._answer(request)
            if self.lose_answer(request):
                return Answer(0, message="The answer was lost.")
            return answer

    def close(self) -> None:
        """Nothing to let go of."""

    def _answer(self, request: Request) -> Answer:
        if not request.key:
            return _error(401, "unauthorized", "No key.")
        if request.method == "POST":
            if request.path.endswith("/heartbeat"):
                return self._heartbeat(request.path.split("/")[4])
            return self._create(msgspec.json.decode(request.body))
        _, _, _, _, run_id, _, stream_id, _, seq = request.path.split("/")
        run = next((run for run in self.runs.values() if run.id == run_id), None)
        if run is None:
            return _error(404, "not_found", "There is no such run.")
        if run.is_gone:
            return _error(410, "gone", "The run has been deleted.")
        uuid.UUID(stream_id)
        stream = run.streams.setdefault(stream_id, MemoryStream())
        return self._append(run, stream, int(seq), request)

    def _heartbeat(self, run_id: str) -> Answer:
        run = next((run for run in self.runs.values() if run.id == run_id), None)
        return Answer(200, {"stop": run.stop}) if run else _error(404, "not_found", "There is no such run.")

    def _create(self, asked: dict[str, Any]) -> Answer:
        place = (asked["project"], asked["id"])
        run = self.runs.get(place)
        resume = asked.get("resume", "allow")
        if run is None and resume == "must":
            return _error(404, "no_such_run", "There is no such run to resume.")
        if run is not None and resume == "never":
            return _error(409, "run_exists", "The project has a run of this id.")
        if run is None:
            run = self.runs[place] = MemoryRun(f"r{next(self._numbers)}", asked)
        steps = [step for stream in run.streams.values() for step, _ in stream.axes.values()]
        return Answer(
            201,
            {
                "id": run.id,
                "url": f"memory://{run.id}",
                "team": asked.get("team", "me"),
                "project": {"id": "p1", "slug": asked["project"], "name": asked["project"]},
                "name": asked.get("name", run.id),
                "next_step": max(steps, default=-1) + 1,
            },
        )

    def _append(self, run: MemoryRun, stream: MemoryStream, seq: int, request: Request) -> Answer:
        digest = hashlib.blake2b(request.body, digest_size=8).digest()
        expected = len(stream.digests)
        if seq < expected:
            if stream.digests[seq] != digest:
                return _error(409, "diverged", "Another batch has this number.", expected=expected)
            return self._stored(run, stream, "duplicate")
        lost = request.headers.get("Isoline-Lost")
        if seq > expected and lost != f"{expected}-{seq - 1}":
            return _error(409, "gap", "Batches are missing.", expected=expected)
        batch = msgspec.msgpack.decode(request.body)
        refusal = self.refuses(batch)
        if refusal is not None:
            return _error(*refusal, "Refused.")
        try:
            rows, axes = decoded_rows(batch)
        except (ValueError, KeyError, struct.error) as error:
            return _error(400, "malformed", str(error))
        if rows.keys() & stream.rows.keys():
            return _error(400, "malformed", "A row has come twice.")
        if seq > expected:
            stream.lost.append((expected, seq - 1))
            stream.digests += [None] * (seq - expected)
        stream.rows.update(rows)
        stream.axes.update(axes)
        stream.records.extend(batch.get("records", []))
        stream.digests.append(digest)
        return self._stored(run, stream, "acked", lost=[[expected, seq - 1]] if seq > expected else [])

    def _stored(
        self, run: MemoryRun, stream: MemoryStream, status: str, lost: list[list[int]] | None = None
    ) -> Answer:
        body = {
            "status": status,
            "next": len(stream.digests),
            "rejected": [],
            "lost": lost or [],
            "stop": run.stop,
        }
        return Answer(200, body)


def decoded_rows(batch: dict[str, Any]) -> tuple[dict[int, dict[str, Any]], dict[int, tuple[int, int]]]:
    """Return the values of a batch by row, and the step and time (µs) of each.

    Raises ValueError, KeyError or struct.error if it is not in the wire format.
    """
    if batch["v"] != 1 or not batch.keys() <= {"v", "groups", "records"}:
        raise ValueError("Unknown version or field.")
    rows: dict[int, dict[str, Any]] = {}
    axes: dict[int, tuple[int, int]] = {}
    for group in batch.get("groups", []):
        count = group["n"]
        numbers, steps, times = (_axis(group[name], count) for name in ("row", "step", "time"))
        if any(later <= earlier for earlier, later in itertools.pairwise(numbers)):
            raise ValueError("Rows descend.")
        axes.update(zip(numbers, zip(steps, times, strict=True), strict=True))
        for block in group["blocks"]:
            letter, size_bytes = _LETTERS[block["kind"]]
            if len(block["values"]) != count * len(block["names"]) * size_bytes:
                raise ValueError("A block's length does not fit.")
            for column, name in enumerate(block["names"]):
                values = struct.unpack_from(f"<{count}{letter}", block["values"], column * count * size_bytes)
                for number, value in zip(numbers, values, strict=True):
                    if rows.setdefault(number, {}).setdefault(name, value) is not value:
                        raise ValueError(f"{name} stands twice in a row.")
    return rows, axes


def _axis(axis: Any, count: int) -> list[int]:
    if isinstance(axis, bytes):
        return list(struct.unpack(f"<{count}q", axis))
    first, by = axis
    return [first + by * number for number in range(count)]


def _error(status: int, code: str, message: str, **details: Any) -> Answer:
    error = {"code": code, "message": message, "details": details, "request_id": "memory"}
    return Answer(status, {"error": error}, message)
