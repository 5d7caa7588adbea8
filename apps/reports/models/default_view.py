from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models

from apps.tracking.models import Project

if TYPE_CHECKING:
    from apps.accounts.principal import Principal


class DefaultViewQuerySet(models.QuerySet["DefaultView"]):
    def visible_to(self, principal: Principal) -> Self:
        return self.filter(project__in=Project.objects.visible_to(principal))


class DefaultView(models.Model):
    """The view a project's workspace opens with: a person's, which beats the team's (user None)."""

    team_path = "project__team"

    project = models.ForeignKey("tracking.Project", on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(
        "accounts.User", null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    view = models.ForeignKey("reports.SavedView", on_delete=models.CASCADE, related_name="defaults")

    objects = DefaultViewQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "user"], nulls_distinct=False, name="default_view_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.view_id} of project {self.project_id}"
