"""A real `manage.py up` to be measured, and the few questions every benchmark asks it."""

from __future__ import annotations

import http.client
import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil

from tests.faults.up import Up, wait_until

# Beside the project, not on a temporary file system: what is durable has to reach a disk.
SCRATCH = Path(__file__).parent / "out"


class Isoline:
    """The server under measurement, with a key that may do everything in its team."""

    def __init__(self, up: Up, key: str) -> None:
        self.up = up
        self.key = key
        self._connection: http.client.HTTPConnection | None = None

    @property
    def address(self) -> tuple[str, int]:
        return self.up.host, self.up.port

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        """One request on a connection that stays open."""
        if self._connection is None:
            self._connection = http.client.HTTPConnection(*self.address, timeout=600)
        try:
            sent = {"Authorization": f"Bearer {self.key}", **(headers or {})}
            self._connection.request(method, f"/api/v1{path}", body=body, headers=sent)
            response = self._connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            self._connection = None
            raise

    def json(self, method: str, path: str, value: Any = None) -> Any:
        body = None if value is None else json.dumps(value).encode()
        status, answer = self.ask(method, path, body, {"Content-Type": "application/json"})
        if status >= 300:
            raise RuntimeError(f"{method} {path} answered {status}: {answer[:300]!r}")
        return json.loads(answer)

    def new_run(self, name: str, **fields: Any) -> str:
        return str(self.json("POST", "/runs", {"project": "benchmarks", "id": name, **fields})["id"])

    def ledger(self, run: str) -> Any:
        return self.json("GET", f"/runs/{run}/ledger")

    def pending(self) -> int:
        """Batches in the inbox of all runs, asked of the database itself."""
        with self.up.database() as connection:
            row = connection.execute("SELECT count(*) FROM metrics_batch").fetchone()
        return int(row[0]) if row else 0

    def wait_folded(self, *, within_s: float = 600) -> float:
        """Wait until the inbox is empty; return how long that took."""
        begun = time.monotonic()
        wait_until(lambda: self.pending() == 0, within_s=within_s, what="the end of folding")
        return time.monotonic() - begun

    def tile(
        self, runs: list[str], metrics: list[str], *, pixels: int = 1500, x: str = "step", **more: Any
    ) -> tuple[float, bytes]:
        """Ask for a binary tile; return seconds and body."""
        asked = {"runs": runs, "metrics": metrics, "x": x, "pixels": pixels, "format": "binary", **more}
        body = json.dumps(asked).encode()
        begun = time.perf_counter()
        status, answer = self.ask("POST", "/tiles", body, {"Content-Type": "application/json"})
        took_s = time.perf_counter() - begun
        if status != 200:
            raise RuntimeError(f"a tile was answered {status}: {answer[:300]!r}")
        return took_s, answer

    def tile_points(self, runs: list[str], metrics: list[str], **more: Any) -> int:
        """How many points the buckets of a tile stand for, NaN and infinities included."""
        asked = {"runs": runs, "metrics": metrics, "pixels": 500, **more}
        return sum(series["points"] for series in self.json("POST", "/tiles", asked)["series"])

    def stored_points(self, run: str) -> int:
        """The exact number of points the run's facts count."""
        return sum(metric["count"] for metric in self.metric_list(run))

    def folded_points(self) -> int:
        """The points of all runs, as the engine counts them where it folds."""
        with self.up.database() as connection:
            row = connection.execute("SELECT coalesce(sum(points), 0)::bigint FROM metrics_head").fetchone()
        return int(row[0]) if row else 0

    def metric_list(self, run: str) -> list[Any]:
        items: list[Any] = []
        cursor = ""
        while True:
            page = self.json("GET", f"/runs/{run}/metrics?limit=1000{cursor}")
            items += page["items"]
            if not page["next"]:
                return items
            cursor = f"&cursor={quote(page['next'])}"

    def table_bytes(self) -> dict[str, int]:
        """Table → bytes on disk, with its indexes and TOAST."""
        with self.up.database() as connection:
            rows = connection.execute(
                "SELECT relname, pg_total_relation_size(c.oid) FROM pg_class c"
                " JOIN pg_namespace n ON n.oid = relnamespace WHERE relkind = 'r' AND nspname = 'public'"
            ).fetchall()
        return dict(rows)

    def wal_bytes(self) -> int:
        with self.up.database() as connection:
            row = connection.execute("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint").fetchone()
        return int(row[0]) if row else 0

    def pss_mib(self) -> dict[str, float]:
        """Kind of process → MiB of proportional set size."""
        sizes: dict[str, float] = {}
        for process in self.up.family():
            kind = _kind(process)
            sizes[kind] = sizes.get(kind, 0.0) + pss_bytes(process.pid) / 2**20
        return sizes


@contextmanager
def running(environment: dict[str, str] | None = None) -> Iterator[Isoline]:
    """A fresh server; gone, with its data, at the end."""
    SCRATCH.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="up-", dir=SCRATCH))
    up = Up(folder / "home", environment)
    try:
        up.start()
        slug = up.command("create_user", "--email", "bench@example.org")
        key = up.command("create_key", "--email", "bench@example.org", "--team", slug, "--scope", "write")
        yield Isoline(up, key)
    finally:
        up.end()
        shutil.rmtree(folder, ignore_errors=True)


def pss_bytes(pid: int) -> int:
    """Proportional set size: shared pages counted once among those who share them."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def _kind(process: psutil.Process) -> str:
    try:
        argv = process.cmdline()
    except psutil.Error:
        return "gone"
    words = " ".join(argv[:3])
    for kind in ("web", "worker", "beat", "up"):
        if "manage.py" in words and kind in argv:
            return kind
    return "postgres" if "postgres" in words else "redis" if "redis" in words else "other"
