"""Reading a real server: `Api`, its runs, their points."""

from __future__ import annotations

import math
import struct
import sys
import uuid

import msgspec
import pytest

import isoline
from isoline import (
    AccessDenied,
    Api,
    ExtraMissing,
    NotFound,
    NotSignedIn,
    QueryInvalid,
    ServerAway,
    SettingsInvalid,
    _pages,
)
from isoline._client import Client

from .conftest import Up, logged

# Quiet and signalling NaNs with a payload, both zeros, denormals, the extremes.
BITS = [
    0x7FF8_0000_0000_0000, 0xFFF8_0000_DEAD_BEEF, 0x7FF0_0000_0000_0001, 0x8000_0000_0000_0000,
    0x0000_0000_0000_0001, 0x7FEF_FFFF_FFFF_FFFF, 0x7FF0_0000_0000_0000, 0xFFF0_0000_0000_0000,
    0x3FB9_9999_9999_999A,
]  # fmt: skip


@pytest.fixture
def bits(client: Client, project: str) -> str:
    """A run whose floats have the bits above, sent as they are."""
    run = client.ask("POST", "/runs", json={"project": project})
    axis = {"n": len(BITS), "row": [0, 1], "step": [0, 1], "time": [1_700_000_000_000_000, 1]}
    block = {"kind": "f64", "names": ["x"], "values": struct.pack(f"<{len(BITS)}Q", *BITS)}
    client.ask(
        "PUT",
        f"/runs/{run['id']}/streams/{uuid.uuid4()}/batches/0",
        body=msgspec.msgpack.encode({"v": 1, "groups": [{**axis, "blocks": [block]}]}),
        headers={"Content-Type": "application/msgpack"},
    )
    return str(run["id"])


def test_arrow_has_every_bit(api: Api, bits: str) -> None:
    pytest.importorskip("pyarrow")
    column = api.run(bits).history("x").to_arrow().column("x")
    assert (
        list(struct.unpack(f"<{len(BITS)}Q", column.combine_chunks().buffers()[1][: 8 * len(BITS)])) == BITS
    )


def test_pandas_has_every_bit(api: Api, bits: str) -> None:
    pytest.importorskip("pyarrow")
    pytest.importorskip("pandas")
    frame = api.run(bits).history("x").to_pandas()
    assert frame["x"].to_numpy().view("u8").tolist() == BITS
    assert frame["step"].tolist() == list(range(len(BITS)))


def test_polars_has_every_bit(api: Api, bits: str) -> None:
    pytest.importorskip("pyarrow")
    pytest.importorskip("polars")
    frame = api.run(bits).history(["x"]).to_polars()
    assert frame["x"].to_numpy().view("u8").tolist() == BITS


def test_lists_have_every_bit_of_a_number(api: Api, bits: str) -> None:
    columns = api.run(bits).history("x").to_lists()
    numbers = [bits for bits in BITS if not math.isnan(struct.unpack("<d", struct.pack("<Q", bits))[0])]
    found = [
        struct.unpack("<Q", struct.pack("<d", value))[0] for value in columns["x"] if not math.isnan(value)
    ]
    assert found == numbers
    assert columns["time"][:2] == [1_700_000_000_000_000, 1_700_000_000_000_001]


def test_integers_and_booleans_stay_what_they_are_beside_gaps(api: Api, project: str) -> None:
    path = logged(project, {"big": 2**63 - 1, "ok": True}, {"loss": 0.5}, {"big": -(2**63), "ok": False})
    columns = api.run(path).history().to_lists()
    assert columns["big"] == [2**63 - 1, None, -(2**63)]
    assert columns["ok"] == [True, None, False]
    assert columns["loss"] == [None, 0.5, None]
    pytest.importorskip("pyarrow")
    pandas = pytest.importorskip("pandas")
    frame = api.run(path).history().to_pandas()
    assert frame["big"].dropna().tolist() == [2**63 - 1, -(2**63)]
    assert frame["ok"].tolist() == [True, pandas.NA, False]
    assert list(frame.columns)[:4] == ["step", "time", "stream", "row"]


def test_metrics_that_are_called_like_a_column_keep_their_own(api: Api, project: str) -> None:
    path = logged(project, {"step": 7.5, "row": 1}, {"step": 8.5, "row": 2})
    columns = api.run(path).history().to_lists()
    assert columns["step"] == [0, 1]
    assert columns["step (f64)"] == [7.5, 8.5]
    pytest.importorskip("pyarrow")
    pytest.importorskip("pandas")
    assert api.run(path).history("step").to_pandas()["step (f64)"].tolist() == [7.5, 8.5]


def test_a_metric_that_is_not_there_is_refused(api: Api, project: str) -> None:
    path = logged(project, {"loss": 0.5})
    with pytest.raises(NotFound, match="acc"):
        api.run(path).history(["loss", "acc"]).to_lists()


def test_rows_come_as_they_were_logged(api: Api, project: str) -> None:
    path = logged(project, {"loss": 1.0, "n": 1}, {"loss": 2.0}, {"n": 3})
    run = api.run(path)
    assert [row.values for row in run.rows()] == [{"loss": 1.0, "n": 1}, {"loss": 2.0}, {"n": 3}]
    assert [(row.step, row.row) for row in run.rows("n")] == [(0, 0), (2, 2)]


