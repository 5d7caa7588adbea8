"""A team's own actor: a role and keys, no sign-in."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.utils.timezone import now

from apps.accounts.names import clean_name
from apps.accounts.roles import Role
from apps.accounts.signals import announce_ended_access
from apps.base.errors import Conflict, Denied, Invalid
from apps.base.ids import public_id

from .team import Team

if TYPE_CHECKING:
    from apps.accounts.principal import Principal


class ServiceAccountQuerySet(models.QuerySet["ServiceAccount"]):
    def visible_to(self, principal: Principal) -> Self:
        return self.filter(team__in=Team.objects.visible_to(principal))

    def begin(self, team: Team, *, name: str, role: Role, by: Principal) -> ServiceAccount:
        """Create an account of the team, with no more rights than who asks for it.

        Raises Invalid for a role or name that is none, Denied for a role above one's own, Conflict if
        the name is taken.
        """
        name = clean_name(name)
        if role is Role.OWNER:
            raise Invalid("A service account is viewer, member or admin.", code="bad_role")
        if role > (by.role_in(team.pk) or Role.VIEWER):
            raise Denied("A service account cannot have a role above yours.", code="role_too_low")
        try:
            with transaction.atomic():
                return self.create(team=team, name=name, role=role, created_by=by.user)
        except IntegrityError:
            raise Conflict("The team has a service account of that name.", code="name_taken") from None


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
        announce_ended_access(ServiceAccount, service_account_id=self.pk)
