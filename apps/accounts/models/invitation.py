"""A place in a team, offered to an e-mail address: single use, seven days, revocable (ACC-5)."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, Self

from django.conf import settings
from django.db import models
from django.utils.timezone import now

from apps.accounts.roles import Role
from apps.base.ids import public_id

if TYPE_CHECKING:
    from apps.accounts.principal import Principal

GOOD_FOR = timedelta(days=7)


def digest_of_token(token: str) -> bytes:
    """A token holds 256 random bits, so one round of SHA-256 is not to be guessed back."""
    return hashlib.sha256(token.encode()).digest()


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def visible_to(self, principal: Principal) -> Self:
        """Who is invited is for the team's admins."""
        return self.filter(team__in=principal.teams(Role.ADMIN))

    def pending(self) -> Self:
        return self.filter(accepted_at=None, revoked_at=None, expires_at__gt=now())


class Invitation(models.Model):
    public_id = models.CharField(max_length=26, unique=True, default=public_id, editable=False)
    team = models.ForeignKey("accounts.Team", models.CASCADE, related_name="invitations")
    email = models.EmailField(max_length=254)
    role = models.PositiveSmallIntegerField(choices=Role.choices)
    digest = models.BinaryField(max_length=32, unique=True)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(default=now, editable=False)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    team_path: ClassVar[str] = "team"

    objects = InvitationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["team", "email"],
                condition=models.Q(accepted_at=None, revoked_at=None),
                name="invitation_open_once_per_address",
            ),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="invitation_role_known"),
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def is_pending(self) -> bool:
        return self.accepted_at is None and self.revoked_at is None and self.expires_at > now()

    def renew(self) -> str:
        """Give it a new token and seven days from now, and return the token; the old one is worth nothing."""
        token = secrets.token_urlsafe(32)
        self.digest = digest_of_token(token)
        self.expires_at = now() + GOOD_FOR
        return token
