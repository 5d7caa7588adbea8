from __future__ import annotations

import secrets

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.api import wide_columns
from apps.api.urls import urlpatterns
from apps.metrics import inbox
from apps.tracking import fields, runs
from apps.tracking.models import Project, Run
from tests.cast import client_with, make_key
from tests.metrics.batches import STREAM, make_batch

pytestmark = pytest.mark.django_db(databases="__all__")


def test_a_run_is_begun_in_a_project_made_on_demand(writer, team):
    answer = writer.post(
        "/api/v1/runs", {"project": "Digits", "id": "one", "config": {"lr": 0.1}, "tags": ["best"]}
    )

    told = answer.json()
    assert answer.status_code == 201
    assert (told["client_id"], told["team"], told["state"], told["stop"]) == ("one", "lab", "running", False)
    assert set(told) == {"id", "client_id", "name", "project", "team", "state", "stop", "url", "next_step"}
    assert told["url"] == f"http://localhost:8000/runs/{told['id']}"
    assert (told["project"]["slug"], told["next_step"]) == ("digits", 0)
    run = Run.objects.get(public_id=told["id"])
    assert (run.config, run.tags, run.project.team) == ({"lr": 0.1}, ["best"], team)


@pytest.mark.parametrize("wanted", ["slug", "name", "public_id"])
def test_a_project_is_known_by_slug_name_or_id(api, project, wanted):
    for _ in range(2):
        answer = api.post("/api/v1/runs", {"project": getattr(project, wanted)})
        assert answer.json()["project"]["id"] == project.public_id
    assert Project.objects.count() == 1


def test_resuming(api, run):
    def start(**asked):
        return api.post("/api/v1/runs", {"project": "digits", **asked})

    inbox.append(run.pk, STREAM, 0, make_batch({"loss": [0.5, 0.4]}, step=[3, 41]))
    inbox.append(run.pk, STREAM, 1, make_batch({"system/cpu": [0.5]}, step=[900], first_row=2))
    run.end()
    again = start(id="one")
    assert (again.status_code, again.json()["id"], again.json()["state"]) == (200, run.public_id, "running")
    assert again.json()["next_step"] == 42
    assert start(id="one", resume="never").json()["error"]["code"] == "run_exists"
    assert start(id="two", resume="must").status_code == 404
    assert start(id="two", resume="maybe").status_code == 422


def test_a_key_bound_to_a_project_needs_to_name_none(alice, project):
    bound = client_with(make_key(alice, scopes=["ingest"], project=project))

    assert bound.post("/api/v1/runs", {}).json()["project"]["id"] == project.public_id
    # It sees no other project, and may not make one.
    assert bound.post("/api/v1/runs", {"project": "other"}).status_code == 403


def test_a_run_says_what_is_known_of_it(reader, run):
    run.merge_config({"nested": {"nan": float("nan")}})
    told = reader.get(f"/api/v1/runs/{run.public_id}").json()

    assert told["config"] == {"lr": 0.1, "nested": {"nan": "NaN"}}
    assert (told["state"], told["team"], told["deleted_at"]) == ("running", "lab", None)


def test_editing(api, reader, run):
    url = f"/api/v1/runs/{run.public_id}"
    told = api.patch(url, {"name": "better", "tags": ["a", "b"], "notes": "", "group": "seeds"}).json()

    assert (told["name"], told["tags"], told["group"]) == ("better", ["a", "b"], "seeds")
    assert api.patch(url, {"state": "finished"}).status_code == 422
    assert reader.patch(url, {"name": "worse"}).status_code == 403


def test_config_and_summary_merge(writer, run):
    url = f"/api/v1/runs/{run.public_id}"
    writer.post(f"{url}/config", {"set": {"net": {"depth": 3}}})
    writer.post(f"{url}/config", {"set": {"net": {"width": 8}}, "unset": ["lr"]})
    writer.post(f"{url}/summary", {"set": {"score": 0.9}})

    run.refresh_from_db()
    assert (run.config, run.summary) == ({"net": {"depth": 3, "width": 8}}, {"score": 0.9})


def test_a_run_ends_once(writer, run):
    url = f"/api/v1/runs/{run.public_id}/end"

    assert writer.post(url, {"state": "failed", "exit_code": 1}).json()["state"] == "failed"
    again = writer.post(url, {})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "run_ended")


