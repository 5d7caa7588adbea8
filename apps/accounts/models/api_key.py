"""A secret that acts for a person, or for a team's service account. Shown once; only its hash is kept."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.utils.timezone import now

from apps.accounts.roles import Role
from apps.accounts.scopes import Scope
from apps.accounts.signals import announce_ended_access
from apps.base.errors import Invalid
from apps.base.ids import ALPHABET, public_id

if TYPE_CHECKING:
    from apps.accounts.principal import Principal

    from .service_account import ServiceAccount
    from .team import Team
    from .user import User

PREFIX = "iso_"
# 5 bits a character: 256 bits and a little. No hyphen: the `wandb` client cuts a key at its first one.
SECRET_LENGTH = 52


def digest_of(secret: str) -> bytes:
    """A key holds 256 random bits, so one round of SHA-256 is not to be guessed back."""
    return hashlib.sha256(secret.encode()).digest()


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def visible_to(self, principal: Principal) -> Self:
        """One's own keys, and for a team's admins every key that is bound to the team."""
        of_admins = models.Q(team__in=principal.teams(Role.ADMIN))
        own = models.Q(owner__isnull=False, owner=principal.user_id, team__in=principal.teams())
        if principal.key is None or principal.key.team_id is None:
            own |= models.Q(owner__isnull=False, owner=principal.user_id, team=None)
        return self.filter(of_admins | own)

    def alive(self) -> Self:
        return self.filter(models.Q(expires_at=None) | models.Q(expires_at__gt=now()), revoked_at=None)


class ApiKeyManager(models.Manager.from_queryset(ApiKeyQuerySet)):  # type: ignore[misc]
    def issue(
        self,
        *,
        owner: User | None = None,
        team: Team | None = None,
        service_account: ServiceAccount | None = None,
        scopes: Iterable[str],
        project: Any = None,
        name: str = "",
        expires_at: datetime | None = None,
        created_by: User | None = None,
    ) -> tuple[ApiKey, str]:
        """Create a key and return it with its secret, which nobody can learn again.

        owner, service_account: whom it acts for; exactly one of them.
        team: the only team a person's key acts in; None is every team of theirs.
        project: the only `tracking.Project` it acts on; it decides the team.

        Raises Invalid for scopes that are none, an end in the past, or a team, project and account that
        do not belong together.
        """
        if (owner is None) == (service_account is None):
            raise TypeError("A key acts for a person or for a service account.")
        words = sorted(set(scopes))
        if not words or not set(words) <= set(Scope):
            raise Invalid(f"Scopes are one or more of {', '.join(Scope)}.", code="bad_scopes")
        if expires_at is not None and expires_at <= now():
            raise Invalid("A key cannot expire in the past.", code="bad_expiry")
        team_id = _the_one_team(team, service_account, project)
        secret = PREFIX + "".join(secrets.choice(ALPHABET) for _ in range(SECRET_LENGTH))
        key: ApiKey = self.create(
            owner=owner,
            team_id=team_id,
            service_account=service_account,
            project=project,
            scopes=words,
            name=name,
            expires_at=expires_at,
            created_by=created_by or owner,
            digest=digest_of(secret),
            ending=secret[-4:],
        )
        return key, secret


def _the_one_team(team: Team | None, service_account: ServiceAccount | None, project: Any) -> int | None:
    teams = {thing.team_id for thing in (service_account, project) if thing is not None}
    if team is not None:
        teams.add(team.pk)
    if len(teams) > 1:
        raise Invalid("Team, service account and project must belong together.", code="not_together")
    return teams.pop() if teams else None


class ApiKey(models.Model):
    public_id = models.CharField(max_length=26, unique=True, default=public_id, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="api_keys"
    )
    service_account = models.ForeignKey(
        "accounts.ServiceAccount", models.CASCADE, null=True, blank=True, related_name="api_keys"
    )
    team = models.ForeignKey("accounts.Team", models.CASCADE, null=True, blank=True, related_name="api_keys")
    project = models.ForeignKey(
        "tracking.Project", models.CASCADE, null=True, blank=True, related_name="api_keys"
    )
    name = models.CharField(max_length=100, blank=True)
    scopes = models.JSONField()
    digest = models.BinaryField(max_length=32, unique=True)
    ending = models.CharField(max_length=4)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    team_path: ClassVar[str] = "team"

    objects: ClassVar[ApiKeyManager] = ApiKeyManager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(owner__isnull=False, service_account=None)
                | models.Q(owner=None, service_account__isnull=False, team__isnull=False),
                name="api_key_acts_for_one",
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.hint

    @property
    def hint(self) -> str:
        """Enough to tell one key from another in a list, and no help in guessing it."""
        return f"{PREFIX}…{self.ending}"

    def revoke(self) -> None:
        """End the key: everywhere within 5 seconds. Idempotent."""
        ApiKey.objects.filter(pk=self.pk, revoked_at=None).update(revoked_at=now())
        self.refresh_from_db(fields=["revoked_at"])
        announce_ended_access(ApiKey, api_key_id=self.pk)
