"""Reading points: metrics, history, rows, tiles."""

from __future__ import annotations

import io
import json
import math
import struct
from datetime import timedelta
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from apps.api.v1 import history
from apps.metrics import inbox, latest
from apps.metrics.fold import fold
from apps.tracking import runs
from tests.metrics.batches import STREAM, make_batch

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture
def logged(run):
    """A run with a folded batch and one that waits."""
    inbox.append(run.pk, STREAM, 0, make_batch({"loss": [0.5, math.nan, math.inf], "n": [1, 2, 2**53 + 1]}))
    fold(run.pk)
    inbox.append(run.pk, STREAM, 1, make_batch({"loss": [-0.0], "ok": [True]}, first_row=3))
    return run


def test_metrics_are_listed_with_their_facts(reader, logged):
    answer = reader.get(f"/api/v1/runs/{logged.public_id}/metrics")

    told = {each["name"]: each for each in answer.json()["items"]}
    assert list(told) == ["loss", "n", "ok"]
    assert (told["loss"]["count"], told["loss"]["nan"], told["loss"]["pinf"]) == (4, 1, 1)
    assert (told["n"]["kind"], told["n"]["last"]) == ("i64", 2**53 + 1)
    again = reader.get(f"/api/v1/runs/{logged.public_id}/metrics", HTTP_IF_NONE_MATCH=answer["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    page = reader.get(f"/api/v1/runs/{logged.public_id}/metrics?limit=2").json()
    rest = reader.get(f"/api/v1/runs/{logged.public_id}/metrics?limit=2&cursor={page['next']}").json()
    assert [each["name"] for each in page["items"] + rest["items"]] == ["loss", "n", "ok"]
    assert (page["total"], rest["next"]) == (3, None)
    found = reader.get(f"/api/v1/runs/{logged.public_id}/metrics?q=OS").json()
    assert [each["name"] for each in found["items"]] == ["loss"]


def test_a_page_of_metrics_reads_the_facts_of_its_own_only(reader, run, monkeypatch):
    names = [f"m{n:03}" for n in range(600)]
    inbox.append(run.pk, STREAM, 0, make_batch({name: [0.5] for name in names}))
    fold(run.pk)
    inbox.append(run.pk, STREAM, 1, make_batch({"m001": [1], "late": [2.0]}, first_row=1))
    load, read = latest.fact_rows.load, []
    monkeypatch.setattr(
        latest.fact_rows, "load", lambda session, places: read.append(len(places)) or load(session, places)
    )
    url = f"/api/v1/runs/{run.public_id}/metrics?limit=250"

    told, cursor = [], "0"
    while cursor is not None:
        page = reader.get(f"{url}&cursor={cursor}").json()
        told += page["items"]
        cursor = page["next"]
        assert page["total"] == 601
    assert [each["name"] for each in told] == [*names, "late"]
    # One that has had two kinds comes once, with both.
    assert (told[1]["count"], told[1]["kind"], told[1]["last"]) == (2, "i64", 1)
    # Blocks of 256 of 600: three pages, one to two blocks each.
    assert read == [1, 2, 2]


def test_history_is_exact_and_in_order(reader, logged):
    answer = reader.get(f"/api/v1/runs/{logged.public_id}/history?metric=loss&metric=n&metric=nothing")

    series = {each["metric"]: each for each in answer.json()["series"]}
    assert series["loss"]["values"] == [0.5, "NaN", "Infinity", -0.0]
    assert math.copysign(1, series["loss"]["values"][3]) == -1
    assert series["n"] | {"time": []} == {
        "metric": "n", "kind": "i64", "step": [0, 1, 2], "time": [], "values": [1, 2, 2**53 + 1],
    }  # fmt: skip


def test_history_of_a_range_of_steps(reader, logged):
    answer = reader.get(f"/api/v1/runs/{logged.public_id}/history?metric=loss&x_min=1&x_max=2")

    assert answer.json()["series"][0]["step"] == [1, 2]


def test_a_long_history_is_a_file(reader, logged, monkeypatch):
    monkeypatch.setattr(history, "MOST_JSON_POINTS", 3)
    refused = reader.get(f"/api/v1/runs/{logged.public_id}/history?metric=loss")

    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "too_many_points")
    assert reader.get(f"/api/v1/runs/{logged.public_id}/history?metric=ok").status_code == 200


@pytest.mark.parametrize("format", ["arrow", "parquet", "csv", "jsonl"])
def test_history_as_a_file(reader, logged, format):
    answer = reader.get(f"/api/v1/runs/{logged.public_id}/history?metric=loss&format={format}")
    content = b"".join(answer.streaming_content)

    assert answer["Content-Disposition"].endswith(f'.{format}"')
    if format == "arrow":
        steps = pa.ipc.open_stream(content).read_all()["step"].to_pylist()
    elif format == "parquet":
        steps = pq.read_table(io.BytesIO(content))["step"].to_pylist()
    else:
        lines = content.decode().splitlines()
        steps = (
            [json.loads(line)["step"] for line in lines]
            if format == "jsonl"
            else [int(line.split(",")[0]) for line in lines[1:]]
        )
    assert steps == [0, 1, 2, 3]


def test_rows_come_back_as_they_were_logged(reader, logged):
    first = reader.get(f"/api/v1/runs/{logged.public_id}/rows?limit=3").json()
    rest = reader.get(f"/api/v1/runs/{logged.public_id}/rows?limit=3&cursor={first['next']}").json()

    assert [row["values"] for row in first["items"] + rest["items"]] == [
        {"loss": 0.5, "n": 1},
        {"loss": "NaN", "n": 2},
        {"loss": "Infinity", "n": 2**53 + 1},
        {"loss": -0.0, "ok": True},
    ]
    assert rest["next"] is None


def test_a_tile_of_many_runs_and_metrics(reader, project, logged):
    other = runs.start(project, client_id="two")[0]
    inbox.append(other.pk, STREAM, 0, make_batch({"loss": [0.1 * n for n in range(5000)]}))

    asked = {"runs": [logged.public_id, other.public_id], "metrics": ["loss", "n"], "pixels": 100}
    answer = reader.post("/api/v1/tiles", asked)
    tile = answer.json()

    points = {(each["run"], each["metric"]): each["points"] for each in tile["series"]}
    assert points == {
        (logged.public_id, "loss"): 4,
        (logged.public_id, "n"): 3,
        (other.public_id, "loss"): 5000,
    }
    assert tile["missing"] == [{"run": other.public_id, "metric": "n"}]
    long = tile["series"][2]
    assert long["marks"] <= 2 * 100 + 2
    assert long["columns"]["nan"] == 0
    again = reader.post("/api/v1/tiles", asked, HTTP_IF_NONE_MATCH=answer["ETag"])
    assert again.status_code == 304
    inbox.append(other.pk, STREAM, 1, make_batch({"loss": [1.0]}, first_row=5000))
    assert reader.post("/api/v1/tiles", asked, HTTP_IF_NONE_MATCH=answer["ETag"]).status_code == 200


@pytest.mark.parametrize(
    "address", ["tiles?run={run}&metric=loss", "runs/{run}/history?metric=loss", "runs/{run}/metrics"]
)
def test_an_etag_is_that_of_the_body_it_comes_with(reader, logged, monkeypatch, address):
    """Points that come after the ETag was looked at are in the body: another ETag then, or two have one name."""
    url = "/api/v1/" + address.format(run=logged.public_id)
    versions = latest.versions

    def overtaken(asked):
        found = versions(asked)
        inbox.append(logged.pk, STREAM, 2, make_batch({"loss": [7.0]}, first_row=4))
        return found

    with monkeypatch.context() as patch:
        patch.setattr(latest, "versions", overtaken)
        crossed = reader.get(url)
    after = reader.get(url)

    assert crossed.content == after.content
    assert crossed["ETag"] == after["ETag"]
    assert reader.get(url, HTTP_IF_NONE_MATCH=crossed["ETag"]).status_code == 304


def test_a_relative_tile_changes_when_its_run_begins_earlier(reader, logged):
    url = f"/api/v1/tiles?run={logged.public_id}&metric=loss&x="
    relative, by_step = reader.get(url + "relative"), reader.get(url + "step")
    logged.edit(started_at=logged.started_at - timedelta(hours=1))

    assert reader.get(url + "relative", HTTP_IF_NONE_MATCH=relative["ETag"]).status_code == 200
    assert reader.get(url + "step", HTTP_IF_NONE_MATCH=by_step["ETag"]).status_code == 304


@pytest.mark.parametrize("format", ["json", "binary"])
def test_a_relative_tile_says_where_time_begins(reader, logged, format):
    """A point that comes by the websocket has its time only: a chart takes the origin from it."""
    asked = {"runs": [logged.public_id], "metrics": ["loss"], "format": format}

    def told(x):
        answer = reader.post("/api/v1/tiles", {**asked, "x": x})
        if format == "json":
            return answer.json()
        (length,) = struct.unpack_from("<I", answer.content, 8)
        return json.loads(answer.content[12 : 12 + length])

    begun_us = round(logged.started_at.timestamp() * 1e6)
    assert told("relative")["origins"] == {logged.public_id: begun_us}
    assert "origins" not in told("step")
    assert told("time")["x_min"] - told("relative")["x_min"] == begun_us


def test_a_tile_in_bytes_is_the_same_tile(reader, logged):
    url = f"/api/v1/tiles?run={logged.public_id}&metric=loss&metric=n&pixels=50"
    plain = reader.get(url).json()
    packed = reader.get(f"{url}&format=binary")

    assert packed["Content-Type"] == "application/vnd.isoline.tile"
    magic, version, length = struct.unpack_from("<4sII", packed.content)
    assert (magic, version, (12 + length) % 8) == (b"ISOT", 1, 0)
    header = json.loads(packed.content[12 : 12 + length])
    for one, other in zip(plain["series"], header["series"], strict=True):
        assert list(one["columns"]) == list(other["columns"])
        for name, values in one["columns"].items():
            if not isinstance(values, list):
                assert other["columns"][name] == values
                continue
            offset, count, type = other["columns"][name]
            assert offset % 8 == 0
            found = np.frombuffer(
                packed.content, {"f64": "<f8", "u32": "<u4"}[type], count, 12 + length + offset
            )
            np.testing.assert_array_equal(found, [float(value) for value in values])


def test_a_tile_keeps_the_sign_of_zero(reader, run):
    inbox.append(run.pk, STREAM, 0, make_batch({"loss": [-0.0, 0.0, -0.0]}))
    url = f"/api/v1/tiles?run={run.public_id}&metric=loss"
    (series,) = reader.get(url).json()["series"]

    assert list(map(str, series["columns"]["y_first"])) == ["-0.0", "0.0", "-0.0"]
    inbox.append(run.pk, STREAM, 1, make_batch({"nothing": [math.nan, math.nan]}, first_row=3))
    (series,) = reader.get(url.replace("loss", "nothing")).json()["series"]
    assert series["columns"]["y_first"] == ["NaN", "NaN"]


def test_a_tile_tells_the_kind_of_its_values(reader, logged):
    """A reader whose numbers are float64 has to know which were integers."""
    inbox.append(logged.pk, STREAM, 2, make_batch({"n": [0.5], "big": [2**53 + 1]}, first_row=4))
    names = "".join(f"&metric={name}" for name in ("loss", "n", "ok", "big"))
    series = reader.get(f"/api/v1/tiles?run={logged.public_id}{names}").json()["series"]

    told = {each["metric"]: each["kind"] for each in series}
    # A name that has had two kinds is drawn as the wider of them.
    assert told == {"loss": "f64", "n": "f64", "ok": "bool", "big": "i64"}
    assert series[-1]["columns"]["y_first"] == [2**53 + 1]
    over = reader.get(f"/api/v1/tiles?run={logged.public_id}{names}&x=loss").json()["series"]
    assert {each["metric"]: each["kind"] for each in over}["n"] == "f64"


def test_a_tile_is_bounded(reader, logged):
    many = [f"m{n}" for n in range(1000)]
    refused = reader.post("/api/v1/tiles", {"runs": [logged.public_id], "metrics": many, "pixels": 8192})
    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "tile_too_large")
    for asked in ({"pixels": 0}, {"x_min": 5, "x_max": 1}, {"x_min": "nan"}, {"runs": []}, {"metrics": [""]}):
        body = {"runs": [logged.public_id], "metrics": ["loss"]} | asked
        assert reader.post("/api/v1/tiles", body).status_code == 422, asked


