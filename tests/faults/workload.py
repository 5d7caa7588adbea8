"""A training under fault: a writer with the retry rules of THREATS section 4, and a journal kept apart.

The journal knows every value that was logged, bit for bit. What the server says in the end must be exactly
that: nothing missing, nothing twice, nothing else.
"""

from __future__ import annotations

import http.client
import json
import random
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4, uuid5

import msgpack
import numpy as np

from .up import Up, wait_until

STRANGE = [
    float("nan"),
    float("inf"),
    float("-inf"),
    -0.0,
    5e-324,
    1.7976931348623157e308,
    struct.unpack("<d", struct.pack("<Q", 0xFFF8_0000_DEAD_BEEF))[0],
]
STRANGE_INTEGERS = [2**63 - 1, -(2**63), 0, -1]
BASE_TIME_US = 1_700_000_000_000_000


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The error's code, or nothing."""
        try:
            return str(self.json["error"]["code"])
        except (ValueError, KeyError, TypeError):
            return ""


class Client:
    """One connection with a key. Nothing is repeated here: that is the writer's business."""

    def __init__(self, up: Up, key: str, *, timeout_s: float = 30) -> None:
        self._up = up
        self._key = key
        self._timeout_s = timeout_s
        self._connection: http.client.HTTPConnection | None = None

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """Raises OSError or HTTPException when no whole answer came."""
        if self._connection is None:
            self._connection = http.client.HTTPConnection(
                self._up.host, self._up.port, timeout=self._timeout_s
            )
        try:
            sent = {"Authorization": f"Bearer {self._key}", **(headers or {})}
            self._connection.request(method, f"/api/v1{path}", body=body, headers=sent)
            response = self._connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        except (OSError, http.client.HTTPException):
            self.close()
            raise

    def get(self, path: str) -> Any:
        answer = self.ask("GET", path)
        assert answer.status == 200, (path, answer.status, answer.body[:500])
        return answer.json

    def post(self, path: str, value: Any) -> Answer:
        return self.ask("POST", path, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __del__(self) -> None:
        self.close()


@dataclass(frozen=True)
class Batch:
    """What one batch says, and the body it is sent as, for ever."""

    token: np.ndarray  # i64, unique in the run
    step: np.ndarray
    time_us: np.ndarray
    loss: np.ndarray  # f64, any bits
    count: np.ndarray  # i64, its extremes included
    ok: np.ndarray  # bool
    records: tuple[int, ...]
    body: bytes


@dataclass
class Journal:
    """All a run was told. acked: what the server has promised to keep."""

    batches: list[Batch] = field(default_factory=list)
    acked: set[int] = field(default_factory=set)  # by position in batches
    duplicates: int = 0
    retries: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def points(self) -> int:
        return sum(4 * len(batch.token) for batch in self.batches)

    def rows(self) -> dict[int, tuple[int, int, int, int, bool]]:
        """Token → (step, time, bits of loss, count, ok)."""
        return {
            int(token): (int(step), int(time_us), int(bits), int(count), bool(ok))
            for batch in self.batches
            for token, step, time_us, bits, count, ok in zip(
                batch.token,
                batch.step,
                batch.time_us,
                batch.loss.view(np.uint64),
                batch.count,
                batch.ok,
                strict=True,
            )
        }

    def records(self) -> list[int]:
        return [token for batch in self.batches for token in batch.records]


class Writer:
    """One stream of one run. Batches are kept until the end: a rewind can always be answered."""

    def __init__(self, up: Up, key: str, run: str, journal: Journal, *, seed: int, rows: int = 40) -> None:
        self.client = Client(up, key)
        self.run = run
        self.journal = journal
        self.random = random.Random(seed)
        self.stream = UUID(int=self.random.getrandbits(128), version=4)
        self.rows = rows
        self.row = 0
        self.token = seed * 1_000_000_000
        self.spool: list[int] = []  # positions in journal.batches, by seq
        self.cursor = 0
        self.refusals: list[tuple[int, str]] = []

    def log(self, batches: int = 1) -> None:
        """Seal batches: they exist from now on, sent or not."""
        for _ in range(batches):
            batch = self._make()
            with self.journal.lock:
                self.journal.batches.append(batch)
                self.spool.append(len(self.journal.batches) - 1)

    def path(self, seq: int) -> str:
        return f"/runs/{self.run}/streams/{self.stream}/batches/{seq}"

    def put(self, seq: int, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
        """Send one batch once, unchanged unless a body is given."""
        whole = self.journal.batches[self.spool[seq]].body if body is None else body
        sent = {"Content-Type": "application/msgpack", **(headers or {})}
        return self.client.ask("PUT", self.path(seq), whole, sent)

    def drain(self, *, within_s: float = 180) -> None:
        """Send what is unsent until every batch is acknowledged."""
        deadline = time.monotonic() + within_s
        pause_s = 0.02
        while self.cursor < len(self.spool):
            assert time.monotonic() < deadline, f"batch {self.cursor} was not taken: {self.refusals[-5:]}"
            try:
                answer = self.put(self.cursor)
            except (OSError, http.client.HTTPException) as failure:
                self._note(0, repr(failure))
                pause_s = self._pause(pause_s)
                continue
            if answer.status == 200:
                self._heard(self.cursor, answer.json)
                pause_s = 0.02
            elif answer.code == "gap":
                self.cursor = answer.json["error"]["details"]["expected"]
            elif answer.code == "diverged":
                self._move()
            else:
                self._note(answer.status, answer.code)
                assert answer.status in {408, 429} or answer.status >= 500, answer.body[:500]
                pause_s = self._pause(max(pause_s, float(answer.headers.get("retry-after", 0)) / 10))

    @contextmanager
    def at_work(self, *, pause_s: float = 0.0) -> Iterator[None]:
        """Log and send in a thread of its own until left; then everything is drained."""
        is_over = threading.Event()
        failures: list[BaseException] = []

        def work() -> None:
            try:
                while not is_over.is_set():
                    self.log()
                    self.drain()
                    time.sleep(pause_s)
            except BaseException as failure:
                failures.append(failure)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()
        if failures:
            raise failures[0]
        self.drain()

    def _heard(self, seq: int, said: dict[str, Any]) -> None:
        assert said["rejected"] == [], said
        with self.journal.lock:
            self.journal.acked.add(self.spool[seq])
            self.journal.duplicates += said["status"] == "duplicate"
        self.cursor = seq + 1

    def _move(self) -> None:
        """The rest goes into a stream named after what diverged (tests/simulation says why)."""
        del self.spool[: self.cursor]
        self.stream = uuid5(self.stream, f"{self.cursor}")
        self.cursor = 0

    def _note(self, status: int, what: str) -> None:
        self.refusals.append((status, what))
        with self.journal.lock:
            self.journal.retries += 1

    def _pause(self, pause_s: float) -> float:
        time.sleep(self.random.uniform(0, pause_s))
        return min(pause_s * 2, 1.0)

    def _make(self) -> Batch:
        n = self.rows
        draw = self.random
        rows = np.arange(self.row, self.row + n, dtype="<i8")
        token = np.arange(self.token, self.token + n, dtype="<i8")
        step = np.array([draw.choice([row, row, row, 5, -row]) for row in rows.tolist()], dtype="<i8")
        time_us = BASE_TIME_US + rows * 1_000
        loss = np.array(
            [draw.choice(STRANGE) if draw.random() < 0.05 else draw.gauss(0, 1) for _ in range(n)],
            dtype="<f8",
        )
        count = np.array(
            [
                draw.choice(STRANGE_INTEGERS) if draw.random() < 0.05 else draw.randrange(100)
                for _ in range(n)
            ],
            dtype="<i8",
        )
        ok = np.array([draw.random() < 0.5 for _ in range(n)], dtype="u1")
        self.row, self.token = self.row + n, self.token + n
        group = {
            "n": n,
            "row": rows.tobytes(),
            "step": step.tobytes(),
            "time": time_us.astype("<i8").tobytes(),
            "blocks": [
                {"kind": "f64", "names": ["loss"], "values": loss.tobytes()},
                {"kind": "i64", "names": ["count", "token"], "values": count.tobytes() + token.tobytes()},
                {"kind": "bool", "names": ["ok"], "values": ok.tobytes()},
            ],
        }
        first = int(token[0])
        record = {
            "type": "value",
            "key": "sample",
            "row": int(rows[0]),
            "step": int(step[0]),
            "time": int(time_us[0]),
            "value": {"token": first},
        }
        body = msgpack.packb({"v": 1, "groups": [group], "records": [record]})
        return Batch(token, step, time_us, loss, count, ok.astype(bool), (first,), bytes(body))


@dataclass
class Training:
    """A run, its writers, and the journal they share."""

    up: Up
    key: str
    run: str
    journal: Journal
    writers: list[Writer]

    @classmethod
    def start(cls, up: Up, key: str, *, seed: int, writers: int = 2, rows: int = 40) -> Training:
        made = Client(up, key).post("/runs", {"project": "faults", "id": f"run-{seed}-{uuid4().hex[:8]}"})
        assert made.status == 201, made.body
        run, journal = made.json["id"], Journal()
        crew = [Writer(up, key, run, journal, seed=seed * 100 + n, rows=rows) for n in range(writers)]
        return cls(up, key, run, journal, crew)

    @contextmanager
    def at_work(self, *, pause_s: float = 0.0) -> Iterator[None]:
        """All writers log and send until left; then everything is drained."""
        with ExitStack() as crew:
            for writer in self.writers:
                crew.enter_context(writer.at_work(pause_s=pause_s))
            yield

    def wait_acknowledged(self, batches: int, *, within_s: float = 180) -> None:
        """Wait, while at work, until the server has taken so many batches more."""
        wanted = len(self.journal.acked) + batches
        wait_until(
            lambda: len(self.journal.acked) >= wanted, within_s=within_s, what=f"{batches} more batches"
        )

    def log_and_drain(self, batches: int) -> None:
        for writer in self.writers:
            writer.log(batches)
            writer.drain()
