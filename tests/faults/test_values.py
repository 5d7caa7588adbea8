"""FAIL-8, FAIL-9, INV-5: values, keys, steps and clocks as strange as they come, back bit for bit."""

from __future__ import annotations

import io
import json
import struct
from typing import Any
from uuid import uuid4

import msgpack
import numpy as np
import pyarrow as pa
import pytest

from .conftest import Start
from .up import wait_until
from .workload import BASE_TIME_US, Answer, Client, Training

STRANGE_BITS = [
    0x7FF8_0000_0000_0000,  # NaN
    0x7FF8_DEAD_BEEF_0001,  # a NaN with a payload
    0xFFF8_0000_0000_0000,
    0x7FF0_0000_0000_0001,  # signalling
    0x7FF0_0000_0000_0000,
    0xFFF0_0000_0000_0000,
    0x8000_0000_0000_0000,  # −0
    0x0000_0000_0000_0000,
    0x0000_0000_0000_0001,  # the smallest denormal
    0x7FEF_FFFF_FFFF_FFFF,
    0x3FB9_9999_9999_999A,
]
STRANGE_INTEGERS = [2**63 - 1, -(2**63), 0, -1, 2**53 + 1]


@pytest.fixture
def training(start: Start) -> Training:
    return start(writers=1)


def put(training: Training, batch: dict[str, Any], *, seq: int = 0, stream: Any = None) -> Answer:
    path = f"/runs/{training.run}/streams/{stream or uuid4()}/batches/{seq}"
    body = msgpack.packb({"v": 1, **batch})
    return training.writers[0].client.ask("PUT", path, body, {"Content-Type": "application/msgpack"})


def group(n: int, *blocks: dict[str, Any], **axis: Any) -> dict[str, Any]:
    return {
        "n": n,
        "row": [0, 1],
        "step": [0, 1],
        "time": [BASE_TIME_US, 1000],
        "blocks": list(blocks),
        **axis,
    }


def history(training: Training) -> pa.Table:
    answer = training.writers[0].client.ask("GET", f"/runs/{training.run}/history?format=arrow")
    assert answer.status == 200, answer.body
    return pa.ipc.open_stream(io.BytesIO(answer.body)).read_all()


def bits(table: pa.Table, name: str) -> list[int]:
    return [value for chunk in table[name].chunks for value in chunk.to_numpy().view(np.uint64).tolist()]


def folded(training: Training) -> None:
    client = training.writers[0].client
    wait_until(
        lambda: client.get(f"/runs/{training.run}/ledger")["pending_batches"] == 0,
        within_s=40,
        what="the fold",
    )


def test_inv_5_floats_and_integers_are_bit_exact(training: Training) -> None:
    n = len(STRANGE_BITS)
    floats = struct.pack(f"<{n}Q", *STRANGE_BITS)
    integers = (STRANGE_INTEGERS * 3)[:n]
    blocks = (
        {"kind": "f64", "names": ["strange"], "values": floats},
        {"kind": "i64", "names": ["integer"], "values": struct.pack(f"<{n}q", *integers)},
    )
    assert put(training, {"groups": [group(n, *blocks)]}).status == 200
    for wait in (lambda: None, lambda: folded(training)):
        wait()
        table = history(training)
        assert bits(table, "strange") == STRANGE_BITS
        assert table["integer"].to_pylist() == integers


