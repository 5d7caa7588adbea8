"""Who acts, and with which rights: what every interface hands to the one door."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from .roles import Role
from .scopes import Scope, Verb, verbs_of

if TYPE_CHECKING:
    from .models import ApiKey, ServiceAccount, User


class Kind(StrEnum):
    USER = "user"
    SERVICE_ACCOUNT = "service_account"
    NOBODY = "nobody"


@dataclass(frozen=True, eq=False)
class Principal:
    """An actor at one moment; never stored, never older than two seconds when it comes from a key.

    key: the credential, where it is not a session.
    roles: by team id, what the actor is there, already cut to what the credential reaches.
    project_id: the only project a bound key acts on.
    """

    kind: Kind
    user: User | None = None
    service_account: ServiceAccount | None = None
    key: ApiKey | None = None
    scopes: frozenset[Scope] = frozenset()
    roles: Mapping[int, Role] = field(default_factory=lambda: MappingProxyType({}))
    project_id: int | None = None
    verbs: frozenset[Verb] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "verbs", verbs_of(self.scopes))

    @property
    def is_somebody(self) -> bool:
        return self.kind is not Kind.NOBODY

    @property
    def user_id(self) -> int | None:
        return self.user.pk if self.user else None

    @property
    def service_account_id(self) -> int | None:
        return self.service_account.pk if self.service_account else None

    @property
    def actor(self) -> User | ServiceAccount | None:
        """Whom what happens is put down to."""
        return self.user or self.service_account

    def role_in(self, team_id: int | None) -> Role | None:
        return self.roles.get(team_id) if team_id is not None else None

    def teams(self, at_least: Role = Role.VIEWER) -> list[int]:
        """Return the ids of the teams in which the actor is that much or more."""
        return [team_id for team_id, role in self.roles.items() if role >= at_least]


NOBODY = Principal(Kind.NOBODY)
