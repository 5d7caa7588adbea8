"""apps/metrics/export.py: the history as files, bit by bit."""

from __future__ import annotations

import csv
import io
import json
import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from apps.metrics import export, inbox
from apps.metrics.fold import fold
from apps.metrics.wire import JSON, decode

from .batches import START_US, STREAM, make_batch

pytestmark = pytest.mark.django_db(databases="__all__")
RUN, CLASHING = 7, 8
ODD = np.array([math.nan, math.inf, -math.inf, -0.0, 5e-324, 0.1])


@pytest.fixture(autouse=True)
def _history() -> None:
    inbox.append(RUN, STREAM, 0, make_batch({"loss": ODD, "n": [2**63 - 1] * 6}))
    fold(RUN)
    inbox.append(RUN, STREAM, 1, make_batch({"ok": [True]}, first_row=6))


def exported(format: export.Format) -> bytes:
    return b"".join(export.stream(RUN, None, format))


@pytest.mark.parametrize("format", ["arrow", "parquet"])
def test_arrow_and_parquet_hold_every_bit(format: export.Format) -> None:
    file = io.BytesIO(exported(format))
    table = pa.ipc.open_stream(file).read_all() if format == "arrow" else pq.read_table(file)

    assert table.column_names == ["step", "time", "stream", "row", "loss", "n", "ok"]
    assert table["loss"].to_numpy()[:6].tobytes() == ODD.tobytes()
    assert table["loss"].null_count == 1
    assert table["n"].to_pylist() == [2**63 - 1] * 6 + [None]
    assert table["ok"].to_pylist() == [None] * 6 + [True]
    assert table["time"].cast(pa.int64()).to_pylist()[0] == START_US


def test_csv_is_readable_and_guards_spreadsheets() -> None:
    inbox.append(RUN, STREAM, 2, make_batch({"=cmd()": [1.0], 'say "hi", you': [2.0]}, first_row=7))

    rows = list(csv.reader(io.StringIO(exported("csv").decode())))

    assert rows[0] == ["step", "time", "stream", "row", "loss", "n", "ok", "'=cmd()", 'say "hi", you']
    assert rows[1][:4] == ["0", "2023-11-14T22:13:20.000000+00:00", "0", "0"]
    assert [float(row[4]) for row in rows[1:7]].__repr__() == ODD.tolist().__repr__()
    assert rows[8][7:] == ["1", "2"]


def test_json_lines_can_be_sent_again() -> None:
    lines = [json.loads(line) for line in exported("jsonl").splitlines()]

    assert lines[0]["values"] == {"loss": "NaN", "n": 2**63 - 1}
    for line in lines:
        del line["stream"]
    again = decode(json.dumps({"rows": lines}).encode(), content_type=JSON, content_encoding="", arrival_us=0)
    assert (again.rows, again.points, again.rejected) == (7, 13, ())


def test_an_export_of_some_metrics() -> None:
    table = pa.ipc.open_stream(b"".join(export.stream(RUN, ["n"], "arrow"))).read_all()

    assert table.column_names == ["step", "time", "stream", "row", "n"]
    assert table.num_rows == 6


@pytest.mark.parametrize("format", ["arrow", "parquet", "csv"])
def test_columns_have_names_of_their_own(format: export.Format) -> None:
    values = {
        "step": [10.0],
        "time": [1],
        "row (f64)": [11.0],
        "row": [12.0],
        "x (f64)": [13.0],
        "=a": [14.0],
    }
    inbox.append(CLASHING, STREAM, 0, make_batch(values | {"x": [15.0], "'=a": [16.0]}))
    inbox.append(CLASHING, STREAM, 1, make_batch({"x": [True]}, first_row=1))
    expected = {
        "step (f64)": 10.0,
        "time (i64)": 1,
        "row (f64)": 11.0,
        "row (f64) (2)": 12.0,
        "x (f64)": 13.0,
        "x (f64) (2)": 15.0,
        "x (bool)": None,
        "=a": 14.0,
        "'=a": 16.0,
    }
    content = b"".join(export.stream(CLASHING, None, format))

    if format == "csv":
        header, first, *_ = csv.reader(io.StringIO(content.decode()))
        assert len(set(header)) == len(header) == 13
        assert header[:4] == ["step", "time", "stream", "row"]
        told = dict(zip(header, first, strict=True))
        assert [told["'=a (f64)"], told["'=a (f64) (2)"], told["x (f64) (2)"]] == ["14", "16", "15"]
    else:
        file = io.BytesIO(content)
        table = pa.ipc.open_stream(file).read_all() if format == "arrow" else pq.read_table(file)
        assert table.column_names[:4] == ["step", "time", "stream", "row"]
        row = table.to_pylist()[0]
        assert {name: row[name] for name in table.column_names[4:]} == expected
