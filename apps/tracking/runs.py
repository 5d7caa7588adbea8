"""The life of a run beyond one row: create or resume, clone, purge."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from django.db import IntegrityError, models, transaction
from django.utils.timezone import now

from apps.base.errors import Conflict, Gone, Invalid, NotFound
from apps.metrics import verbs

from . import database_trouble, limits, signals
from .models import Project, Run
from .names import clean_name, generated_run_name

if TYPE_CHECKING:
    from apps.accounts.principal import Principal

Resume = Literal["never", "allow", "must", "auto"]

logger = logging.getLogger(__name__)

# How long a deletion can be undone.
UNDO = timedelta(days=30)


def start(
    project: Project,
    principal: Principal | None = None,
    *,
    client_id: str,
    resume: Resume = "allow",
    name: str | None = None,
    reopen: bool = True,
    config: dict[str, Any] | None = None,
    tags: list[str] | None = None,
    **more: Any,
) -> tuple[Run, bool]:
    """Return the run of that client id, and whether it was made now. Safe against itself.

    resume: never = it must be new; must = it must exist; allow and auto = either.
    reopen: an ended run that is found goes on.
    more: columns of a new run (notes, group, job_type, host, started_at, parent, …). They and `name` are not
    applied to a run that exists; `config` is merged into it and `tags` are added.

    Raises Conflict `run_exists` (never), NotFound `no_such_run` (must), Gone `deleted`, Invalid for a bad id
    or too many tags, TooLarge.
    """
    if not client_id or len(client_id) > 256 or not client_id.isprintable():
        raise Invalid("A client id has 1 to 256 printable characters.", code="bad_client_id")
    if project.is_deleted:
        raise Gone("The project has been deleted; it can be restored for 30 days.", code="deleted")
    tags = list(dict.fromkeys(tags or []))
    limits.check({**more, "config": config or {}, "tags": tags})
    found = Run.objects.filter(project=project, client_id=client_id)
    if resume == "must":
        return _resumed(_existing(found), config, tags, reopen=reopen), False
    # Insert first: of two that start at once, the constraint lets one through and the other finds its run.
    try:
        with transaction.atomic():
            run = Run.objects.create(
                project=project,
                client_id=client_id,
                name=clean_name(name) if name else generated_run_name(),
                config=config or {},
                tags=tags,
                **_author(principal),
                **more,
            )
            signals.after_commit(signals.run_started, run=run.pk, project=project.pk)
            signals.after_commit(signals.run_changed, run=run.pk, project=project.pk, version=run.version)
            return run, True
    except IntegrityError:
        if resume == "never":
            raise Conflict("A run of this id exists in the project.", code="run_exists") from None
        return _resumed(_existing(found), config, tags, reopen=reopen), False


def clone(run: Run, principal: Principal | None = None, *, client_id: str, name: str | None = None) -> Run:
    """Return a new run that begins with what the old one was given: config, tags, notes, group, job type.

    Points, console and state stay behind. Raises Conflict `run_exists` if the client id is taken.
    """
    copy, _ = start(
        run.project,
        principal,
        client_id=client_id,
        resume="never",
        name=name or run.name,
        config=run.config,
        tags=run.tags,
        notes=run.notes,
        group=run.group,
        job_type=run.job_type,
        labels=run.labels,
    )
    return copy


def expired(at: datetime | None = None) -> models.QuerySet[Run]:
    """Runs whose deletion, or their project's, can no longer be undone."""
    before = (at or now()) - UNDO
    return Run.objects.filter(
        models.Q(deleted_at__lt=before) | models.Q(project__deleted_at__lt=before)
    ).order_by("pk")


def sweep_deleted(at: datetime | None = None, *, limit: int = 100) -> int:
    """Remove for good what can no longer be restored: points first, then the run. Returns how many runs.

    One that cannot be removed is logged, stays, and stops no other.
    Cut off anywhere, the next sweep goes on: a run whose points are gone is still there to be found.
    """
    swept = 0
    for pk in list(expired(at).values_list("pk", flat=True)):
        if swept >= limit:
            break
        swept += _is_done(partial(_purge, pk), "Run %s could not be removed for good", pk)
    before = (at or now()) - UNDO
    for project in Project.objects.filter(deleted_at__lt=before, runs__isnull=True)[:limit]:
        _is_done(project.delete, "Project %s could not be removed for good", project.pk)
    return swept


def _purge(run: int) -> None:
    verbs.purge(run)
    Run.objects.filter(pk=run).delete()


def _is_done(act: Callable[[], object], failure: str, pk: int) -> bool:
    """Do it; log the failure of one that must not stop the others. Raises what a lost database raises."""
    try:
        act()
    except Exception as error:
        if database_trouble.is_lost(error):
            raise
        logger.exception(failure, pk)
        return False
    return True


def _existing(found: models.QuerySet[Run]) -> Run:
    run = found.select_related("project").first()
    if run is None:
        raise NotFound("No run of this id in the project.", code="no_such_run")
    run.check_accepts()
    return run


def _resumed(run: Run, config: dict[str, Any] | None, tags: list[str] | None, *, reopen: bool) -> Run:
    if config:
        run.merge_config(config)
    if tags:
        run.tag(add=tags)
    if reopen:
        run.reopen()
    return run


def _author(principal: Principal | None) -> dict[str, Any]:
    if principal is None:
        return {}
    return {"created_by": principal.user, "created_by_service": principal.service_account}
