from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models


class RecordCursor(models.Model):
    """How far the records of a stream have been applied. Advanced in the transaction that applies them."""

    team_path = "run__project__team"

    run = models.ForeignKey(
        "tracking.Run", on_delete=models.CASCADE, related_name="record_cursors", db_index=False
    )
    stream = models.UUIDField()
    next_seq = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "stream"], name="record_cursor_once_per_stream")
        ]

    def __str__(self) -> str:
        return f"{self.stream}: {self.next_seq}"


class RecordRefusal(models.Model):
    """A record that could not be applied, and why. The rest of its batch was."""

    team_path = "run__project__team"

    run = models.ForeignKey("tracking.Run", on_delete=models.CASCADE, related_name="record_refusals")
    stream = models.UUIDField()
    seq = models.BigIntegerField()
    code = models.CharField(max_length=64)
    key = models.CharField(max_length=100)
    message = models.TextField()

    def __str__(self) -> str:
        return f"{self.code} in batch {self.seq} of run {self.run_id}"


class RecordSegment(models.Model):
    """A packed block of one stream's records of one kind, in order; see docs/design/records.md.

    number_*: of a console line its line number, of a value its row.
    levels: which log levels occur, a bit each; keys: which value keys occur.
    """

    class Kind(models.TextChoices):
        STDOUT = "stdout"
        STDERR = "stderr"
        VALUE = "value"
        ALERT = "alert"

    team_path = "run__project__team"

    run = models.ForeignKey(
        "tracking.Run", on_delete=models.CASCADE, related_name="record_segments", db_index=False
    )
    kind = models.CharField(max_length=8, choices=Kind)
    stream = models.UUIDField()
    level = models.SmallIntegerField(default=0)
    count = models.IntegerField()
    raw_bytes = models.IntegerField()
    number_min = models.BigIntegerField()
    number_max = models.BigIntegerField()
    time_min = models.BigIntegerField()
    time_max = models.BigIntegerField()
    levels = models.SmallIntegerField(default=0)
    keys = ArrayField(models.TextField(), default=list)
    data = models.BinaryField()

    class Meta:
        indexes = [
            models.Index(fields=["run", "kind", "stream", "number_max"], name="record_segment_number"),
            models.Index(fields=["run", "kind", "time_min"], name="record_segment_time_min"),
            models.Index(fields=["run", "kind", "time_max"], name="record_segment_time_max"),
            models.Index(fields=["run", "kind", "stream", "level"], name="record_segment_level"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.number_min} to {self.number_max} of run {self.run_id}"
