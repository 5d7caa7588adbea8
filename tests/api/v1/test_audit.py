"""/teams/{team}/audit"""

from __future__ import annotations

import csv
import io
import json

from apps.accounts import audit
from apps.accounts.models import Team, User
from apps.tracking.models import Project


def test_an_admin_reads_the_log_newest_first_in_pages(client_of, alice: User, team: Team):
    for number in range(5):
        audit.record("team.renamed", team=team, about=team, was=str(number))
    client = client_of(alice)
    first = client.get("/api/v1/teams/lab/audit", {"limit": 3, "action": "team."}).json()
    second = client.get(
        "/api/v1/teams/lab/audit", {"limit": 3, "action": "team.", "cursor": first["next"]}
    ).json()
    told = [row["detail"]["was"] for row in first["items"] + second["items"]]
    assert told == ["4", "3", "2", "1", "0"]


def test_a_member_does_not(client_of, bob: User, team: Team):
    assert client_of(bob).get("/api/v1/teams/lab/audit").status_code == 403
    assert client_of(bob).get("/api/v1/teams/lab/audit/export").status_code == 403


def test_a_request_is_told_with_its_key_and_address(client_of, alice: User, bob: User, team: Team):
    client = client_of(alice)
    answer = client.patch(f"/api/v1/teams/lab/members/{bob.public_id}", {"role": "viewer"})
    (line,) = client.get("/api/v1/teams/lab/audit", {"action": "member.role_changed"}).json()["items"]
    assert line["actor"] == "alice@lab.example"
    assert line["credential"].startswith("key iso_…")
    assert line["address"] == "127.0.0.1"
    assert line["request_id"] == answer["X-Request-ID"]


def test_an_unknown_action_is_refused(client_of, alice: User, team: Team):
    answer = client_of(alice).get("/api/v1/teams/lab/audit", {"action": "tea.made"})
    assert answer.status_code == 422


def test_CSV_1_an_export_holds_no_formula(client_of, alice: User, team: Team):
    Project.objects.begin(team, name="=HYPERLINK(1)", by=alice)
    client = client_of(alice)
    answer = client.get("/api/v1/teams/lab/audit/export")
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))
    assert rows[-1]["object"] == "'=HYPERLINK(1)"
    answer = client.get("/api/v1/teams/lab/audit/export", {"format": "jsonl"})
    lines = [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]
    assert lines[-1]["object"] == "=HYPERLINK(1)"
