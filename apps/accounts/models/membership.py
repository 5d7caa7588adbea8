"""A person in a team, with a role. A team always has an owner."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from django.conf import settings
from django.db import models, transaction

from apps.accounts.roles import Role
from apps.accounts.signals import announce_ended_access
from apps.base.errors import Conflict

from .team import Team

if TYPE_CHECKING:
    from apps.accounts.principal import Principal


class MembershipQuerySet(models.QuerySet["Membership"]):
    def visible_to(self, principal: Principal) -> Self:
        return self.filter(team__in=Team.objects.visible_to(principal))


class Membership(models.Model):
    team = models.ForeignKey("accounts.Team", models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    role = models.PositiveSmallIntegerField(choices=Role.choices, default=Role.MEMBER)
    joined_at = models.DateTimeField(auto_now_add=True)

    team_path: ClassVar[str] = "team"

    objects = MembershipQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "user"], name="membership_once_per_team"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.team}"

    def change_role(self, role: Role) -> None:
        """Give the person another role.

        Raises Conflict `last_owner` if the team would be left without an owner.
        """
        with transaction.atomic():
            self._lock_team()
            if role < Role.OWNER:
                self._refuse_if_last_owner()
            self.role = role
            self.save(update_fields=["role"])
            self._announce()

    def end(self) -> None:
        """Take the person out of the team, whoever asks. Their keys see nothing of it from then on.

        Raises Conflict `last_owner` if the team would be left without an owner.
        """
        with transaction.atomic():
            self._lock_team()
            self._refuse_if_last_owner()
            self._announce()
            self.delete()

    def _lock_team(self) -> None:
        """Two owners who leave at once wait here for one another."""
        Team.objects.select_for_update().only("pk").get(pk=self.team_id)

    def _refuse_if_last_owner(self) -> None:
        owners = Membership.objects.filter(team=self.team_id, role=Role.OWNER)
        if owners.filter(pk=self.pk).exists() and not owners.exclude(pk=self.pk).exists():
            raise Conflict(
                "A team keeps at least one owner: make someone else owner first.", code="last_owner"
            )

    def _announce(self) -> None:
        announce_ended_access(Membership, user_id=self.user_id, team_id=self.team_id)
