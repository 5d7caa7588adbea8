from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from django.db import IntegrityError, models, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils.timezone import now

from apps.base.errors import Conflict
from apps.base.ids import public_id
from apps.tracking.models import Project
from apps.tracking.names import clean_name

from ..view_state import check_view
from .default_view import DefaultView

if TYPE_CHECKING:
    from apps.accounts.models import User
    from apps.accounts.principal import Principal


class SavedViewQuerySet(models.QuerySet["SavedView"]):
    def visible_to(self, principal: Principal) -> Self:
        """The team's views of projects one sees, and one's own."""
        whose = Q(owner=None) | Q(owner=principal.user_id) if principal.user_id else Q(owner=None)
        return self.filter(whose, project__in=Project.objects.visible_to(principal))

    def with_defaults(self, principal: Principal) -> Self:
        """Tell of each whether it is the team's default, and the principal's own."""
        defaults = DefaultView.objects.filter(view=OuterRef("pk"))
        return self.annotate(
            is_team_default=Exists(defaults.filter(user=None)),
            is_my_default=Exists(defaults.filter(user=principal.user_id, user__isnull=False)),
        )

    def default_of(self, project: Project, principal: Principal) -> SavedView | None:
        """Return the view a workspace opens with: one's own default, else the team's. One query."""
        defaults = DefaultView.objects.filter(Q(user=None) | Q(user=principal.user_id), project=project)
        found = self.visible_to(principal).filter(pk__in=defaults.values("view"))
        return found.with_defaults(principal).order_by("-is_my_default").first()

    def begin(self, project: Project, *, name: str, state: Any, owner: User | None) -> SavedView:
        """Save a view. owner: whose it is; None for the team's.

        Raises Conflict `view_exists`, Invalid `bad_view`, TooLarge `view_too_large`.
        """
        name, state = clean_name(name), check_view(state)
        try:
            with transaction.atomic():
                return self.create(project=project, owner=owner, name=name, state=state)
        except IntegrityError:
            raise _taken() from None


class SavedView(models.Model):
    """A workspace under a name: which runs, which panels, how they are drawn.

    owner: the person who alone sees it; None for a view of the team, which every member may change.
    """

    team_path = "project__team"

    public_id = models.CharField(max_length=26, unique=True, default=public_id, editable=False)
    project = models.ForeignKey("tracking.Project", on_delete=models.CASCADE, related_name="views")
    owner = models.ForeignKey(
        "accounts.User", null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    name = models.CharField(max_length=500)
    state = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(default=now, editable=False)

    objects = SavedViewQuerySet.as_manager()

    class Meta:
        ordering = ["name", "public_id"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "owner", "name"], nulls_distinct=False, name="saved_view_name_once"
            )
        ]

    def __str__(self) -> str:
        return self.name

    def edit(self, *, name: str | None = None, state: Any = None) -> None:
        """Change what is given. Raises Conflict `view_exists`, Invalid `bad_view`, TooLarge `view_too_large`."""
        if name is not None:
            self.name = clean_name(name)
        if state is not None:
            self.state = check_view(state)
        self.updated_at = now()
        try:
            with transaction.atomic():
                self.save(update_fields=["name", "state", "updated_at"])
        except IntegrityError:
            raise _taken() from None

    def make_default(self, user: User | None) -> None:
        """Let the workspace open with this view: for this person, or for the whole team. Idempotent.

        Raises Conflict `view_is_personal` for a team's default that only its owner could see.
        """
        if user is None and self.owner_id is not None:
            raise Conflict(
                "The others do not see this view. Save it as a view of the team first.",
                code="view_is_personal",
            )
        DefaultView.objects.update_or_create(project_id=self.project_id, user=user, defaults={"view": self})

    def unmake_default(self, user: User | None) -> None:
        """Undo make_default(). Idempotent."""
        self.defaults.filter(user=user).delete()


def _taken() -> Conflict:
    return Conflict(
        "A view of this name exists. Choose another name, or change that one.", code="view_exists"
    )
