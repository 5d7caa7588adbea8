"""The engine's tables (docs/design/storage-format.md). Every key begins with the run; none leaves the engine.

Rows are written and read in binary by the modules beside this one, many at a time; the classes here
say what the columns are, make the migrations, and serve tests and the curious.

Who locks what: `append` holds its Stream for the length of one statement. A fold holds the run's fold
lock (advisory) and, for its last few statements, Head. Neither ever waits for the other.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Head(models.Model):
    """What the engine knows of a run as a whole. Kept for ever: a purged run stays purged."""

    run = models.BigIntegerField(primary_key=True)
    # Grows with every change of segments; with Σ next_seq it is the version readers are told.
    generation = models.BigIntegerField(default=0)
    next_segment = models.BigIntegerField(default=0)
    next_metric = models.IntegerField(default=0)
    # Chained over all names in order, so that a process knows whether its copy of them is whole.
    names_digest = models.BinaryField(default=b"")
    folds = models.BigIntegerField(default=0)
    points = models.BigIntegerField(default=0)
    receipts_until = models.DateTimeField(null=True)
    purged_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["receipts_until"],
                name="metrics_head_receipts",
                condition=models.Q(receipts_until__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"head of run {self.run}"


class Stream(models.Model):
    """A writer's position, and that of the records consumer in what it wrote."""

    pk = models.CompositePrimaryKey("run", "number")
    run = models.BigIntegerField()
    number = models.IntegerField()
    key = models.UUIDField()
    next_seq = models.BigIntegerField(default=0)
    next_row = models.BigIntegerField(default=0)
    # All records of batches below are applied and committed, wherever the consumer keeps them.
    records_seq = models.BigIntegerField(default=0)
    # The server numbers the batches: no digests are kept, nobody resends by seq.
    is_numbered_here = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "key"], name="metrics_stream_key")]

    def __str__(self) -> str:
        return f"stream {self.number} of run {self.run}"


class Cursor(models.Model):
    """How far the points consumer is in a stream. Apart from Stream, so that a fold never holds up its writer."""

    pk = models.CompositePrimaryKey("run", "stream")
    run = models.BigIntegerField()
    stream = models.IntegerField()
    seq = models.BigIntegerField()
    # Rows below are held, for batches that say which row they begin at.
    next_row = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"points cursor of stream {self.stream} of run {self.run}"


class Batch(models.Model):
    """The durable log: a batch as it was accepted, until both consumers are past it."""

    class Mode(models.IntegerChoices):
        PLAIN = 0
        # Rows begin at row_offset; those already held are repeats and skipped.
        APPEND_AT = 1
        # Rows begin at row_offset; those already held are archived and replaced.
        OVERWRITE = 2

    pk = models.CompositePrimaryKey("run", "stream", "seq")
    run = models.BigIntegerField()
    stream = models.IntegerField()
    seq = models.BigIntegerField()
    payload = models.BinaryField()
    encoding = models.TextField()
    digest = models.BinaryField()
    rows = models.IntegerField()
    points = models.IntegerField()
    has_records = models.BooleanField()
    mode = models.SmallIntegerField(choices=Mode.choices, default=Mode.PLAIN)
    unique_points = models.BooleanField(default=False)
    # Added to the batch's row numbers, which count up to row_span.
    row_offset = models.BigIntegerField(default=0)
    row_span = models.BigIntegerField(default=0)
    received_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["received_at"], name="metrics_batch_received"),
            models.Index(
                fields=["run", "stream", "seq"],
                name="metrics_batch_records",
                condition=models.Q(has_records=True),
            ),
        ]

    def __str__(self) -> str:
        return f"batch {self.seq} of stream {self.stream} of run {self.run}"


class Receipt(models.Model):
    """The digests of 128 batches that are gone: 8 bytes each, zeros for a lost one."""

    SEQS = 128

    pk = models.CompositePrimaryKey("run", "stream", "part")
    run = models.BigIntegerField()
    stream = models.IntegerField()
    part = models.BigIntegerField()
    digests = models.BinaryField()

    def __str__(self) -> str:
        return f"receipts {self.part} of stream {self.stream} of run {self.run}"


class Lost(models.Model):
    """Batches (inclusive) that their writer no longer had."""

    pk = models.CompositePrimaryKey("run", "stream", "first")
    run = models.BigIntegerField()
    stream = models.IntegerField()
    first = models.BigIntegerField()
    last = models.BigIntegerField()
    noticed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"lost {self.first}–{self.last} of stream {self.stream} of run {self.run}"


class Rejection(models.Model):
    """The ledger of what was not stored: by append, which told it at once, or by a fold."""

    pk = models.CompositePrimaryKey("run", "stream", "seq", "ordinal")
    run = models.BigIntegerField()
    stream = models.IntegerField()
    seq = models.BigIntegerField()
    ordinal = models.IntegerField()
    code = models.TextField()
    key = models.TextField()
    count = models.BigIntegerField()
    message = models.TextField()
    is_told = models.BooleanField()

    class Meta:
        indexes = [
            models.Index(
                fields=["run", "stream"],
                name="metrics_rejection_untold",
                condition=models.Q(is_told=False),
            )
        ]

    def __str__(self) -> str:
        return f"{self.code} in batch {self.seq} of stream {self.stream} of run {self.run}"


