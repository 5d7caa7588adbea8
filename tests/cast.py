"""The cast: alice runs the team, bob is a member, vera only looks, mallory belongs elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.accounts.acting import nobody_acts
from apps.accounts.credentials import principal_of_user
from apps.accounts.models import ApiKey, Team, User
from apps.accounts.principal import Principal
from apps.accounts.remembered import forget
from apps.accounts.roles import Role

__all__ = ["alice", "bob", "client_of", "mallory", "nobody_is_remembered", "principal", "team", "vera"]


@pytest.fixture(autouse=True)
def nobody_is_remembered() -> Iterator[None]:
    """Rows of the test before are gone; so is who they proved to be."""
    forget()
    nobody_acts()
    yield
    forget()


@pytest.fixture
def alice(db: None) -> User:
    """Owner of the team."""
    return User.objects.create_user("alice@lab.example", name="Alice")


@pytest.fixture
def team(alice: User) -> Team:
    return Team.objects.create_team(slug="lab", owner=alice, name="The lab")


@pytest.fixture
def bob(team: Team) -> User:
    """A member."""
    return _join(team, "bob@lab.example", Role.MEMBER)


@pytest.fixture
def vera(team: Team) -> User:
    """A viewer."""
    return _join(team, "vera@lab.example", Role.VIEWER)


@pytest.fixture
def mallory(db: None) -> User:
    """Owner of another team, and of nothing here."""
    user = User.objects.create_user("mallory@elsewhere.example", name="Mallory")
    Team.objects.create_team(slug="elsewhere", owner=user)
    return user


@pytest.fixture
def principal(alice: User, team: Team) -> Principal:
    """Alice, signed in."""
    return principal_of_user(alice)


@pytest.fixture
def client_of() -> Callable[..., APIClient]:
    """`client_of(bob, scopes=["read"])`: a client of the REST interface with a new key of theirs."""

    def client_of(user: User, **fields: Any) -> APIClient:
        return client_with(make_key(user, **fields))

    return client_of


def make_key(owner: User | None = None, *, scopes: list[str] | None = None, **fields: Any) -> str:
    """Issue a key and return its secret. Without a word about scopes it has all of them."""
    return ApiKey.objects.issue(owner=owner, scopes=scopes or ["admin"], **fields)[1]


def client_with(secret: str) -> APIClient:
    """A client whose every request carries the key."""
    client = APIClient()
    client.default_format = "json"
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


def _join(team: Team, email: str, role: Role) -> User:
    user = User.objects.create_user(email, name=email.partition("@")[0].title())
    team.memberships.create(user=user, role=role)
    return user
