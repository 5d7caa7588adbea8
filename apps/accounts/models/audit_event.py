"""What was done to whom, when, from where and with which credential. Written once: the table refuses changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from django.db import models
from django.utils.timezone import now

from apps.accounts.roles import Role
from apps.base.ids import public_id

if TYPE_CHECKING:
    from apps.accounts.principal import Principal


class AuditEventQuerySet(models.QuerySet["AuditEvent"]):
    def visible_to(self, principal: Principal) -> Self:
        """A team's log is for its admins."""
        return self.filter(team__in=principal.teams(Role.ADMIN))

    def about(self, **wanted: Any) -> Self:
        """Narrow by what is given: action (a word, or its beginning with a dot), actor, since, until."""
        found = self
        if action := wanted.get("action"):
            found = (
                found.filter(action__startswith=action)
                if action.endswith(".")
                else found.filter(action=action)
            )
        if actor := wanted.get("actor"):
            found = found.filter(actor_id=actor)
        if since := wanted.get("since"):
            found = found.filter(at__gte=since)
        if until := wanted.get("until"):
            found = found.filter(at__lt=until)
        return found


class AuditEvent(models.Model):
    """Names and ids are copied, not referred to: the log outlives what it tells of.

    action: `member.invited`, `key.revoked`; the words are in `accounts.audit.ACTIONS`.
    detail: small JSON beside it, `{"role": "admin", "was": "member"}`; never a secret.
    """

    public_id = models.CharField(max_length=26, unique=True, default=public_id, editable=False)
    at = models.DateTimeField(default=now, editable=False)
    # No constraint: a team that is deleted leaves its log.
    team = models.ForeignKey(
        "accounts.Team", models.DO_NOTHING, null=True, db_constraint=False, related_name="audit_events"
    )
    action = models.CharField(max_length=50)
    actor_kind = models.CharField(max_length=16)
    actor_id = models.CharField(max_length=26, blank=True)
    actor_name = models.CharField(max_length=254, blank=True)
    credential = models.CharField(max_length=32)
    object_kind = models.CharField(max_length=32, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    object_name = models.CharField(max_length=500, blank=True)
    detail = models.JSONField(default=dict)
    address = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=32, blank=True)

    team_path: ClassVar[str] = "team"

    objects = AuditEventQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["team", "-at", "-public_id"], name="audit_of_team"),
            models.Index(fields=["team", "action", "-at"], name="audit_of_action"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.action} {self.object_name}"
