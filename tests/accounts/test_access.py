"""The one door: what is seen, what is refused, and at what cost."""

from __future__ import annotations

import pytest
from pytest_django import DjangoAssertNumQueries

from apps.accounts.access import demand, fetch
from apps.accounts.credentials import authenticate, principal_of_user
from apps.accounts.models import ServiceAccount, Team, User
from apps.accounts.policy import MANAGE, PUBLIC, READ, register, required_rule
from apps.accounts.principal import NOBODY
from apps.accounts.roles import Role
from apps.accounts.scopes import Scope, Verb, verbs_of
from apps.base.errors import Denied, NotFound, Unauthenticated
from apps.tracking.models import Project, Run
from tests.cast import make_key


@pytest.fixture
def project(team: Team, alice: User) -> Project:
    return Project.objects.create(team=team, name="Digits", slug="digits", created_by=alice)


@pytest.fixture
def run(project: Project) -> Run:
    return Run.objects.create(project=project, name="first", client_id="c1")


def code_of(*args: object, **kwargs: object) -> str:
    """What the door says to this; `ok` if it opens."""
    try:
        fetch(*args, **kwargs)  # type: ignore[arg-type]
    except (Denied, NotFound) as refusal:
        return refusal.code
    return "ok"


def test_the_table_of_scopes_and_verbs():
    assert {scope: sorted(verbs_of([scope])) for scope in Scope} == {
        Scope.INGEST: ["ingest"],
        Scope.READ: ["people", "read"],
        Scope.WRITE: ["edit", "ingest", "people", "read"],
        Scope.ADMIN: ["edit", "ingest", "manage", "people", "read"],
    }


def test_G_2_what_is_not_yours_is_as_if_not_there(run: Run, mallory: User):
    hers = principal_of_user(mallory)
    with pytest.raises(NotFound) as foreign:
        fetch(Run, hers, public_id=run.public_id)
    with pytest.raises(NotFound) as random:
        fetch(Run, hers, public_id="0" * 26)
    assert (foreign.value.message, foreign.value.code, foreign.value.details) == (
        random.value.message,
        random.value.code,
        random.value.details,
    )
    assert code_of(Run, NOBODY, public_id=run.public_id) == "not_found"


def test_G_2_what_is_seen_and_not_allowed_is_denied(run: Run, vera: User, bob: User, alice: User):
    answers = {
        user.name: [
            code_of(Run, principal_of_user(user), needs=needs, public_id=run.public_id)
            for needs in (Role.VIEWER, Role.MEMBER, Role.ADMIN, Role.OWNER)
        ]
        for user in (vera, bob, alice)
    }
    assert answers == {
        "Vera": ["ok", "role_too_low", "role_too_low", "role_too_low"],
        "Bob": ["ok", "ok", "role_too_low", "role_too_low"],
        "Alice": ["ok", "ok", "ok", "ok"],
    }


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        ("ingest", {Verb.INGEST}),
        ("read", {Verb.READ, Verb.PEOPLE}),
        ("write", {Verb.READ, Verb.PEOPLE, Verb.INGEST, Verb.EDIT}),
        ("admin", set(Verb)),
    ],
)
def test_a_key_does_what_its_scope_says(run: Run, alice: User, scope: str, allowed: set[Verb]):
    principal = authenticate(f"Bearer {make_key(alice, scopes=[scope])}")
    for verb in Verb:
        expected = "ok" if verb in allowed else "scope_missing"
        assert code_of(Run, principal, verb=verb, public_id=run.public_id) == expected


def test_asking_for_a_role_asks_for_the_scope_as_well(run: Run, alice: User):
    reader = authenticate(f"Bearer {make_key(alice, scopes=['read'])}")
    assert code_of(Run, reader, needs=Role.MEMBER, public_id=run.public_id) == "scope_missing"
    assert code_of(Run, reader, needs=Role.ADMIN, public_id=run.public_id) == "scope_missing"


def test_a_scope_widens_no_role(run: Run, vera: User):
    wide = authenticate(f"Bearer {make_key(vera, scopes=['admin'])}")
    assert code_of(Run, wide, verb=Verb.EDIT, public_id=run.public_id) == "role_too_low"