class Metric(models.Model):
    """A typed column of a run: a name that changes type has several."""

    BLOCK = 256

    pk = models.CompositePrimaryKey("run", "number")
    run = models.BigIntegerField()
    number = models.IntegerField()
    name = models.TextField()
    kind = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "name", "kind"], name="metrics_metric_name")]

    def __str__(self) -> str:
        return f"{self.name} ({self.kind})"


class _Stretch(models.Model):
    """What segments and the pyramid above them share: a stretch of rows in order, and its bounds."""

    run = models.BigIntegerField()
    block = models.IntegerField()
    id = models.BigIntegerField()
    # Metric numbers less 256 × block, in the order of the columns.
    members = ArrayField(models.SmallIntegerField())
    rows = models.BigIntegerField()
    step_min = models.BigIntegerField()
    step_max = models.BigIntegerField()
    time_min = models.BigIntegerField()
    time_max = models.BigIntegerField()
    # The times of the first and the last row: with the steps, where the stretch lies in the order.
    first_time = models.BigIntegerField()
    last_time = models.BigIntegerField()
    # The widest of its buckets in steps and in µs, at most 2**63 - 1.
    widest_step = models.BigIntegerField()
    widest_time = models.BigIntegerField()
    # The stretch one tier up that holds this one, and whether that would do for a reader.
    parent = models.BigIntegerField(null=True)
    parent_widest_step = models.BigIntegerField(null=True)
    parent_widest_time = models.BigIntegerField(null=True)
    parent_step_max = models.BigIntegerField(null=True)

    class Meta:
        abstract = True


class Segment(_Stretch):
    """Immutable rows of up to 256 metrics of one block."""

    SEALED = 100

    pk = models.CompositePrimaryKey("run", "block", "id")
    # 1 as a fold wrote it, one more for each compaction, SEALED when it has its final size.
    level = models.SmallIntegerField()
    # What one fold or compaction wrote together.
    epoch = models.BigIntegerField()
    # Rows of its longest group: what compaction goes by.
    longest = models.IntegerField()
    points = models.IntegerField()
    kinds = models.TextField()
    # One group, its columns readable one by one; else `data` packs whole groups.
    is_columnar = models.BooleanField()
    axis = models.BinaryField()
    data = models.BinaryField()
    offsets = ArrayField(models.IntegerField())
    envelope = models.BinaryField()
    envelope_offsets = ArrayField(models.IntegerField())

    class Meta:
        indexes = [
            models.Index(
                fields=["run", "block", "level"],
                name="metrics_segment_open",
                condition=models.Q(level__lt=100),
            ),
            # Sealed, with nothing of the pyramid above.
            models.Index(
                fields=["run", "block"],
                name="metrics_segment_bare",
                condition=models.Q(level=100, parent__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"segment {self.id} of block {self.block} of run {self.run}"


class Envelope(_Stretch):
    """Buckets of up to 16 stretches of the tier below, all with the same members."""

    pk = models.CompositePrimaryKey("run", "block", "id")
    tier = models.SmallIntegerField()
    kinds = models.TextField()
    buckets = models.IntegerField()
    envelope = models.BinaryField()
    envelope_offsets = ArrayField(models.IntegerField())

    class Meta:
        indexes = [
            models.Index(
                fields=["run", "block", "tier"],
                name="metrics_envelope_bare",
                condition=models.Q(parent__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"envelope {self.id} of tier {self.tier} of run {self.run}"


class Facts(models.Model):
    """Count, first, last, min, max, mean of the 256 metrics of a block, packed (facts.py)."""

    pk = models.CompositePrimaryKey("run", "block")
    run = models.BigIntegerField()
    block = models.IntegerField()
    facts = models.BinaryField()

    def __str__(self) -> str:
        return f"facts of block {self.block} of run {self.run}"


class Link(models.Model):
    """A fork: the run begins with its parent's points up to a step."""

    run = models.BigIntegerField(primary_key=True)
    parent = models.BigIntegerField()
    upto_step = models.BigIntegerField()

    def __str__(self) -> str:
        return f"run {self.run} from run {self.parent} up to step {self.upto_step}"


class Archive(models.Model):
    """Rows that a truncation or an overwrite took out of the history, packed as in a segment."""

    pk = models.CompositePrimaryKey("run", "block", "id")
    run = models.BigIntegerField()
    block = models.IntegerField()
    id = models.BigIntegerField()
    members = ArrayField(models.SmallIntegerField())
    rows = models.IntegerField()
    points = models.BigIntegerField()
    data = models.BinaryField()
    reason = models.TextField()
    archived_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"archive {self.id} of block {self.block} of run {self.run}"
