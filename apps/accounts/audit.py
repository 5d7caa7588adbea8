"""Write down an act, in the transaction that does it: neither is there without the other.

member.*    invited, joined, role_changed, removed, left
invitation.* revoked, sent_again
key.*       created, revoked
…           see ACTIONS; docs/reference/audit.md has a line for each
"""

from __future__ import annotations

import ipaddress
from typing import Any

from django.db import models

from apps.base.request_id import current_request_id

from .acting import acting
from .models import AuditEvent, Team

ACTIONS = frozenset(
    {
        "team.founded",
        "team.renamed",
        "member.invited",
        "member.joined",
        "member.role_changed",
        "member.removed",
        "member.left",
        "invitation.revoked",
        "invitation.sent_again",
        "key.created",
        "key.revoked",
        "service_account.created",
        "service_account.disabled",
        "project.created",
        "project.edited",
        "project.deleted",
        "project.restored",
    }
)


def record(action: str, *, team: Team | int | None, about: models.Model | None = None, **detail: Any) -> None:
    """Write one line into the log of a team. One statement.

    about: what it was done to; its public id and name are copied.
    detail: what changed, JSON; never a secret.
    """
    assert action in ACTIONS, action
    who = acting()
    actor = who.principal.actor
    AuditEvent.objects.create(
        team_id=team.pk if isinstance(team, Team) else team,
        action=action,
        actor_kind=str(who.principal.kind) if actor is not None else "installation",
        actor_id=actor.public_id if actor is not None else "",
        actor_name=(getattr(actor, "email", "") or str(actor))[:254] if actor is not None else "",
        credential=who.credential,
        object_kind=(about._meta.model_name or "") if about is not None else "",
        object_id=str(getattr(about, "public_id", "")) if about is not None else "",
        object_name=str(about)[:500] if about is not None else "",
        detail=detail,
        address=_address(who.address),
        request_id=current_request_id(),
    )


def _address(told: str) -> str | None:
    try:
        return str(ipaddress.ip_address(told))
    except ValueError:
        return None  # a unix socket, or the installation itself
