from __future__ import annotations

import pytest

from apps.metrics import inbox
from apps.tracking import records
from tests.metrics.batches import STREAM, make_batch

# Records are applied in transactions of their own.
pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def line(n, **more):
    return {"n": n, "time": 1_700_000_000_000_000 + n, "fd": "stdout", "text": f"line {n}", **more}


@pytest.fixture
def printed(run):
    lines = [line(n) for n in range(50)]
    lines[7] |= {"fd": "stderr", "level": "error", "text": "Disk full"}
    values = [
        {"type": "value", "key": "sample", "row": n, "step": n, "time": 1, "value": {"n": n}}
        for n in range(3)
    ]
    alert = {"type": "alert", "title": "Diverged", "level": "warning", "time": 5}
    bad = {"type": "tags", "add": ["a\x01b"]}
    batch = make_batch(records=[{"type": "console", "lines": lines}, *values, alert, bad])
    inbox.append(run.pk, STREAM, 0, batch)
    records.apply_pending(run.pk)
    return run


def test_the_newest_lines_first_then_both_ways(reader, printed):
    url = f"/api/v1/runs/{printed.public_id}/logs"
    last = reader.get(url, {"limit": 10}).json()
    older = reader.get(url, {"limit": 10, "before": last["before"]}).json()
    newer = reader.get(url, {"limit": 10, "after": older["after"] or last["lines"][0]["n"]}).json()

    assert [each["n"] for each in last["lines"]] == list(range(40, 50))
    assert [each["n"] for each in older["lines"]] == list(range(30, 40))
    assert [each["n"] for each in newer["lines"]] == list(range(40, 50))
    assert reader.get(url, {"after": last["after"]}).json()["lines"] == []


def test_lines_are_filtered_and_searched(reader, printed):
    url = f"/api/v1/runs/{printed.public_id}/logs"

    for asked in ({"level": "warning"}, {"q": "disk FULL"}, {"fd": "stderr"}):
        assert [each["n"] for each in reader.get(url, asked).json()["lines"]] == [7], asked
    assert reader.get(url, {"level": "loud"}).status_code == 422
    assert reader.get(url, {"after": "nonsense"}).json()["error"]["code"] == "bad_cursor"


def test_the_console_as_text(reader, printed):
    answer = reader.get(f"/api/v1/runs/{printed.public_id}/logs/download")
    lines = b"".join(answer.streaming_content).decode().splitlines()

    assert len(lines) == 50
    assert lines[7].endswith("error    Disk full")


def test_values_and_alerts(reader, printed):
    url = f"/api/v1/runs/{printed.public_id}"
    first = reader.get(f"{url}/records", {"key": "sample", "limit": 2}).json()
    rest = reader.get(f"{url}/records", {"key": "sample", "cursor": first["next"]}).json()

    assert [each["value"] for each in first["items"] + rest["items"]] == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert reader.get(f"{url}/records/keys").json() == {"keys": ["sample"]}
    (alert,) = reader.get(f"{url}/alerts").json()["items"]
    assert (alert["title"], alert["level"]) == ("Diverged", "warning")


def test_the_ledger_says_what_became_of_everything(reader, printed):
    inbox.append(printed.pk, STREAM, 3, make_batch({"loss": [1.0], "a\x00b": [1.0]}), lost=(1, 2))
    told = reader.get(f"/api/v1/runs/{printed.public_id}/ledger").json()

    assert (told["streams"], told["batches"], told["points"], told["rejected"]) == (1, 2, 1, 2)
    assert told["pending_records"] == 0
    assert {each["code"] for each in told["rejections"]} == {"bad_name", "bad_tag"}
    assert [(each["first"], each["last"]) for each in told["lost"]] == [(1, 2)]
