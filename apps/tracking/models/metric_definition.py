from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.timezone import now


class MetricDefinition(models.Model):
    """What a project knows of a metric, or of all that match a name with `*`.

    summary: which values stand for the metric, the first of them by its plain name (`last` if empty).
    An exact name beats a pattern, a longer pattern a shorter one. What a person has set, runs leave alone.
    """

    class Direction(models.TextChoices):
        MIN = "min"
        MAX = "max"

    class Summary(models.TextChoices):
        LAST = "last"
        MIN = "min"
        MAX = "max"
        BEST = "best"
        MEAN = "mean"
        FIRST = "first"
        NONE = "none"

    team_path = "project__team"

    project = models.ForeignKey(
        "tracking.Project", on_delete=models.CASCADE, related_name="metric_definitions"
    )
    name = models.TextField()
    x = models.TextField(blank=True, default="")
    direction = models.CharField(max_length=3, choices=Direction, blank=True, default="")
    unit = models.CharField(max_length=64, blank=True, default="")
    summary = ArrayField(models.CharField(max_length=5, choices=Summary), default=list, blank=True)
    last_k = models.PositiveIntegerField(null=True, blank=True)
    hidden = models.BooleanField(default=False)
    is_set_by_person = models.BooleanField(default=False)
    updated_at = models.DateTimeField(default=now, editable=False)
    # Runs that were projected under an older definition have been marked due.
    is_spread = models.BooleanField(default=False, editable=False)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["project", "name"], name="metric_definition_once_per_project")
        ]
        indexes = [
            models.Index(
                fields=["id"], condition=models.Q(is_spread=False), name="metric_definition_to_spread"
            )
        ]

    def __str__(self) -> str:
        return self.name
