from __future__ import annotations

from django.db import models

from ..entries import HEAD_LENGTH


class ProjectField(models.Model):
    """A path that runs of a project have a value at: `config.lr`, `metrics.loss`, `min(metrics.loss)`.

    The dictionary that queries are compiled with, completion and suggestions read, and RunField is narrow by.
    has_number, has_text: some run has, or had, a number there; a text that is no number.
    """

    team_path = "project__team"

    project = models.ForeignKey("tracking.Project", on_delete=models.CASCADE, related_name="fields")
    path = models.TextField(db_collation="C")
    has_number = models.BooleanField(default=False)
    has_text = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "path"], name="project_field_path_once")]

    def __str__(self) -> str:
        return self.path


class RunField(models.Model):
    """The value one run has at one path, as something to filter and sort by. See docs/design/run-fields.md.

    number: set for numbers, booleans (1, 0) and texts that read as a number; may be NaN or ±Inf.
    text: the first 128 characters of the text, set for everything but metrics' numbers, which nobody asks
        as text.
    long_text: the whole text, where that is longer.
    """

    team_path = "run__project__team"

    pk = models.CompositePrimaryKey("run", "field")
    run = models.ForeignKey("tracking.Run", on_delete=models.CASCADE, related_name="fields", db_index=False)
    field = models.ForeignKey(
        "tracking.ProjectField", on_delete=models.CASCADE, related_name="values", db_index=False
    )
    number = models.FloatField(null=True)
    text = models.CharField(max_length=HEAD_LENGTH, null=True, db_collation="C")
    long_text = models.TextField(null=True, db_collation="C")

    class Meta:
        # Either answers a filter and an order by itself, without a look at the table.
        indexes = [
            models.Index(fields=["field", "number", "run"], name="run_field_number"),
            models.Index(
                fields=["field", "text", "run"], name="run_field_text", condition=models.Q(text__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.field_id} of run {self.run_id}"
