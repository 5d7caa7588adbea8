"""ISO-1: every address and method, as mallory. What is not hers answers as what is not there.

The walk follows the resolver and the policy registry. An address with an argument this file has no
sample of fails, and so does one whose body is refused before its row is looked for.
"""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import URLPattern, reverse

from apps.accounts.credentials import principal_of_user
from apps.accounts.invitations import invite
from apps.accounts.models import ApiKey, ServiceAccount, Team, User
from apps.accounts.policy import PUBLIC, registered
from apps.accounts.roles import Role
from apps.base.ids import public_id
from apps.reports.models import SavedView, ViewLink
from apps.tracking.models import MetricDefinition, Project, Run
from tests.api.test_policy import addresses
from tests.cast import client_with, make_key

STREAM = uuid.uuid4()
_FORM_TOKEN = re.compile(r'value="[A-Za-z0-9]{64}"')
# An argument of an address: which field of World it is filled from.
ARGUMENTS = (
    "team",
    "key",
    "account",
    "member",
    "invitation",
    "project",
    "slug",
    "run",
    "stream",
    "seq",
    "metric",
    "view",
    "link",
)
# Addresses that do not answer 404 to a stranger, and why.
NOT_A_TENANTS = {
    "healthz",
    "readyz",
    "setup",  # the token is its own credential
    "api:schema",
    "api:docs",
}
# What a method needs in its body to come as far as the row.
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("api:keys", "POST"): {"name": "x", "scopes": ["read"]},
    ("api:my-keys", "POST"): {"name": "x", "scopes": ["read"]},
    ("api:teams", "POST"): {"slug": "new-team"},
    ("api:team", "PATCH"): {"name": "x"},
    ("api:service-accounts", "POST"): {"name": "x"},
    ("api:member", "PATCH"): {"role": "viewer"},
    ("api:invitations", "POST"): {"email": "x@lab.example"},
    ("api:service-account-keys", "POST"): {"name": "x", "scopes": ["read"]},
    ("api:team-projects", "POST"): {"name": "x"},
    ("api:batch", "PUT"): {"rows": []},
    ("api:truncate", "POST"): {"after_step": 0},
    ("api:project-views", "POST"): {"name": "x", "state": {}},
    ("api:view-links", "POST"): {"state": {}},
    ("web:metric-removal", "POST"): {"name": "canary/loss"},
    ("api:logs-find", "GET"): {"q": "x"},
    ("api:link", "POST"): {"parent": "{parent}", "upto_step": 0},
}
# Addresses without an argument that name a row in their body or query: `{field}` is filled from World.
IN_THE_REQUEST: dict[tuple[str, str], dict[str, Any]] = {
    ("api:runs", "POST"): {"team": "{team}", "project": "{slug}"},
    ("api:runs-fetch", "POST"): {"ids": ["{run}"]},
    ("api:runs-tags", "POST"): {"ids": ["{run}"], "add": ["mine"]},
    ("api:runs-delete", "POST"): {"ids": ["{run}"]},
    ("api:runs-restore", "POST"): {"ids": ["{run}"]},
    ("api:runs-move", "POST"): {"ids": ["{run}"], "project": "{project}"},
    ("api:metrics-latest", "POST"): {"runs": ["{run}"]},
    ("api:tiles", "GET"): {"run": ["{run}"], "metric": ["loss"]},
    ("api:tiles", "POST"): {"runs": ["{run}"], "metrics": ["loss"]},
}


@dataclass(frozen=True)
class World:
    """What an address may be about: alice's, or nobody's."""

    team: str
    key: str
    account: str
    member: str
    invitation: str
    project: str
    slug: str
    run: str
    parent: str
    stream: str = str(STREAM)
    seq: int = 0
    metric: str = "loss"
    view: str = "none"
    link: str = "none"

    def filled(self, body: Any) -> Any:
        return json.loads(json.dumps(body), object_hook=self._fill) if body else body

    def _fill(self, each: dict[str, Any]) -> dict[str, Any]:
        def fill(value: Any) -> Any:
            if isinstance(value, list):
                return [fill(inner) for inner in value]
            return value.format_map(vars(self)) if isinstance(value, str) else value

        return {name: fill(value) for name, value in each.items()}


NOBODYS = World(
    team="nowhere",
    key=public_id(),
    account=public_id(),
    member=public_id(),
    invitation=public_id(),
    project=public_id(),
    slug="nothing",
    run=public_id(),
    parent=public_id(),
)


@pytest.fixture
def hers(alice: User, team: Team) -> World:
    """Alice's rows. Their names are found nowhere else."""
    account = ServiceAccount.objects.create(team=team, name="canary-robot", role=Role.MEMBER)
    key, _ = ApiKey.objects.issue(owner=alice, team=team, scopes=["read"], name="canary-key")
    colleague = User.objects.create_user("canary-colleague@lab.example")
    team.memberships.create(user=colleague, role=Role.MEMBER)
    invitation = invite(principal_of_user(alice), team, email="canary@lab.example", role=Role.MEMBER)
    project = Project.objects.create(team=team, name="canary-project", slug="canary-slug", created_by=alice)
    MetricDefinition.objects.create(project=project, name="canary/loss")
    run, parent = (
        Run.objects.create(project=project, name=f"canary-run-{number}", client_id=f"canary-client-{number}")
        for number in range(2)
    )
    return World(
        team="lab",
        key=key.public_id,
        account=account.public_id,
        member=colleague.public_id,
        invitation=invitation.public_id,
        project=project.public_id,
        slug="canary-slug",
        run=run.public_id,
        parent=parent.public_id,
        view=SavedView.objects.begin(project, name="canary-view", state={}, owner=None).public_id,
        link=ViewLink.objects.keep(project, {}).key,
    )


