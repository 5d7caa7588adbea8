"""Issue a key on somebody's behalf: it never reaches further than who asks for it (ACC-8)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction

from apps.base.errors import Denied, Invalid

from . import audit
from .models import ApiKey, ServiceAccount, Team
from .names import clean_name
from .principal import Principal
from .roles import Role
from .scopes import Scope, verbs_of


def issue_own_key(
    principal: Principal,
    *,
    name: str,
    scopes: Iterable[Scope],
    team: Team | None = None,
    project: Any = None,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Issue a key that acts for the person who asks. team: None for every team of theirs.

    Raises Denied where the asking credential is itself narrower, Invalid as `ApiKey.objects.issue`.
    """
    if principal.user is None:
        raise Denied("A service account has no keys of a person.", code="persons_only")
    scopes = _within(principal, scopes, team=team, expires_at=expires_at)
    with transaction.atomic():
        key, secret = ApiKey.objects.issue(
            owner=principal.user,
            team=team,
            project=project,
            scopes=scopes,
            name=clean_name(name),
            expires_at=expires_at,
        )
        _note(key)
    return key, secret


def issue_service_key(
    principal: Principal,
    account: ServiceAccount,
    *,
    name: str,
    scopes: Iterable[Scope],
    project: Any = None,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Issue a key that acts for a service account of a team the principal administers.

    Raises Denied where the principal is narrower than the account, Invalid for a disabled one.
    """
    if account.disabled_at is not None:
        raise Invalid("This service account is disabled.", code="account_disabled")
    if Role(account.role) > (principal.role_in(account.team_id) or Role.VIEWER):
        raise Denied("This service account's role is above yours.", code="role_too_low")
    scopes = _within(principal, scopes, team=account.team, expires_at=expires_at)
    with transaction.atomic():
        key, secret = ApiKey.objects.issue(
            service_account=account,
            project=project,
            scopes=scopes,
            name=clean_name(name),
            expires_at=expires_at,
            created_by=principal.user,
        )
        _note(key, service_account=account.name)
    return key, secret


def revoke_key(key: ApiKey) -> None:
    """End a key and write down who ended it. Idempotent."""
    with transaction.atomic():
        if key.revoked_at is None:
            audit.record("key.revoked", team=key.team_id, about=key, hint=key.hint)
        key.revoke()


def _note(key: ApiKey, **more: str) -> None:
    """A key without a team is its owner's own affair: it stands in no team's log, but it does in the installation's."""
    audit.record("key.created", team=key.team_id, about=key, hint=key.hint, scopes=key.scopes, **more)


def _within(
    principal: Principal, scopes: Iterable[Scope], *, team: Team | None, expires_at: datetime | None
) -> list[Scope]:
    """Return the scopes, if such a key is no wider than the credential that asks for it."""
    scopes = list(scopes)
    if not verbs_of(scopes) <= principal.verbs:
        raise Denied("A key cannot have scopes that yours does not.", code="wider_than_yours")
    key = principal.key
    if key is None:
        return scopes
    if key.project_id is not None:
        raise Denied("This key acts on one project only, not on its team.", code="key_bound_to_project")
    if key.team_id is not None and (team is None or team.pk != key.team_id):
        raise Denied("A key cannot reach teams that yours does not.", code="wider_than_yours")
    if key.expires_at is not None and (expires_at is None or expires_at > key.expires_at):
        raise Denied("A key cannot outlive the one that asks for it.", code="wider_than_yours")
    return scopes
