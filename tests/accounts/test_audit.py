"""The audit log: written with the act, and never again."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from apps.accounts import audit
from apps.accounts.acting import let_in
from apps.accounts.credentials import principal_of_user
from apps.accounts.keys import issue_own_key, revoke_key
from apps.accounts.models import AuditEvent, Team, User
from apps.accounts.principal import Principal
from apps.accounts.scopes import Scope
from apps.tracking.models import Project


def test_a_line_says_who_did_what_to_what_from_where(principal: Principal, alice: User, team: Team):
    let_in(principal, "192.0.2.7")
    audit.record("team.renamed", team=team, about=team, was="Old")

    line = AuditEvent.objects.get(action="team.renamed")
    assert (line.team_id, line.actor_kind, line.actor_id, line.actor_name) == (
        team.pk,
        "user",
        alice.public_id,
        alice.email,
    )
    assert (line.object_kind, line.object_id, line.object_name) == ("team", team.public_id, "lab")
    assert (line.credential, line.address, line.detail) == ("session", "192.0.2.7", {"was": "Old"})


def test_outside_of_a_request_it_is_the_installation(team: Team):
    audit.record("team.renamed", team=team, about=team)

    line = AuditEvent.objects.get(action="team.renamed")
    assert (line.actor_kind, line.actor_name, line.credential, line.address) == (
        "installation",
        "",
        "installation",
        None,
    )


def test_a_key_is_named_by_its_hint_only(principal: Principal, team: Team, alice: User):
    let_in(principal, None)
    key, secret = issue_own_key(principal, name="CI", scopes=[Scope.READ], team=team)
    revoke_key(key)
    revoke_key(key)

    lines = list(AuditEvent.objects.filter(object_kind="apikey").order_by("pk"))
    assert [line.action for line in lines] == ["key.created", "key.revoked"]
    assert all(line.detail["hint"] == key.hint for line in lines)
    assert not any(secret in str(vars(line)) for line in lines)


def test_what_is_undone_is_not_in_the_log(team: Team):
    with transaction.atomic():
        audit.record("team.renamed", team=team)
        transaction.set_rollback(True)
    assert not AuditEvent.objects.filter(action="team.renamed").exists()


@pytest.mark.parametrize("change", [{"action": "team.deleted"}, {"actor_name": "somebody else"}])
def test_a_line_cannot_be_changed(team: Team, change: dict[str, str]):
    audit.record("team.renamed", team=team)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        AuditEvent.objects.update(**change)


def test_a_line_cannot_be_deleted(team: Team):
    audit.record("team.renamed", team=team)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        AuditEvent.objects.all().delete()


def test_BAK_6_a_persons_name_can_be_forgotten(principal: Principal, team: Team):
    let_in(principal, None)
    audit.record("team.renamed", team=team)
    assert AuditEvent.objects.filter(action="team.renamed").update(actor_name="") == 1


def test_a_log_is_for_the_teams_admins(alice: User, bob: User, mallory: User, team: Team):
    audit.record("team.renamed", team=team)
    assert AuditEvent.objects.visible_to(principal_of_user(alice)).exists()
    assert not AuditEvent.objects.visible_to(principal_of_user(bob)).exists()
    assert not AuditEvent.objects.visible_to(principal_of_user(mallory)).exists()


def test_what_happens_to_a_project_is_told(principal: Principal, alice: User, team: Team):
    let_in(principal, None)
    project = Project.objects.begin(team, name="Digits", by=alice)
    project.edit(name="Numbers", description="long and private")
    project.remove()
    project.remove()
    project.restore()

    lines = list(AuditEvent.objects.filter(object_kind="project").order_by("pk"))
    assert [line.action for line in lines] == [
        "project.created",
        "project.edited",
        "project.deleted",
        "project.restored",
    ]
    assert lines[1].detail == {"name": "Numbers", "description": True}