def test_a_run_tells_what_was_put_into_it(api: Api, project: str) -> None:
    config = {"lr": 0.1, "model": {"depth": 3, "bits": [2**53 + 1]}}
    with isoline.init(project=project, config=config, tags=["a", "b"], notes="first", group="g") as writer:
        writer.log({"loss": math.nan, "acc": 0.5})
        writer.log({"loss": 0.25, "note": "a text"})
        writer.summary["best"] = 0.75
        writer.finish()
    run = api.run(f"alice/{project}/{writer.id}")
    assert run.config == config
    assert run.summary == {"loss": 0.25, "acc": 0.5, "best": 0.75}
    assert (run.metrics["loss"].count, run.metrics["loss"].nan) == (2, 1)
    assert math.isnan(run.metrics["loss"].first)
    assert (run.tags, run.notes, run.group, run.state) == (["a", "b"], "first", "g", "finished")
    assert [(value.key, value.step, value.value) for value in run.values()] == [("note", 1, "a text")]
    assert run.ended_at is not None


def test_lines_of_the_console_come_oldest_first(api: Api, client: Client, project: str) -> None:
    run = client.ask("POST", "/runs", json={"project": project})
    lines = [
        {"n": n, "time": 1_700_000_000_000_000 + n, "fd": "stdout", "text": f"line {n}"} for n in range(1500)
    ]
    client.ask(
        "PUT", f"/runs/{run['id']}/streams/{uuid.uuid4()}/batches/0",
        json={"records": [{"type": "console", "lines": lines}]},
    )  # fmt: skip
    found = api.run(run["id"])
    assert [line.number for line in found.logs()] == list(range(1500))
    assert [line.text for line in found.logs(last=2)] == ["line 1498", "line 1499"]
    assert [line.number for line in found.logs(contains="LINE 149", fd="stdout")] == [149, *range(1490, 1500)]


def test_a_run_is_found_by_its_id_client_id_and_name(api: Api, project: str) -> None:
    path = logged(project, {"loss": 1.0}, name='a "quoted" name', id="mine")
    run = api.run(path)
    for spelling in (
        run.id,
        run.path,
        f"{project}/{run.id}",
        f"alice/{project}/mine",
        f'{project}/a "quoted" name',
    ):
        assert api.run(spelling).id == run.id
    for wrong in (f"alice/{project}/nobody", f"other/{project}/{run.id}", "0" * 26):
        with pytest.raises(NotFound):
            api.run(wrong)
    with pytest.raises(SettingsInvalid):
        api.run("mine")


def test_pages_are_read_as_the_loop_goes(
    api: Api, client: Client, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(5):
        client.ask("POST", "/runs", json={"project": project, "id": f"r{n}", "config": {"n": n}})
    asked: list[str] = []
    ask = Client.ask
    monkeypatch.setattr(
        Client,
        "ask",
        lambda self, method, path, **more: asked.append(path) or ask(self, method, path, **more),
    )
    monkeypatch.setattr(_pages, "PAGE", 2)
    runs = api.runs("config.n < 4", project=f"alice/{project}", sort="config.n")
    assert asked == [f"/teams/alice/projects/{project}"]
    assert [run.client_id for run in runs] == ["r0", "r1", "r2", "r3"]
    assert len(asked) == 3
    assert runs.count() == 4
    first = runs.first()
    assert first is not None
    assert first.config == {"n": 0}


def test_a_run_is_edited_deleted_and_restored(api: Api, project: str) -> None:
    run = api.run(logged(project, {"loss": 1.0}))
    run.edit(name="renamed", tags=["best"], notes="why")
    again = api.run(run.id)
    assert (again.name, again.tags, again.notes) == ("renamed", ["best"], "why")
    run.delete()
    assert list(api.runs(project=project)) == []
    [trashed] = api.runs(project=project, deleted=True)
    assert trashed.deleted_at is not None
    trashed.restore()
    assert [each.name for each in api.runs(project=project)] == ["renamed"]


def test_teams_and_projects_are_listed(api: Api, project: str) -> None:
    path = logged(project, {"loss": 1.0})
    assert [(team.slug, team.role) for team in api.teams()] == [("alice", "owner")]
    [found] = api.projects(contains=project)
    assert (found.path, found.runs) == (path.rpartition("/")[0], 1)
    assert api.project(project) == found
    assert api.me()["user"]["email"] == "alice@example.org"


def test_a_query_that_cannot_be_read_says_where(api: Api, project: str) -> None:
    logged(project, {"loss": 1.0})
    with pytest.raises(QueryInvalid) as refused:
        list(api.runs("metrics.loss <", project=project))
    assert refused.value.position == len("metrics.loss <")


def test_refusals_have_a_kind_each(up: Up, project: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = logged(project, {"loss": 1.0})
    with Api(up.url, "iso_wrong") as api, pytest.raises(NotSignedIn):
        list(api.teams())
    reader = up.manage("create_key", "--email", "alice@example.org", "--team", "alice", "--scope", "read")
    with Api(up.url, reader) as api:
        run = api.run(path)
        with pytest.raises(AccessDenied) as denied:
            run.delete()
        assert denied.value.code == "scope_missing"
    with Api("http://127.0.0.1:9", "iso_any") as api, pytest.raises(ServerAway):
        api.me()
    monkeypatch.delenv("ISOLINE_API_KEY")
    with pytest.raises(NotSignedIn):
        Api(up.url)


def test_without_its_library_a_table_names_the_extra(
    api: Api, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = api.run(logged(project, {"loss": 1.0})).history()
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ExtraMissing, match=r"isoline\[arrow\]"):
        history.to_arrow()
    assert history.to_lists()["loss"] == [1.0]
