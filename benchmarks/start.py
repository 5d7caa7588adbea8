"""How soon is it ready, and what does it hold when nothing happens?

Targets: ready in 8 s the first time (the cluster and every table are made) and in 4 s after; at most 600 MB
of memory (PSS: shared pages counted once) in all processes together.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import psutil

from benchmarks.report import is_quick, table
from tests.faults.up import Up

_SETTLED_AFTER_S = 10


def main() -> None:
    first_s: list[float] = []
    again_s: list[float] = []
    for _ in range(1 if is_quick() else 3):
        folder = Path(tempfile.mkdtemp(prefix="isoline-start-"))
        up = Up(folder / "home")
        try:
            up.start()
            first_s.append(up.ready_after_s)
            up.stop()
            up.start()
            again_s.append(up.ready_after_s)
            time.sleep(_SETTLED_AFTER_S)
            memory = _memory_mb(up.family())
            up.stop()
        finally:
            up.end()
            shutil.rmtree(folder, ignore_errors=True)
    table(
        "`up` until ready",
        ("", "best s", "worst s", "target s"),
        [
            ("first time", f"{min(first_s):.1f}", f"{max(first_s):.1f}", 8),
            ("after", f"{min(again_s):.1f}", f"{max(again_s):.1f}", 4),
        ],
    )
    processes, total_mb = sum(count for count, _ in memory.values()), sum(mb for _, mb in memory.values())
    table(
        f"memory {_SETTLED_AFTER_S} s after the start",
        ("process", "how many", "PSS MB"),
        [
            *((name, count, f"{mb:.0f}") for name, (count, mb) in memory.items()),
            ("all (target 600)", processes, f"{total_mb:.0f}"),
        ],
    )


def _memory_mb(processes: list[psutil.Process]) -> dict[str, tuple[int, float]]:
    found: dict[str, tuple[int, float]] = defaultdict(lambda: (0, 0.0))
    for process in processes:
        words = process.cmdline()
        name = next((word for word in ("up", "web", "worker", "beat") if word in words), process.name())
        count, mb = found[name]
        found[name] = count + 1, mb + process.memory_full_info().pss / 2**20
    return dict(found)


if __name__ == "__main__":
    main()