def test_fail_9_rows_of_json(training: Training) -> None:
    client: Client = training.writers[0].client
    values = {
        "nan": "NaN",
        "inf": "Infinity",
        "ninf": "-Infinity",
        "zero": -0.0,
        "big": 2**63 - 1,
        "ok": True,
    }
    body = {"rows": [{"step": 3, "values": {**values, "huge": 2**63, "text": "no", "": 1.0}}]}
    path = f"/runs/{training.run}/streams/{uuid4()}/batches/0"
    answer = client.ask("PUT", path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    assert answer.status == 200, answer.body
    refused = {(each["code"], each["key"]) for each in answer.json["rejected"]}
    assert refused == {("out_of_range", "huge"), ("bad_value", "text"), ("bad_name", "")}
    (row,) = client.get(f"/runs/{training.run}/rows")["items"]
    assert row["values"] == {**values, "zero": -0.0}
    assert str(row["values"]["zero"]) == "-0.0"


@pytest.mark.parametrize(
    "text",
    [
        b'{"rows": [{"values": {"a\\u0000b": 1.5}}]}',
        b'{"rows": [{"values": {"\\ud800": 1.5}}]}',
        b'{"rows": [{"values": {"\xff": 1.5}}]}',
        b'{"rows": [{"values": {"a": 1.5, "a": 2.5}}]}',
        b'{"rows": [{"values": {"a": NaN}}]}',
        b'{"rows": [{"values": {"a": ' + b"1" * 5000 + b"}}]}",
        b'{"rows": [{"values": {"a": 1e999}}]}',
        b'{"rows": "none"}',
        b'{"rows": [{"values": {"a": 1.5}, "step": 9223372036854775808}]}',
        b'{"rows": [{"values": {"a": 1.5}, "stepp": 1}]}',
    ],
    ids=["NUL", "surrogate", "utf-8", "twice", "bare NaN", "long", "overflow", "shape", "step", "unknown"],
)
def test_g_10_json_that_is_not_strict_is_refused_whole(training: Training, text: bytes) -> None:
    client = training.writers[0].client
    path = f"/runs/{training.run}/streams/{uuid4()}/batches/0"
    answer = client.ask("PUT", path, text, {"Content-Type": "application/json"})
    ledger = client.get(f"/runs/{training.run}/ledger")
    if answer.status == 200:
        # A value that cannot be held is told and left out; a document that cannot be read is refused.
        assert answer.json["rejected"], answer.body
        assert ledger["points"] + ledger["pending_points"] == 0
    else:
        assert answer.status in {400, 422}, answer.body
        assert ledger["batches"] == 0


def test_fail_9_refused_keys_leave_the_rest(training: Training) -> None:
    names = ["good", "", "x" * 1025, "a\x00b", "tab\there", "é" * 512, "schön/λ.1"]
    values = np.arange(len(names) * 2, dtype="<f8").tobytes()
    block = {"kind": "f64", "names": names, "values": values}
    answer = put(training, {"groups": [group(2, block)]})
    assert answer.status == 200, answer.body
    assert sum(each["count"] for each in answer.json["rejected"]) == 8
    assert {each["code"] for each in answer.json["rejected"]} == {"bad_name"}
    folded(training)
    table = history(training)
    assert set(table.column_names[4:]) == {"good", "é" * 512, "schön/λ.1"}
    assert table["schön/λ.1"].to_pylist() == [12.0, 13.0]


def test_fail_9_a_hundred_thousand_keys_and_no_more(training: Training) -> None:
    client = training.writers[0].client
    stream = uuid4()
    names = [f"key/{number:06d}" for number in range(100_000)]
    block = {"kind": "f64", "names": names, "values": np.arange(100_000, dtype="<f8").tobytes()}
    assert put(training, {"groups": [group(1, block)]}, stream=stream).status == 200
    more = [f"more/{number}" for number in range(50)]
    again = {"kind": "f64", "names": [*names[:50], *more], "values": np.ones(100, dtype="<f8").tobytes()}
    answer = put(training, {"groups": [group(1, again, row=[1, 1], step=[1, 1])]}, seq=1, stream=stream)
    assert answer.status == 200, answer.body
    folded(training)
    ledger = client.get(f"/runs/{training.run}/ledger")
    assert (ledger["points"], ledger["rejected"]) == (100_050, 50), {**ledger, "rejections": "…"}
    told = put(
        training,
        {"groups": [group(1, {"kind": "f64", "names": ["key/000000"], "values": bytes(8)}, row=[2, 1])]},
        seq=2,
        stream=stream,
    )
    assert {each["code"] for each in told.json["rejected"]} == {"too_many_keys"}
    tile = client.post("/tiles", {"runs": [training.run], "metrics": ["key/099999"], "pixels": 10})
    assert tile.json["series"][0]["points"] == 1


def test_fail_8_clocks_that_jump_do_not_change_the_order(training: Training) -> None:
    """Steps order a history, whatever the writer's clock said: yesterday, 1970, 2038, the ends of int64."""
    day_us = 86_400_000_000
    times = [
        BASE_TIME_US,
        BASE_TIME_US - day_us,
        0,
        2**31 * 1_000_000,
        BASE_TIME_US + day_us,
        -(2**62),
        2**62,
    ]
    n = len(times)
    block = {"kind": "i64", "names": ["n"], "values": np.arange(n, dtype="<i8").tobytes()}
    whole = group(n, block, time=np.array(times, dtype="<i8").tobytes())
    assert put(training, {"groups": [whole]}).status == 200
    for wait in (lambda: None, lambda: folded(training)):
        wait()
        table = history(training)
        assert table["n"].to_pylist() == list(range(n))
        assert table["time"].cast(pa.int64()).to_pylist() == times


def test_fail_9_an_empty_batch_counts(training: Training) -> None:
    stream = uuid4()
    assert put(training, {}, stream=stream).json["next"] == 1
    assert put(training, {"groups": [], "records": []}, seq=1, stream=stream).json["next"] == 2
    folded(training)
    assert put(training, {}, stream=stream).json["status"] == "duplicate"


def test_fail_9_a_key_of_two_kinds_has_two_columns(training: Training) -> None:
    blocks = (
        {"kind": "f64", "names": ["x"], "values": struct.pack("<2d", 0.5, 1.5)},
        {"kind": "i64", "names": ["x"], "values": struct.pack("<2q", 7, 8)},
    )
    answer = put(training, {"groups": [group(2, blocks[0]), group(2, blocks[1], row=[2, 1], step=[2, 1])]})
    assert answer.status == 200, answer.body
    folded(training)
    table = history(training)
    assert table["x (f64)"].to_pylist() == [0.5, 1.5, None, None]
    assert table["x (i64)"].to_pylist() == [None, None, 7, 8]
