"""From a header to a principal: keys, their ends, and how soon those are felt."""

from __future__ import annotations

import base64
import re
import time
from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from apps.accounts import credentials, remembered
from apps.accounts.credentials import authenticate, principal_of_user
from apps.accounts.keys import issue_own_key, issue_service_key
from apps.accounts.models import ApiKey, ServiceAccount, Team, User
from apps.accounts.principal import Kind, Principal
from apps.accounts.roles import Role
from apps.accounts.scopes import Scope
from apps.base.errors import Denied, DomainError, Invalid, Unauthenticated
from apps.tracking.models import Project
from tests.cast import make_key
from tests.server import wait_until


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def is_refused(header: str) -> bool:
    try:
        authenticate(header)
    except Unauthenticated:
        return True
    return False


# The key itself


def test_ACC_8_a_key_is_256_bits_shown_once_and_kept_as_a_hash(alice: User):
    key, secret = ApiKey.objects.issue(owner=alice, scopes=["read"])
    assert re.fullmatch(r"iso_[0-9a-z]{52}", secret)
    assert "-" not in secret  # the `wandb` client cuts there
    row = ApiKey.objects.values().get(pk=key.pk)
    assert secret not in str(row)
    assert secret[4:-4] not in str(row)
    assert key.hint == f"iso_…{secret[-4:]}"


@pytest.mark.parametrize("scopes", [[], ["everything"], ["read", "root"]])
def test_a_key_has_scopes_that_exist(alice: User, scopes: list[str]):
    with pytest.raises(Invalid):
        ApiKey.objects.issue(owner=alice, scopes=scopes)


def test_a_key_does_not_begin_expired(alice: User):
    with pytest.raises(Invalid):
        ApiKey.objects.issue(owner=alice, scopes=["read"], expires_at=now())


def test_ISO_3_a_key_binds_no_project_of_another_team(alice: User, team: Team, mallory: User):
    foreign = Project.objects.create(team=mallory.personal_team, name="p", slug="p")
    with pytest.raises(Invalid):
        ApiKey.objects.issue(owner=alice, team=team, project=foreign, scopes=["read"])


# Headers


def test_bearer_and_basic_prove_the_same(alice: User, team: Team):
    secret = make_key(alice, scopes=["read"])
    for header in (f"Bearer {secret}", f"bearer {secret}", basic("api", secret), basic("", secret)):
        principal = authenticate(header)
        assert (principal.kind, principal.user, principal.scopes) == (
            Kind.USER,
            alice,
            frozenset({Scope.READ}),
        )
        assert principal.role_in(team.pk) is Role.OWNER


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer iso_",
        "Bearer iso_" + "0" * 52,
        "Bearer " + "x" * 100_000,
        "Basic",
        "Basic ####",
        "Basic " + base64.b64encode(b"\xff\xfe").decode(),
        basic("alice@lab.example", "correct horse battery"),
        "Digest username=alice",
        "iso_" + "0" * 52,
        "Bearer iso_" + "é" * 52,
    ],
)
def test_every_refusal_looks_the_same(alice: User, header: str):
    with pytest.raises(Unauthenticated) as refused:
        authenticate(header)
    assert (refused.value.code, refused.value.details) == ("unauthenticated", {})
    assert refused.value.message == "Send a valid API key as `Authorization: Bearer iso_…`, or sign in."


# Queries, and how long a principal is remembered


def test_a_busy_key_costs_no_query(alice: User, django_assert_num_queries: DjangoAssertNumQueries):
    header = f"Bearer {make_key(alice)}"
    # The key with its owner, the note of use in a savepoint, the memberships.
    with django_assert_num_queries(5):
        authenticate(header)
    with django_assert_num_queries(0):
        authenticate(header)
    remembered.forget()
    with django_assert_num_queries(2):
        authenticate(header)


def test_use_is_noted_at_most_once_a_minute(alice: User):
    secret = make_key(alice)
    authenticate(f"Bearer {secret}")
    key = ApiKey.objects.get(owner=alice)
    first = key.last_used_at
    assert first is not None
    remembered.forget()
    authenticate(f"Bearer {secret}")
    key.refresh_from_db()
    assert key.last_used_at == first
    ApiKey.objects.update(last_used_at=now() - timedelta(seconds=61))
    remembered.forget()
    authenticate(f"Bearer {secret}")
    key.refresh_from_db()
    assert key.last_used_at >= first


def test_ACC_8_a_revoked_key_is_dead_here_at_once(
    alice: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
):
    header = f"Bearer {make_key(alice)}"
    authenticate(header)
    with django_capture_on_commit_callbacks(execute=True):
        ApiKey.objects.get(owner=alice).revoke()
    with pytest.raises(Unauthenticated):
        authenticate(header)


def test_ACC_8_a_key_revoked_by_another_process_is_dead_within_five_seconds(alice: User):
    header = f"Bearer {make_key(alice)}"
    authenticate(header)
    ApiKey.objects.filter(owner=alice).update(revoked_at=now())
    wait_until(lambda: is_refused(header), timeout_s=5)


def test_a_remembered_key_expires_on_time(alice: User):
    header = f"Bearer {make_key(alice, expires_at=now() + timedelta(milliseconds=300))}"
    authenticate(header)
    time.sleep(0.35)
    with pytest.raises(Unauthenticated):
        authenticate(header)