def test_one_query_for_a_row_and_its_rights(
    run: Run, bob: User, django_assert_num_queries: DjangoAssertNumQueries
):
    principal = principal_of_user(bob)
    with django_assert_num_queries(1):
        found = fetch(Run, principal, needs=Role.MEMBER, public_id=run.public_id)
    with django_assert_num_queries(0):
        demand(principal, found, needs=Role.MEMBER)
        assert found.project.slug == "digits"


def test_a_name_with_a_NUL_is_simply_not_there(bob: User, project: Project):
    assert code_of(Project, principal_of_user(bob), slug="di\0gits") == "not_found"


# Keys bound to a project


def test_ISO_1_a_bound_key_sees_its_project_only(run: Run, project: Project, team: Team, alice: User):
    sibling = Project.objects.create(team=team, name="Other", slug="other")
    other_run = Run.objects.create(project=sibling, name="x", client_id="c2")
    bound = authenticate(f"Bearer {make_key(alice, project=project)}")
    assert code_of(Run, bound, needs=Role.MEMBER, public_id=run.public_id) == "ok"
    assert code_of(Project, bound, needs=Role.MEMBER, public_id=project.public_id) == "ok"
    assert code_of(Project, bound, public_id=sibling.public_id) == "not_found"
    assert code_of(Run, bound, public_id=other_run.public_id) == "not_found"


def test_ISO_1_a_bound_key_does_nothing_to_its_team(project: Project, team: Team, alice: User):
    bound = authenticate(f"Bearer {make_key(alice, project=project)}")
    assert code_of(Team, bound, slug="lab") == "ok"
    for verb in (Verb.PEOPLE, Verb.INGEST, Verb.EDIT, Verb.MANAGE):
        assert code_of(Team, bound, verb=verb, slug="lab") == "key_bound_to_project"


# Private projects


def test_ISO_1_a_private_project_is_its_makers_and_the_admins(team: Team, alice: User, bob: User, vera: User):
    private = Project.objects.create(
        team=team, name="Secret", slug="secret", created_by=bob, visibility=Project.Visibility.PRIVATE
    )
    run = Run.objects.create(project=private, name="x", client_id="c")
    for user, expected in ((bob, "ok"), (alice, "ok"), (vera, "not_found")):
        assert code_of(Project, principal_of_user(user), public_id=private.public_id) == expected
        assert code_of(Run, principal_of_user(user), public_id=run.public_id) == expected


def test_ISO_1_who_left_the_team_loses_also_what_they_made(team: Team, bob: User):
    private = Project.objects.create(
        team=team, name="Secret", slug="secret", created_by=bob, visibility=Project.Visibility.PRIVATE
    )
    team.memberships.get(user=bob).end()
    assert code_of(Project, principal_of_user(bob), public_id=private.public_id) == "not_found"


def test_ISO_1_a_person_and_a_service_account_of_one_number_are_two(team: Team, alice: User, bob: User):
    private = Project.objects.create(
        team=team, name="Secret", slug="secret", created_by=bob, visibility=Project.Visibility.PRIVATE
    )
    account = ServiceAccount.objects.create(pk=bob.pk, team=team, name="ci", role=Role.MEMBER)
    robot = authenticate(f"Bearer {make_key(service_account=account)}")
    assert code_of(Project, robot, public_id=private.public_id) == "not_found"


# The registry


def test_G_1_what_nobody_registered_is_closed():
    with pytest.raises(Denied) as refused:
        required_rule("nowhere:nothing", "GET")
    assert refused.value.code == "unregistered"


def test_G_1_an_address_is_registered_once():
    with pytest.raises(ValueError, match="registered already"):
        register("api:me", GET=PUBLIC)


def test_G_1_a_rule_asks_for_somebody_with_the_scope(alice: User):
    PUBLIC.demand(NOBODY)
    with pytest.raises(Unauthenticated):
        READ.demand(NOBODY)
    reader = authenticate(f"Bearer {make_key(alice, scopes=['read'])}")
    READ.demand(reader)
    with pytest.raises(Denied) as refused:
        MANAGE.demand(reader)
    assert refused.value.code == "scope_missing"