def test_one_run_out_of_sight_refuses_the_whole_tile(stranger, reader, logged):
    for client, ids in ((stranger, [logged.public_id]), (reader, [logged.public_id, "0" * 26])):
        answer = client.post("/api/v1/tiles", {"runs": ids, "metrics": ["loss"]})
        assert answer.status_code == 404


def test_latest_values_of_many_runs(reader, project, logged):
    other = runs.start(project, client_id="two")[0]
    answer = reader.post(
        "/api/v1/metrics/latest", {"runs": [other.public_id, logged.public_id], "metrics": ["loss"]}
    )

    empty, full = answer.json()
    assert (empty["run"], empty["metrics"]) == (other.public_id, [])
    assert [(each["name"], each["last"]) for each in full["metrics"]] == [("loss", -0.0)]


def test_the_number_of_queries_does_not_grow_with_runs(reader, project, django_assert_max_num_queries):
    made = [runs.start(project, client_id=str(n))[0] for n in range(20)]
    for run in made:
        inbox.append(run.pk, UUID(int=1), 0, make_batch({"loss": [1.0]}))
        fold(run.pk)
    ids = [run.public_id for run in made]
    reader.post("/api/v1/tiles", {"runs": ids[:1], "metrics": ["loss"]})

    with django_assert_max_num_queries(12):
        assert len(reader.post("/api/v1/tiles", {"runs": ids, "metrics": ["loss"]}).json()["series"]) == 20
