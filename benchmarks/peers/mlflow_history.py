"""MLflow: a metric's whole history through its own client, into pandas."""

from __future__ import annotations

import time

import pandas
import psycopg2
from asked import Order, answer
from mlflow_server import server


def read(order: Order) -> Order:
    """The points are put into its table directly: only reading is measured."""
    from mlflow.tracking import MlflowClient

    with server(order) as (url, _):
        client = MlflowClient(url)
        run = client.create_run("0").info.run_id
        with psycopg2.connect(order["database"]) as connection, connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan)"
                " SELECT 'loss', random(), 1700000000000 + n, %s, n, false FROM generate_series(1, %s) n",
                (run, order["points"]),
            )
            cursor.execute("ANALYZE metrics")
        begun = time.perf_counter()
        history = client.get_metric_history(run, "loss")
        frame = pandas.DataFrame(
            {"step": [each.step for each in history], "loss": [each.value for each in history]}
        )
        seconds = time.perf_counter() - begun
    return {"seconds": seconds, "note": f"{len(frame):,}"}


if __name__ == "__main__":
    answer({"read": read})