def walk() -> list[Any]:
    there = dict(addresses())
    cases = []
    for (name, method), rule in sorted(registered().items(), key=lambda entry: entry[0]):
        if method in {"HEAD", "MESSAGE"} or rule is PUBLIC:
            continue
        cases.append(pytest.param(name, method, there.get(name), id=f"{method} {name}"))
    return cases


def has_argument(pattern: URLPattern) -> bool:
    return bool(pattern.pattern.converters)


def ask(client: Any, name: str, method: str, pattern: URLPattern, world: World) -> Any:
    arguments = {}
    for argument in pattern.pattern.converters:
        assert argument in ARGUMENTS, f"{name}: teach tests/test_tenancy.py a sample of {argument!r}"
        # In the address of a page a project goes by its slug.
        by_slug = is_page(name) and "team" in pattern.pattern.converters
        field = "slug" if argument == "project" and by_slug else argument
        arguments[argument] = getattr(world, field)
    asked = world.filled(BODIES.get((name, method)) or IN_THE_REQUEST.get((name, method)) or {})
    address = reverse(name, kwargs=arguments)
    if method in {"GET", "DELETE"}:
        return client.generic(method, address, QUERY_STRING=urlencode(asked, doseq=True))
    if is_page(name):
        return client.post(address, asked)
    return client.generic(method, address, json.dumps(asked), content_type="application/json")


def is_page(name: str) -> bool:
    return name.startswith("web:")


def signed_in(user: User, name: str) -> Any:
    """Pages are for sessions, everything else for keys."""
    if not is_page(name):
        return client_with(make_key(user))
    client = Client()
    client.force_login(user)
    return client


def told(answer: Any) -> tuple[int, str, dict[str, str]]:
    """An answer without what differs between any two requests."""
    name = answer.headers.get("X-Request-ID", "-")
    headers = {
        key: value for key, value in answer.headers.items() if key not in {"X-Request-ID", "Content-Length"}
    }
    content = _FORM_TOKEN.sub("", answer.content.decode().replace(name, "…"))
    return answer.status_code, content, headers


@pytest.mark.parametrize(("name", "method", "pattern"), walk())
def test_ISO_1_mallory_finds_nothing_of_alices(
    name: str, method: str, pattern: URLPattern, hers: World, mallory: User
):
    client = signed_in(mallory, name)
    answer = ask(client, name, method, pattern, hers)
    if has_argument(pattern) or (name, method) in IN_THE_REQUEST:
        assert answer.status_code == 404, answer.content
        assert told(answer) == told(ask(client, name, method, pattern, NOBODYS))
    else:
        assert answer.status_code < 500
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    for secret in (b"canary", b"lab.example", hers.run.encode(), hers.project.encode()):
        assert secret not in content


@pytest.mark.parametrize(("name", "method", "pattern"), walk())
def test_G_1_nobody_gets_nothing(name: str, method: str, pattern: URLPattern, hers: World):
    answer = ask(Client(), name, method, pattern, hers)
    if is_page(name):
        assert (answer.status_code, answer.content) == (302, b"")
        assert answer.headers["Location"].startswith("/login?next=")
        return
    assert answer.status_code == 401
    assert told(answer) == told(ask(Client(), name, method, pattern, NOBODYS))


@pytest.mark.parametrize(("name", "method", "pattern"), walk())
def test_alice_finds_what_mallory_does_not(
    name: str, method: str, pattern: URLPattern, hers: World, alice: User
):
    """Or else the samples prove nothing."""
    client = signed_in(alice, name)
    if name == "web:deleted-project":
        Project.objects.get(public_id=hers.project).remove()
    if name.endswith("-restore"):
        if name in ("api:run-restore", "api:runs-restore"):
            Run.objects.get(public_id=hers.run).remove()
        else:
            Project.objects.get(public_id=hers.project).remove()
    world = hers
    if name in {"api:my-key", "web:key-revoke"}:
        make_key(alice, name="mine")
        world = World(**{**vars(hers), "key": ApiKey.objects.get(name="mine").public_id})
    answer = ask(client, name, method, pattern, world)
    if is_page(name):
        # A form that was sent empty is shown again; what was done leads elsewhere.
        assert answer.status_code in {200, 201, 204, 302, 303, 400, 422}, answer.content
        assert "/login" not in answer.headers.get("Location", "")
    else:
        assert answer.status_code < 300, answer.content


def test_every_public_address_is_known_to_be():
    public = {name for (name, _), rule in registered().items() if rule is PUBLIC}
    # Signing in is for those who have not yet.
    public = {name for name in public if not name.startswith("account_")}
    assert public == NOT_A_TENANTS
