"""A team's own actor: a role and keys, no sign-in."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from django.conf import settings
from django.db import models, transaction
from django.utils.timezone import now

from apps.accounts.roles import Role
from apps.accounts.signals import access_ended
from apps.base.ids import public_id

from .team import Team

if TYPE_CHECKING:
    from apps.accounts.principal import Principal


class ServiceAccountQuerySet(models.QuerySet["ServiceAccount"]):
    def visible_to(self, principal: Principal) -> Self:
        return self.filter(team__in=Team.objects.visible_to(principal))


class ServiceAccount(models.Model):
    public_id = models.CharField(max_length=26, unique=True, default=public_id, editable=False)
    team = models.ForeignKey("accounts.Team", models.CASCADE, related_name="service_accounts")
    name = models.CharField(max_length=100)
    role = models.PositiveSmallIntegerField(choices=Role.choices, default=Role.MEMBER)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    disabled_at = models.DateTimeField(null=True, blank=True)

    team_path: ClassVar[str] = "team"

    objects = ServiceAccountQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "name"], name="service_account_name_once_per_team"),
            models.CheckConstraint(
                # An owner is a person.
                condition=models.Q(role__in=[Role.VIEWER, Role.MEMBER, Role.ADMIN]),
                name="service_account_role_known",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def disable(self) -> None:
        """End what its keys may do. It stays in the lists, for what it has created. Idempotent."""
        ServiceAccount.objects.filter(pk=self.pk, disabled_at=None).update(disabled_at=now())
        self.refresh_from_db(fields=["disabled_at"])
        pk = self.pk
        transaction.on_commit(lambda: access_ended.send(ServiceAccount, service_account_id=pk))
