"""Make and end a team's own actors, on somebody's behalf."""

from __future__ import annotations

from django.db import transaction

from . import audit
from .models import ServiceAccount, Team
from .principal import Principal
from .roles import Role


def begin_account(principal: Principal, team: Team, *, name: str, role: Role) -> ServiceAccount:
    """Raises what `ServiceAccount.objects.begin` does."""
    with transaction.atomic():
        account = ServiceAccount.objects.begin(team, name=name, role=role, by=principal)
        audit.record("service_account.created", team=team, about=account, role=role.word)
    return account


def disable_account(account: ServiceAccount) -> None:
    """End what its keys may do. Idempotent."""
    with transaction.atomic():
        if account.disabled_at is None:
            audit.record("service_account.disabled", team=account.team_id, about=account)
        account.disable()
