"""What the server says of a training, held against its journal: exactly that, bit for bit, once."""

from __future__ import annotations

import io
from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa

from .up import wait_until
from .workload import Client, Training

Row = tuple[int, int, int, int, bool]


def check(training: Training) -> None:
    """INV-1, INV-2, INV-5: every point and record that was acknowledged, once, as it was logged; no more.

    Asked after heal and drain, when everything logged has been acknowledged.
    """
    journal = training.journal
    assert journal.acked == set(range(len(journal.batches))), "not drained"
    client = Client(training.up, training.key)
    expected = journal.rows()
    read = rows(client, training.run)
    assert len(read) == len({row[0] for row in read}), "a point is stored twice"
    seen = dict(read)
    assert seen.keys() == expected.keys(), _difference(seen.keys(), expected.keys())
    for token, logged in expected.items():
        assert seen[token] == logged, f"{token}: logged {logged}, read {seen[token]}"
    wait_until(
        lambda: len(records(client, training.run)) >= len(journal.records()),
        within_s=45,
        what="the application of all records",
    )
    counted = Counter(records(client, training.run))
    assert counted == Counter(journal.records()), _difference(counted, set(journal.records()))
    ledger = client.get(f"/runs/{training.run}/ledger")
    assert (ledger["lost"], ledger["rejected"], ledger["batches"]) == ([], 0, len(journal.batches)), ledger


def settle(training: Training, *, within_s: float = 180) -> None:
    """Wait until all is folded and no batch is left behind, then check once more and count by another way."""
    client = Client(training.up, training.key)

    def is_empty() -> bool:
        with training.up.database(training.up.metrics_database) as connection:
            row = connection.execute("SELECT count(*) FROM metrics_batch").fetchone()
        return row is not None and row[0] == 0

    wait_until(is_empty, within_s=within_s, what="the emptying of the inbox")
    check(training)
    facts = client.get(f"/runs/{training.run}/metrics")["items"]
    assert sum(metric["count"] for metric in facts) == training.journal.points
    assert tile_points(client, training.run) * 4 == training.journal.points


def rows(client: Client, run: str) -> list[tuple[int, Row]]:
    """(token, (step, time, bits of loss, count, ok)) of each row of the exact history."""
    answer = client.ask("GET", f"/runs/{run}/history?format=arrow")
    assert answer.status == 200, answer.body[:500]
    table = pa.ipc.open_stream(io.BytesIO(answer.body)).read_all()
    columns: list[list[Any]] = [
        table["token"].to_pylist(),
        table["step"].to_pylist(),
        table["time"].cast(pa.int64()).to_pylist(),
        np.concatenate([chunk.to_numpy() for chunk in table["loss"].chunks] or [np.empty(0)])
        .view(np.uint64)
        .tolist(),
        table["count"].to_pylist(),
        table["ok"].to_pylist(),
    ]
    return [(token, tuple(rest)) for token, *rest in zip(*columns, strict=True)]


def records(client: Client, run: str) -> list[int]:
    """The tokens of all `value` records, in the order they are shown."""
    tokens: list[int] = []
    cursor = ""
    while True:
        page = client.get(f"/runs/{run}/records?limit=1000{cursor}")
        tokens += [item["value"]["token"] for item in page["items"]]
        if not page["next"]:
            return tokens
        cursor = f"&cursor={page['next']}"


def tile_points(client: Client, run: str) -> int:
    """How many points of `token` the marks of a tile stand for."""
    answer = client.post("/tiles", {"runs": [run], "metrics": ["token"], "pixels": 200})
    assert answer.status == 200, answer.body[:500]
    return sum(series["points"] for series in answer.json["series"])


def _difference(seen: Any, expected: Any) -> str:
    missing, foreign = sorted(set(expected) - set(seen)), sorted(set(seen) - set(expected))
    return f"missing {len(missing)}: {missing[:5]}, never logged {len(foreign)}: {foreign[:5]}"
