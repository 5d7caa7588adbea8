from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import IntegrityError, models, transaction
from django.db.models import Q
from django.utils.timezone import now

from apps.accounts import audit
from apps.accounts.roles import Role
from apps.base.errors import Conflict, Gone
from apps.base.ids import public_id

from .. import signals
from ..names import SLUG_LENGTH, check_slug, clean_name, slug_from
from ..structures import StructureField

if TYPE_CHECKING:
    from apps.accounts.models import ServiceAccount, Team, User
    from apps.accounts.principal import Principal


class ProjectQuerySet(models.QuerySet["Project"]):
    def live(self) -> Self:
        return self.filter(deleted_at__isnull=True)

    def visible_to(self, principal: Principal) -> Self:
        """Live projects of the principal's teams; private ones to who made them and the team's admins."""
        return self.live().reachable_by(principal)

    def reachable_by(self, principal: Principal) -> Self:
        """The same, whether deleted or not."""
        of_teams = Q(team__in=principal.teams()) & ~Q(visibility=Project.Visibility.PRIVATE)
        of_admins = Q(team__in=principal.teams(Role.ADMIN))
        visible = self.filter(of_teams | of_admins | _made_by(principal))
        return visible if principal.project_id is None else visible.filter(pk=principal.project_id)

    def begin(
        self,
        team: Team,
        *,
        name: str,
        slug: str | None = None,
        by: User | ServiceAccount | None = None,
        **more: object,
    ) -> Project:
        """Make a project. Without a slug, one is made from the name, numbered if it is taken.

        Raises Conflict `project_exists` if the name, or a slug that was asked for, is taken in the team.
        """
        name = clean_name(name)
        wanted = check_slug(slug) if slug is not None else slug_from(name)
        attempts = [wanted] if slug is not None else [wanted, *(f"{wanted}-{n}" for n in range(2, 50))]
        for attempt in attempts:
            try:
                with transaction.atomic():
                    project = self.create(team=team, name=name, slug=attempt, **_author(by), **more)
                    audit.record("project.created", team=team, about=project)
            except IntegrityError:
                if self.live().filter(team=team, name=name).exists():
                    break
                continue
            signals.after_commit(signals.project_changed, project=project.pk, team=team.pk)
            return project
        raise Conflict(
            "A project of this name exists in the team. Choose another name.", code="project_exists"
        )


class WithRemovedProjects(ProjectQuerySet):
    """Deleted ones too, for whoever restores them."""

    def visible_to(self, principal: Principal) -> Self:
        return self.reachable_by(principal)


def _made_by(principal: Principal) -> Q:
    """The principal's own, as long as they are in the team."""
    in_teams = Q(team__in=principal.teams())
    if principal.service_account_id is not None:
        return in_teams & Q(created_by_service=principal.service_account_id)
    return in_teams & Q(created_by=principal.user_id)


class Project(models.Model):
    """Runs meant to be compared. `slug` stands in addresses, `name` is free."""

    class Visibility(models.TextChoices):
        PRIVATE = "private"  # its creator and the team's admins
        TEAM = "team"  # every member
        PUBLIC = "public"  # members, and whoever holds a link

    team_path = "team"

    public_id = models.CharField(max_length=26, unique=True, default=public_id, editable=False)
    team = models.ForeignKey("accounts.Team", on_delete=models.CASCADE, related_name="projects")
    slug = models.CharField(max_length=SLUG_LENGTH)
    name = models.CharField(max_length=500)
    description = models.TextField(blank=True, default="")
    visibility = models.CharField(max_length=8, choices=Visibility, default=Visibility.TEAM)
    labels = StructureField(default=dict, blank=True)  # key: text; what MLflow calls tags of an experiment
    created_by = models.ForeignKey(
        "accounts.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_by_service = models.ForeignKey(
        "accounts.ServiceAccount", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(default=now, editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ProjectQuerySet.as_manager()
    with_removed = models.Manager.from_queryset(WithRemovedProjects)()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["team", "slug"],
                condition=Q(deleted_at__isnull=True),
                name="project_slug_once_per_team",
            ),
            models.UniqueConstraint(
                fields=["team", "name"],
                condition=Q(deleted_at__isnull=True),
                name="project_name_once_per_team",
            ),
        ]
        indexes = [
            models.Index(
                fields=["deleted_at"],
                condition=Q(deleted_at__isnull=False),
                name="project_deleted",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_deleted(self) -> bool:
        return self.deleted_at is not None

    def edit(
        self,
        *,
        name: str | None = None,
        slug: str | None = None,
        description: str | None = None,
        visibility: str | None = None,
        labels: dict[str, str] | None = None,
    ) -> None:
        """Change what is given.

        Raises Conflict `project_exists` for a taken name or slug, Gone `deleted`.
        """
        asked: dict[str, object] = {
            "name": None if name is None else clean_name(name),
            "slug": None if slug is None else check_slug(slug),
            "description": description,
            "visibility": None if visibility is None else self.Visibility(visibility),
            "labels": labels,
        }
        changes = {field: value for field, value in asked.items() if value is not None}
        if not changes:
            return
        try:
            with transaction.atomic():
                changed = Project.objects.live().filter(pk=self.pk).update(updated_at=now(), **changes)
                if changed:
                    audit.record("project.edited", team=self.team_id, about=self, **_told(changes))
        except IntegrityError:
            raise Conflict(
                "Another project of the team has this name or slug. Choose another.", code="project_exists"
            ) from None
        if not changed:
            raise Gone("The project has been deleted. Restore it first.", code="deleted")
        self._changed([*changes, "updated_at"])

    def remove(self) -> None:
        """Delete the project with its runs, softly: restore() undoes it for 30 days. Idempotent."""
        with transaction.atomic():
            if Project.objects.live().filter(pk=self.pk).update(deleted_at=now(), updated_at=now()):
                audit.record("project.deleted", team=self.team_id, about=self)
                self._changed(["deleted_at", "updated_at"])

    def restore(self) -> None:
        """Undo remove(). Raises Conflict `project_exists` if its name or slug has been taken meanwhile."""
        try:
            with transaction.atomic():
                deleted = Project.objects.filter(pk=self.pk, deleted_at__isnull=False)
                if deleted.update(deleted_at=None, updated_at=now()):
                    audit.record("project.restored", team=self.team_id, about=self)
        except IntegrityError:
            raise Conflict(
                "A newer project has taken the name. Rename that one first.", code="project_exists"
            ) from None
        self._changed(["deleted_at", "updated_at"])

    def _changed(self, fields: list[str]) -> None:
        self.refresh_from_db(fields=fields)
        signals.after_commit(signals.project_changed, project=self.pk, team=self.team_id)


def _told(changes: dict[str, object]) -> dict[str, object]:
    """What the audit log says of an edit: the new values, free text only as having changed."""
    return {
        field: value if field in {"name", "slug", "visibility"} else True for field, value in changes.items()
    }


def _author(by: User | ServiceAccount | None) -> dict[str, object]:
    """Which of the two columns holds who made it."""
    if by is None:
        return {}
    return {"created_by_service" if by._meta.model_name == "serviceaccount" else "created_by": by}
