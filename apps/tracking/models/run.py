from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models, transaction
from django.db.models import F, Q
from django.utils.timezone import now

from apps.base.errors import Conflict, Gone
from apps.base.ids import public_id

from .. import limits, signals
from ..names import NAME_LENGTH, clean_name
from ..structures import Path, StructureField, merge, same
from .project import Project

if TYPE_CHECKING:
    from apps.accounts.principal import Principal


class RunEnded(Conflict):
    default_code = "run_ended"


class RunQuerySet(models.QuerySet["Run"]):
    def live(self) -> Self:
        return self.filter(deleted_at__isnull=True, project__deleted_at__isnull=True)

    def running(self) -> Self:
        return self.filter(state=Run.State.RUNNING)

    def visible_to(self, principal: Principal) -> Self:
        return self.filter(deleted_at__isnull=True, project__in=Project.objects.visible_to(principal))


class WithRemovedRuns(RunQuerySet):
    """Deleted ones too, for whoever restores them."""

    def visible_to(self, principal: Principal) -> Self:
        return self.filter(project__in=Project.objects.visible_to(principal))


class Run(models.Model):
    """One execution of a training script.

    client_id: chosen by the client, unique in its project only. public_id: what everyone else uses.
    version: grows with every change of the row that a reader could see.
    fields_*: how far RunField follows; see docs/design/run-fields.md.
    last_step: the greatest of its metrics, those under `system/` apart, as of then; None before the first.
    """

    class State(models.TextChoices):
        RUNNING = "running"
        FINISHED = "finished"
        FAILED = "failed"
        KILLED = "killed"
        CRASHED = "crashed"  # silent for too long; running again when it speaks

    team_path = "project__team"

    public_id = models.CharField(max_length=26, unique=True, default=public_id, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="runs", db_index=False)
    client_id = models.CharField(max_length=256, db_collation="C")
    name = models.CharField(max_length=NAME_LENGTH)
    state = models.CharField(max_length=8, choices=State, default=State.RUNNING)
    created_by = models.ForeignKey(
        "accounts.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_by_service = models.ForeignKey(
        "accounts.ServiceAccount", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(default=now, editable=False)
    started_at = models.DateTimeField(default=now)
    ended_at = models.DateTimeField(null=True, blank=True)
    last_seen_at = models.DateTimeField(default=now)
    exit_code = models.BigIntegerField(null=True, blank=True)
    stop_requested_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    deleted_by = models.ForeignKey(
        "accounts.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    deleted_by_service = models.ForeignKey(
        "accounts.ServiceAccount",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        editable=False,
    )

    notes = models.TextField(blank=True, default="")
    tags = ArrayField(models.CharField(max_length=256), default=list, blank=True)
    labels = StructureField(default=dict, blank=True)  # key: text; what MLflow calls tags
    config = StructureField(default=dict, blank=True)
    summary = StructureField(default=dict, blank=True)  # set by the user; beats what metrics say
    metadata = StructureField(default=dict, blank=True)  # environment, by stream
    group = models.CharField(max_length=256, blank=True, default="")
    job_type = models.CharField(max_length=256, blank=True, default="")
    sweep = models.CharField(max_length=256, blank=True, default="")
    host = models.CharField(max_length=256, blank=True, default="")
    git_commit = models.CharField(max_length=64, blank=True, default="")
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="children"
    )
    forked_from = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="forks"
    )
    fork_step = models.BigIntegerField(null=True, blank=True)

    version = models.BigIntegerField(default=1)
    last_step = models.BigIntegerField(null=True, blank=True, editable=False)
    fields_version = models.BigIntegerField(default=0)
    fields_points_version = models.CharField(max_length=64, blank=True, default="")
    fields_at = models.DateTimeField(null=True, blank=True)
    fields_due = models.BooleanField(default=True)
    # How often in a row projecting has failed; until then, `fields_at` is when it is tried again.
    fields_failures = models.SmallIntegerField(default=0, db_default=0)

    objects = RunQuerySet.as_manager()
    with_removed = models.Manager.from_queryset(WithRemovedRuns)()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["project", "client_id"], name="run_client_id_once_per_project")
        ]
        indexes = [
            models.Index(fields=["project", "id"], condition=Q(deleted_at__isnull=True), name="run_live"),
            models.Index(fields=["project", "created_at", "id"], name="run_created"),
            models.Index(fields=["project", "group"], name="run_group"),
            models.Index(fields=["project", "name"], name="run_name"),
            GinIndex(fields=["tags"], name="run_tags"),
            models.Index(fields=["last_seen_at"], condition=Q(state="running"), name="run_running"),
            models.Index(
                fields=["project", "fields_at"], condition=Q(fields_due=True), name="run_fields_due"
            ),
            models.Index(fields=["deleted_at"], condition=Q(deleted_at__isnull=False), name="run_deleted"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_running(self) -> bool:
        return self.state == self.State.RUNNING

    @property
    def is_deleted(self) -> bool:
        return self.deleted_at is not None

    @property
    def is_asked_to_stop(self) -> bool:
        return self.stop_requested_at is not None and self.is_running

    @property
    def duration(self) -> timedelta:
        """From start to end; of a run that goes on, to when it was last heard."""
        return max((self.ended_at or self.last_seen_at) - self.started_at, timedelta(0))

    def check_accepts(self) -> None:
        """Raises Gone `deleted` if nothing more may be written to the run."""
        if self.is_deleted or self.project.is_deleted:
            raise Gone("The run has been deleted; it can be restored for 30 days.", code="deleted")

    # State

    def end(
        self,
        *,
        state: str = State.FINISHED,
        exit_code: int | None = None,
        ended_at: datetime | None = None,
    ) -> None:
        """Close the run. A run ends once; one that was taken for crashed may still say how it ended.

        Raises RunEnded if it already has.
        """
        open_ = Q(state__in=[self.State.RUNNING, self.State.CRASHED])
        if not self._update(
            open_,
            state=self.State(state),
            ended_at=ended_at or now(),
            exit_code=exit_code,
            last_seen_at=now(),
        ):
            raise RunEnded(f"Run {self.name} has already ended.")

    def reopen(self) -> None:
        """Let an ended run go on. Idempotent."""
        self._run_again(~Q(state=self.State.RUNNING))

    def revive(self) -> None:
        """Let a run that was taken for crashed go on; one that has ended otherwise stays so. Idempotent."""
        self._run_again(Q(state=self.State.CRASHED))

    def _run_again(self, condition: Q) -> None:
        if self._update(
            condition,
            state=self.State.RUNNING,
            ended_at=None,
            exit_code=None,
            stop_requested_at=None,
            last_seen_at=now(),
        ):
            signals.after_commit(signals.run_started, run=self.pk, project=self.project_id)

    def stop(self) -> None:
        """Ask the training to stop; its writer hears it with the next answer. Idempotent.

        Raises RunEnded if there is nothing left to stop.
        """
        asked = self._update(Q(state=self.State.RUNNING, stop_requested_at=None), stop_requested_at=now())
        if not asked and not Run.objects.filter(pk=self.pk).running().exists():
            raise RunEnded(f"Run {self.name} has already ended.")

    def remove(self, by: Principal | None = None) -> None:
        """Delete the run, softly: restore() undoes it for 30 days. Idempotent."""
        self._update(Q(deleted_at=None), **removal(by))

    def restore(self) -> None:
        """Undo remove(). Idempotent."""
        self._update(Q(deleted_at__isnull=False), **RESTORATION)

    # What people and writers say about it

    def edit(
        self,
        *,
        name: str | None = None,
        notes: str | None = None,
        group: str | None = None,
        job_type: str | None = None,
        tags: Iterable[str] | None = None,
        started_at: datetime | None = None,
        ended_at: datetime | None = None,
    ) -> None:
        """Replace what is given; None leaves a thing alone. Raises Invalid `too_many_tags`."""
        asked = {
            "name": None if name is None else clean_name(name),
            "notes": notes,
            "group": group,
            "job_type": job_type,
            "tags": None if tags is None else list(dict.fromkeys(tags)),
            "started_at": started_at,
            "ended_at": ended_at,
        }
        changes = {field: value for field, value in asked.items() if value is not None}
        if changes:
            self._update(Q(), **changes)

    def rename(self, name: str) -> None:
        self.edit(name=name)

    def tag(self, *, add: Iterable[str] = (), remove: Iterable[str] = ()) -> None:
        """Add and remove tags; the order of the others stays. Raises Invalid `too_many_tags`."""
        with self._locked() as run:
            gone = set(remove)
            run._replace(tags=list(dict.fromkeys([tag for tag in run.tags if tag not in gone] + list(add))))
        self._take_from(run, "tags")

    def merge_config(self, values: Mapping[str, Any], *, unset: Iterable[Path] = ()) -> None:
        """Merge into the config: objects merge key by key, anything else replaces.

        Raises TooLarge if it would grow beyond 16 MiB, as do the others below.
        """
        self._merge("config", values, unset)

    def merge_summary(self, values: Mapping[str, Any], *, unset: Iterable[Path] = ()) -> None:
        """Merge into what the user has set as the summary."""
        self._merge("summary", values, unset)

    def merge_labels(self, values: Mapping[str, str], *, unset: Iterable[Path] = ()) -> None:
        self._merge("labels", values, unset)

    def replace_config(self, config: Mapping[str, Any]) -> None:
        self._update(Q(), config=dict(config))

    def replace_summary(self, summary: Mapping[str, Any]) -> None:
        self._update(Q(), summary=dict(summary))

    def fix_config(self, values: Mapping[str, Any]) -> None:
        """Add keys that may never change: the same value again is fine.

        Raises Conflict `config_fixed`, naming the key, before anything is written.
        """
        with self._locked() as run:
            for key, value in values.items():
                if key in run.config and not same(run.config[key], value):
                    raise Conflict(
                        "This key of the config is fixed and has another value.",
                        code="config_fixed",
                        details={"key": key, "value": run.config[key]},
                    )
            run._replace(config={**run.config, **values})
        self._take_from(run, "config")

    # How it is done

    def _merge(self, field: str, values: Mapping[str, Any], unset: Iterable[Path]) -> None:
        with self._locked() as run:
            run._replace(**{field: merge(getattr(run, field), values, unset)})
        self._take_from(run, field)

    def _locked(self) -> _LockedRun:
        return _LockedRun(self.pk)

    def _replace(self, **values: Any) -> None:
        """Write what differs."""
        changes = {field: value for field, value in values.items() if not same(getattr(self, field), value)}
        if changes:
            self._update(Q(), **changes)

    def _take_from(self, run: Run, *fields: str) -> None:
        for field in (*fields, "version", "updated_at"):
            setattr(self, field, getattr(run, field))

    def _update(self, condition: Q, **changes: Any) -> bool:
        """Change the row if it still meets the condition, in one statement, and tell who listens."""
        limits.check(changes)
        with transaction.atomic():
            matched = Run.objects.filter(condition, pk=self.pk)
            if not matched.update(**changes, version=F("version") + 1, updated_at=now(), fields_due=True):
                return False
            self.refresh_from_db(fields=[*changes, "version", "updated_at"])
            signals.after_commit(
                signals.run_changed, run=self.pk, project=self.project_id, version=self.version
            )
        return True


def removal(by: Principal | None) -> dict[str, Any]:
    """What a deletion writes into a run."""
    return {
        "deleted_at": now(),
        "deleted_by": by.user if by else None,
        "deleted_by_service": by.service_account if by else None,
    }


RESTORATION: dict[str, Any] = {"deleted_at": None, "deleted_by": None, "deleted_by_service": None}


class _LockedRun:
    """The run as it is now, locked until the block ends: what is read is what is changed."""

    def __init__(self, pk: int) -> None:
        self._pk = pk
        self._transaction = transaction.atomic()

    def __enter__(self) -> Run:
        self._transaction.__enter__()
        return Run.objects.select_for_update(no_key=True).get(pk=self._pk)

    def __exit__(self, *failure: Any) -> None:
        self._transaction.__exit__(*failure)