def test_ACC_8_a_key_dies_with_the_membership_and_the_account(
    bob: User, team: Team, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
):
    header = f"Bearer {make_key(bob)}"
    assert authenticate(header).role_in(team.pk) is Role.MEMBER
    with django_capture_on_commit_callbacks(execute=True):
        team.memberships.get(user=bob).end()
    assert authenticate(header).role_in(team.pk) is None
    User.objects.filter(pk=bob.pk).update(is_active=False)
    remembered.forget()
    with pytest.raises(Unauthenticated):
        authenticate(header)


def test_a_disabled_service_accounts_keys_are_dead(
    team: Team, principal: Principal, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
):
    account = ServiceAccount.objects.begin(team, name="ci", role=Role.MEMBER, by=principal)
    header = f"Bearer {make_key(service_account=account)}"
    assert authenticate(header).service_account == account
    with django_capture_on_commit_callbacks(execute=True):
        account.disable()
    with pytest.raises(Unauthenticated):
        authenticate(header)


def test_memory_of_principals_is_bounded(alice: User, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(remembered, "_MOST_REMEMBERED", 3)
    for _ in range(10):
        authenticate(f"Bearer {make_key(alice)}")
    assert len(remembered._remembered) <= 3


def test_who_holds_a_principal_for_long_renews_it(alice: User, bob: User, team: Team):
    by_key = authenticate(f"Bearer {make_key(bob)}")
    by_session = principal_of_user(bob)
    team.memberships.filter(user=bob).update(role=Role.VIEWER)
    assert credentials.renewed(by_key).role_in(team.pk) is Role.VIEWER
    assert credentials.renewed(by_session).role_in(team.pk) is Role.VIEWER
    ApiKey.objects.filter(owner=bob).delete()
    User.objects.filter(pk=bob.pk).update(is_active=False)
    for principal in (by_key, by_session):
        with pytest.raises(Unauthenticated):
            credentials.renewed(principal)


@pytest.mark.django_db(transaction=True)
async def test_async_callers_get_the_same(transactional_db: None):
    from asgiref.sync import sync_to_async

    user = await sync_to_async(User.objects.create_user)("ada@lab.example")
    header = f"Bearer {await sync_to_async(make_key)(user)}"
    first = await credentials.aauthenticate(header)
    assert first.user == user
    assert await credentials.aauthenticate(header) is first


# What a key reaches


def test_a_key_of_one_team_is_nobody_in_the_others(alice: User, team: Team):
    principal = authenticate(f"Bearer {make_key(alice, team=team)}")
    assert dict(principal.roles) == {team.pk: Role.OWNER}


def test_a_service_account_is_in_its_team_only(team: Team, principal: Principal):
    account = ServiceAccount.objects.begin(team, name="ci", role=Role.VIEWER, by=principal)
    proved = authenticate(f"Bearer {make_key(service_account=account)}")
    assert (proved.kind, proved.user, dict(proved.roles)) == (
        Kind.SERVICE_ACCOUNT,
        None,
        {team.pk: Role.VIEWER},
    )
    assert proved.actor == account


# Keys that make keys


def narrow(alice: User, **fields: Any) -> Principal:
    return authenticate(f"Bearer {make_key(alice, **fields)}")


def test_ACC_8_a_key_makes_no_wider_key(alice: User, team: Team):
    project = Project.objects.create(team=team, name="p", slug="p")
    soon = now() + timedelta(hours=1)
    cases: list[tuple[dict[str, Any], dict[str, Any], str]] = [
        ({"scopes": ["read"]}, {"team": team, "scopes": [Scope.WRITE]}, "wider_than_yours"),
        ({"scopes": ["ingest"]}, {"team": team, "scopes": [Scope.READ]}, "wider_than_yours"),
        ({"team": team}, {"team": None, "scopes": [Scope.READ]}, "wider_than_yours"),
        ({"team": team}, {"team": alice.personal_team, "scopes": [Scope.READ]}, "wider_than_yours"),
        ({"project": project}, {"team": team, "scopes": [Scope.READ]}, "key_bound_to_project"),
        ({"expires_at": soon}, {"team": team, "scopes": [Scope.READ]}, "wider_than_yours"),
    ]
    for fields, asked, code in cases:
        with pytest.raises(Denied) as refused:
            issue_own_key(narrow(alice, **fields), name="new", **asked)
        assert refused.value.code == code
    key, _ = issue_own_key(
        narrow(alice, team=team, expires_at=soon),
        name="new",
        team=team,
        scopes=[Scope.READ],
        expires_at=soon,
    )
    assert (key.team, key.owner) == (team, alice)


def test_ACC_8_a_service_account_makes_keys_for_none_above_it(team: Team, principal: Principal):
    admin = ServiceAccount.objects.begin(team, name="admin", role=Role.ADMIN, by=principal)
    low = authenticate(f"Bearer {make_key(service_account=admin)}")
    with pytest.raises(DomainError) as refused:
        issue_own_key(low, name="mine", team=team, scopes=[Scope.READ])
    assert refused.value.code == "persons_only"
    key, _ = issue_service_key(low, admin, name="next", scopes=[Scope.ADMIN])
    assert key.service_account == admin
    ServiceAccount.objects.filter(pk=admin.pk).update(role=Role.MEMBER)
    weaker = credentials.renewed(low)
    admin.role = Role.ADMIN
    with pytest.raises(Denied):
        issue_service_key(weaker, admin, name="next", scopes=[Scope.ADMIN])
