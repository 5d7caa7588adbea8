"""What a credential may be used for: the table scope × verb, and the role each verb asks for.

            READ  INGEST  EDIT  PEOPLE  MANAGE
    ingest         ✓
    read     ✓                    ✓
    write    ✓     ✓      ✓       ✓
    admin    ✓     ✓      ✓       ✓       ✓

A session has every scope. A scope widens nobody's rights: the role in the team is asked as well.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from .roles import Role


class Scope(StrEnum):
    INGEST = "ingest"
    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


class Verb(StrEnum):
    """A kind of act."""

    READ = "read"  # look at what is tracked
    INGEST = "ingest"  # create runs and feed them
    EDIT = "edit"  # create, change and delete what is tracked
    PEOPLE = "people"  # see who is in the team
    MANAGE = "manage"  # keys, members, service accounts, the team itself


ALL_SCOPES = frozenset(Scope)

_VERBS: dict[Scope, frozenset[Verb]] = {
    Scope.INGEST: frozenset({Verb.INGEST}),
    Scope.READ: frozenset({Verb.READ, Verb.PEOPLE}),
    Scope.WRITE: frozenset({Verb.READ, Verb.INGEST, Verb.EDIT, Verb.PEOPLE}),
    Scope.ADMIN: frozenset(Verb),
}

# The least role that a verb asks for where nothing else is said, and the verb that asking for a role means.
LEAST_ROLE = {
    Verb.READ: Role.VIEWER,
    Verb.PEOPLE: Role.VIEWER,
    Verb.INGEST: Role.MEMBER,
    Verb.EDIT: Role.MEMBER,
    Verb.MANAGE: Role.ADMIN,
}
VERB_OF_ROLE = {
    Role.VIEWER: Verb.READ,
    Role.MEMBER: Verb.EDIT,
    Role.ADMIN: Verb.MANAGE,
    Role.OWNER: Verb.MANAGE,
}

# What a credential bound to one project may still do to its team: see its name.
ON_TEAM_WHEN_BOUND = frozenset({Verb.READ})


def verbs_of(scopes: Iterable[Scope]) -> frozenset[Verb]:
    return frozenset().union(*(_VERBS[scope] for scope in scopes))