def test_a_stop_is_heard_by_the_writer(api, writer, run):
    assert writer.post(f"/api/v1/runs/{run.public_id}/heartbeat").json() == {"stop": False}
    assert api.post(f"/api/v1/runs/{run.public_id}/stop").json()["stop"] is True
    assert writer.post(f"/api/v1/runs/{run.public_id}/heartbeat").json() == {"stop": True}


def test_delete_and_restore(api, writer, run):
    url = f"/api/v1/runs/{run.public_id}"

    assert api.delete(url).status_code == 204
    assert api.get(url).status_code == 404
    assert writer.post(f"{url}/heartbeat").json()["error"]["code"] == "deleted"
    assert (
        api.get(f"/api/v1/projects/{run.project.public_id}/runs?deleted=true").json()["items"][0]["id"]
        == run.public_id
    )
    assert api.post(f"{url}/restore").json()["deleted_at"] is None
    assert api.get(url).status_code == 200


def test_clone(api, run):
    copy = api.post(f"/api/v1/runs/{run.public_id}/clone", {"name": "copy"}).json()

    assert copy["id"] != run.public_id
    assert (copy["name"], copy["config"], copy["state"]) == ("copy", {"lr": 0.1}, "running")


def test_many_at_once_or_none(reader, stranger, project, run):
    other = runs.start(project, client_id="two")[0]
    ids = [other.public_id, run.public_id]

    assert [each["id"] for each in reader.post("/api/v1/runs/fetch", {"ids": ids}).json()] == ids
    assert reader.post("/api/v1/runs/fetch", {"ids": [*ids, "0" * 26]}).status_code == 404
    assert stranger.post("/api/v1/runs/fetch", {"ids": ids}).status_code == 404


def test_searching_and_sorting(reader, project):
    for n in range(5):
        run = runs.start(project, client_id=str(n), config={"lr": n / 10}, tags=["best"] if n > 2 else [])[0]
        inbox.append(run.pk, STREAM, 0, make_batch({"loss": [1.0 / (n + 1)]}))

    url = f"/api/v1/projects/{project.public_id}/runs"
    page = reader.get(
        url,
        {
            "q": "metrics.loss < 0.6",
            "sort": "metrics.loss",
            "field": ["metrics.loss", "config.lr", "state", "tags"],
            "limit": 3,
        },
    ).json()
    assert [each["fields"]["config.lr"] for each in page["items"]] == [0.4, 0.3, 0.2]
    assert page["items"][0]["fields"] == {
        "metrics.loss": 0.2,
        "config.lr": 0.4,
        "state": "running",
        "tags": ["best"],
    }
    assert (page["total"], page["total_is_exact"], page["behind"]) == (4, True, 0)
    rest = reader.get(
        url, {"q": "metrics.loss < 0.6", "sort": "metrics.loss", "limit": 3, "cursor": page["next"]}
    ).json()
    assert ([each["client_id"] for each in rest["items"]], rest["next"], rest["total"]) == (["1"], None, None)


def test_lists_leave_out_what_may_be_large_unless_it_is_asked_for(reader, project, run):
    run.merge_summary({"score": 0.9})
    url = f"/api/v1/projects/{project.public_id}/runs"

    with CaptureQueriesContext(connection) as asked:
        (item,) = reader.get(url).json()["items"]
        (fetched,) = reader.post("/api/v1/runs/fetch", {"ids": [run.public_id]}).json()
        reader.post("/api/v1/tiles", {"runs": [run.public_id], "metrics": ["loss"]})
    assert not {"config", "summary", "metadata"} & {*item, *fetched}
    # The server does not even read them.
    assert not [each["sql"] for each in asked if '"tracking_run"."config"' in each["sql"]]
    (item,) = reader.get(url, {"include": ["config", "summary"]}).json()["items"]
    assert (item["config"], item["summary"], "metadata" in item) == ({"lr": 0.1}, {"score": 0.9}, False)
    body = {"ids": [run.public_id], "include": ["config", "metadata"]}
    (fetched,) = reader.post("/api/v1/runs/fetch", body).json()
    assert (fetched["config"], fetched["metadata"], "summary" in fetched) == ({"lr": 0.1}, {}, False)
    assert reader.get(url, {"include": "points"}).status_code == 422


