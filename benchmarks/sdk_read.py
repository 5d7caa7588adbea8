"""How long does it take to read 1,000,000 points of a metric into pandas? Target: ≤ 1 s.

The client is ours as people install it; MLflow's `get_metric_history` beside it.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from . import peers, report
from .server import SCRATCH, running
from .tiles import fill

SDK = Path(__file__).parent.parent / "sdk" / "src"

# In a process of its own. Libraries are imported before the clock runs. Prints one JSON object.
READER = """
import json, sys, time
import pandas, pyarrow
from isoline import Api
with Api() as api:
    run = api.run(sys.argv[1])
    took = []
    for _ in range(5):
        begun = time.perf_counter()
        frame = run.history("metric_00").to_pandas()
        took.append(time.perf_counter() - begun)
print(json.dumps({"took": took, "points": int(frame["metric_00"].count())}))
"""


def main() -> None:
    points = 100_000 if report.is_quick() else 1_000_000
    with running() as server:
        [run] = fill(server, ["read"], points)
        told = subprocess.run(
            [sys.executable, "-c", READER, run],
            env={
                **os.environ,
                "PYTHONPATH": str(SDK),
                "ISOLINE_URL": f"http://{server.up.host}:{server.up.port}",
                "ISOLINE_API_KEY": server.key,
            },
            stdout=subprocess.PIPE,
            check=True,
            timeout=600,
        )
    ours = json.loads(told.stdout)
    median = statistics.median(ours["took"])
    rows = [["**Isoline**", report.spread_ms(ours["took"]), f"{ours['points']:,}", ""]]
    answer = _ask_mlflow(points)
    rows.append(
        [
            "MLflow",
            f"{answer['seconds'] * 1e3:,.0f} ms",
            answer["note"],
            report.ratio(answer["seconds"], median),
        ]
        if answer.is_whole
        else ["MLflow", "–", answer.why, "–"]
    )
    report.table(f"A metric of {points:,} points into pandas", ["", "time", "points", "ours is"], rows)


def _ask_mlflow(points: int) -> peers.Answer:
    folder = Path(tempfile.mkdtemp(prefix="mlflow-", dir=SCRATCH))
    try:
        with peers.postgres(folder) as url:
            return peers.ask("mlflow_history", "read", points=points, database=url)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
