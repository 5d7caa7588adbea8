"""MLflow: its tracking server on PostgreSQL, fed by its own client, 1,000 metrics a request (its most)."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg2
from asked import Order, answer, free_port, in_processes, pss_mib, values

METRICS = 10


@contextmanager
def server(order: Order) -> Iterator[tuple[str, psutil.Process]]:
    port = free_port()
    with Path(order["folder"], "mlflow.log").open("wb") as log:
        process = subprocess.Popen(
            [
                str(Path(sys.executable).with_name("mlflow")),
                "server",
                *("--backend-store-uri", order["database"].replace("postgresql:", "postgresql+psycopg2:")),
                *("--default-artifact-root", f"{order['folder']}/artifacts"),
                *("--host", "127.0.0.1", "--port", str(port)),
            ],
            stdout=log,
            stderr=log,
        )
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 120
    while True:
        try:
            urllib.request.urlopen(f"{url}/health", timeout=2).read()
            break
        except OSError:
            if time.monotonic() > deadline or process.poll() is not None:
                raise RuntimeError(Path(order["folder"], "mlflow.log").read_text()[-1500:]) from None
            time.sleep(0.2)
    try:
        yield url, psutil.Process(process.pid)
    finally:
        for child in psutil.Process(process.pid).children(recursive=True):
            child.kill()
        process.kill()


def write(order: Order) -> int:
    from mlflow.entities import Metric
    from mlflow.tracking import MlflowClient

    client = MlflowClient(order["url"])
    run = client.create_run("0").info.run_id
    noise = values(100, order["writer"])
    step, begun = 0, time.monotonic()
    while time.monotonic() - begun < order["seconds"]:
        rows = range(step, step + 1000 // METRICS)
        metrics = [
            Metric(f"metric_{number:02d}", noise[row % 100], 1_700_000_000_000 + row, row)
            for row in rows
            for number in range(METRICS)
        ]
        client.log_batch(run, metrics=metrics)
        step += 1000 // METRICS
    return step * METRICS


def query(order: Order, sql: str) -> int:
    with psycopg2.connect(order["database"]) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        return int(cursor.fetchone()[0])


def ingest(order: Order) -> Order:
    with server(order) as (url, process):
        points, _ = in_processes(write, {**order, "url": url})
        stored = query(order, "SELECT count(*) FROM metrics")
        family = [process.pid, *(child.pid for child in process.children(recursive=True))]
        memory = pss_mib(family)
    note = f"{memory:,.0f} MiB in {len(family)} processes"
    return {
        "points": points,
        "stored": stored,
        "seconds": order["seconds"],
        "readable_s": order["seconds"],
        "note": note,
    }


def disk(order: Order) -> Order:
    with server(order) as (url, _):
        in_processes(write, {**order, "url": url})
    size = query(order, "SELECT pg_total_relation_size('metrics') + pg_total_relation_size('latest_metrics')")
    return {"stored": query(order, "SELECT count(*) FROM metrics"), "bytes": size}


def chart(order: Order) -> Order:
    """What its own page asks for. The points are put into its table directly: only reading is measured."""
    from mlflow.tracking import MlflowClient

    with server(order) as (url, _):
        run = MlflowClient(url).create_run("0").info.run_id
        with psycopg2.connect(order["database"]) as connection, connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan)"
                " SELECT 'loss', random(), 1700000000000 + n, %s, n, false FROM generate_series(1, %s) n",
                (run, order["points"]),
            )
            cursor.execute(
                "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid)"
                " VALUES ('loss', 0.5, 1700000000000, %s, false, %s)",
                (order["points"], run),
            )
        asked = urllib.parse.urlencode({"run_ids": run, "metric_key": "loss", "max_results": 320})
        took = []
        for _ in range(5):
            begun = time.perf_counter()
            with urllib.request.urlopen(
                f"{url}/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval?{asked}", timeout=300
            ) as told:
                body = told.read()
            took.append(time.perf_counter() - begun)
    return {"seconds": statistics.median(took), "note": f"{body.count(b'step')} sampled points"}


if __name__ == "__main__":
    answer({"ingest": ingest, "disk": disk, "chart": chart})