@pytest.mark.parametrize(
    "asked", [{"include": "config"}, {"field": "config.text"}, {"field": ["notes"]}, {"sort": "config.n"}]
)
def test_a_page_of_runs_ends_where_it_would_get_too_large(reader, project, monkeypatch, asked):
    monkeypatch.setattr(wide_columns, "MOST_BYTES", 9000)
    for n in range(7):
        text = secrets.token_hex(1500)
        run = runs.start(project, client_id=str(n), name=str(n), config={"text": text, "n": n}, notes=text)[0]
        fields.project(run.pk)
    url = f"/api/v1/projects/{project.public_id}/runs"
    sizes, names, cursor = [], [], {}
    while True:
        page = reader.get(url, asked | cursor).json()
        sizes.append(len(page["items"]))
        names += [each["name"] for each in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}

    assert sorted(names) == list("0123456")
    assert max(sizes) <= 3
    # However large it is, one run is answered.
    monkeypatch.setattr(wide_columns, "MOST_BYTES", 10)
    assert len(reader.get(url, asked).json()["items"]) == 1


def test_runs_that_are_too_large_together_are_not_fetched(reader, project, monkeypatch):
    monkeypatch.setattr(wide_columns, "MOST_BYTES", 5000)
    made = [
        runs.start(project, client_id=str(n), config={"text": secrets.token_hex(1500)})[0] for n in range(2)
    ]
    ids = [run.public_id for run in made]

    refused = reader.post("/api/v1/runs/fetch", {"ids": ids, "include": ["config"]})
    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "runs_too_large")
    assert reader.post("/api/v1/runs/fetch", {"ids": ids[:1], "include": ["config"]}).status_code == 200
    assert len(reader.post("/api/v1/runs/fetch", {"ids": ids}).json()) == 2


def test_a_picked_text_comes_whole(reader, project):
    text = "long " * 200 + "end"
    run = runs.start(project, client_id="one", config={"text": text})[0]
    fields.project(run.pk)
    page = reader.get(f"/api/v1/projects/{project.public_id}/runs", {"field": "config.text"}).json()

    assert page["items"][0]["fields"] == {"config.text": text}


def test_a_mistake_in_a_query_is_shown_where_it_is(reader, project):
    answer = reader.get(f"/api/v1/projects/{project.public_id}/runs", {"q": "metrics.loss < "})

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "bad_query"
    assert answer.json()["error"]["details"]["position"] >= 14


def test_a_query_is_completed(reader, stranger, project):
    run = runs.start(project, client_id="one", config={"learning_rate": 0.1})[0]
    fields.project(run.pk)
    url = f"/api/v1/projects/{project.public_id}/completion"
    told = reader.get(url, {"q": "state = 'finished' and config.lea"}).json()

    assert {"kind": "field", "text": "config.learning_rate", "hint": "config, 0.1"} in told["options"]
    assert (told["start"], told["end"]) == (23, 33)
    assert "=" in [each["text"] for each in reader.get(url, {"q": "config.learning_rate "}).json()["options"]]
    assert reader.get(url).json()["options"]
    assert stranger.get(url).status_code == 404


def test_an_unknown_field_is_pointed_out(reader, project):
    runs.start(project, client_id="one", config={"learning_rate": 0.1})
    page = reader.get(f"/api/v1/projects/{project.public_id}/runs", {"q": "config.learning_rat = 1"}).json()

    assert page["unknown"] == [{"field": "config.learning_rat", "suggestions": ["config.learning_rate"]}]


def test_a_page_of_runs_costs_the_same_number_of_queries(reader, project, django_assert_max_num_queries):
    for n in range(30):
        runs.start(project, client_id=str(n))
    url = f"/api/v1/projects/{project.public_id}/runs"
    reader.get(url)

    with django_assert_max_num_queries(16):
        assert len(reader.get(url).json()["items"]) == 30


def test_every_address_of_a_run_is_closed_to_strangers(stranger, run):
    tried = 0
    for pattern in urlpatterns:
        route = str(pattern.pattern)
        if not route.startswith("runs/<str:run>"):
            continue
        url = "/api/v1/" + route.replace("<str:run>", run.public_id).replace(
            "<str:stream>", str(STREAM)
        ).replace("<int:seq>", "0")
        for method in ("get", "post", "patch", "put", "delete"):
            if not hasattr(pattern.callback.cls, method):
                continue
            body = {"parent": "x", "upto_step": 1} if route.endswith("link") else {"after_step": 1}
            if not route.endswith(("link", "truncate")):
                body = {}
            answer = getattr(stranger, method)(url, *([] if method == "get" else [body]))
            assert answer.status_code == 404, (method, url, answer.content)
            tried += 1
    assert tried > 15
