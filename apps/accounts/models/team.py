"""The tenant. Every row of its data reaches it by one path."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from django.conf import settings
from django.db import IntegrityError, models, transaction

from apps.accounts.names import SLUG_PATTERN, checked_slug, clean_name, slug_from_email, varied
from apps.accounts.remembered import forget
from apps.accounts.roles import Role
from apps.base.errors import Conflict
from apps.base.ids import public_id

if TYPE_CHECKING:
    from apps.accounts.principal import Principal

    from .user import User


class TeamQuerySet(models.QuerySet["Team"]):
    def visible_to(self, principal: Principal) -> Self:
        return self.filter(pk__in=principal.roles)


class TeamManager(models.Manager.from_queryset(TeamQuerySet)):  # type: ignore[misc]
    def create_team(self, *, slug: str, owner: User, name: str | None = None) -> Team:
        """Create a team with its first owner.

        Raises Invalid for a slug that is none or reserved, Conflict if it is taken.
        """
        checked_slug(slug)
        with transaction.atomic():
            if self.filter(slug=slug).exists():
                raise Conflict("A team with that slug exists.", code="slug_taken")
            try:
                with transaction.atomic():
                    team: Team = self.create(slug=slug, name=name or slug)
            except IntegrityError:
                raise Conflict("A team with that slug exists.", code="slug_taken") from None
            team.memberships.create(user=owner, role=Role.OWNER)
            transaction.on_commit(forget)
        return team

    def create_personal_team(self, user: User) -> Team:
        """Create the team that is this person's own; its slug comes from their address."""
        slug = slug_from_email(user.email)
        with transaction.atomic():
            while True:
                try:
                    with transaction.atomic():
                        team: Team = self.create(slug=slug, name=user.name or slug, personal_of=user)
                    break
                except IntegrityError:
                    if not self.filter(slug=slug).exists():
                        raise
                    slug = varied(slug_from_email(user.email))
            team.memberships.create(user=user, role=Role.OWNER)
        return team


class Team(models.Model):
    public_id = models.CharField(max_length=26, unique=True, default=public_id, editable=False)
    slug = models.CharField(max_length=63, unique=True)
    name = models.CharField(max_length=200)
    personal_of = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="personal_team"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    team_path: ClassVar[str] = "pk"

    objects: ClassVar[TeamManager] = TeamManager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(slug__regex=SLUG_PATTERN), name="team_slug_is_canonical"
            ),
        ]

    def __str__(self) -> str:
        return self.slug

    def rename(self, name: str) -> None:
        """Change the display name; the slug stays, for it is an address. Raises Invalid."""
        self.name = clean_name(name, longest=200)
        self.save(update_fields=["name"])
