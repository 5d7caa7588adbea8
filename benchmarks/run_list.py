"""How long a page of the run list takes: filter and order by anything, in projects of 10,000 and 100,000
runs.

The domain call itself (`run_list`) on an embedded PostgreSQL of its own, without HTTP: 30 fields a run (20
metrics, 10 of the config), 100 runs a page. Nothing is cached between questions but what PostgreSQL caches. A
last part projects fresh runs, to see what keeping the fields up to date costs.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from apps.operations.engines import (
    postgres_answers,
    postgres_command,
    prepare_database,
    prepare_folder,
    remove_short_path,
)
from apps.operations.layout import OWNER_ROLE, Layout

from .report import is_quick, percentile, rate, table

SCRATCH = Path(__file__).parent / "out"
ROUNDS = 30
METRICS = 20

QUESTIONS = [
    ("newest first", "", ""),
    ("all, by a metric", "", "metrics.m7"),
    ("filter + by a metric", "config.lr = 0.01 and metrics.m3 < 0.5", "metrics.m7"),
    ("the same, other direction", "config.lr = 0.01 and metrics.m3 < 0.5", "-metrics.m7"),
    ("a wide filter + by a metric", "metrics.m3 < 0.9 and metrics.m4 > 0.1", "metrics.m7"),
    ("a narrow filter + by a metric", "metrics.m3 < 0.001 and config.opt = 'adam'", "metrics.m7"),
    ("a filter that nothing meets", "metrics.m3 < 0 and config.opt = 'adam'", "metrics.m7"),
    (
        "or, not, tag + by a metric",
        "config.lr = 0.1 or not config.opt = 'adam' or tags has 'best'",
        "-metrics.m7",
    ),
    ("text contains + by a metric", "config.note contains '77' and state = 'finished'", "metrics.m7"),
    ("by two keys", "config.opt = 'adam'", "config.lr, -metrics.m7"),
    ("by an attribute", "metrics.m3 < 0.5", "name"),
]


def main() -> None:
    sizes = (1_000, 10_000) if is_quick() else (10_000, 100_000)
    with database():
        from apps.tracking.models import Project

        rows: list[tuple[object, ...]] = []
        for size in sizes:
            project = Project.objects.get(pk=fill(size))
            analyze()
            rows += [(f"{size:,}", *row) for row in questions(project)]
        table(
            "A page of 100 runs, 30 fields a run",
            (
                "runs",
                "question",
                "found",
                "p50 ms",
                "p95 ms",
                "of it CPU ms",
                "after 10 pages p50 ms",
                "count ms",
            ),
            rows,
        )
        table("Keeping fields up to date", ("runs", "what", "took", "rate"), keeping_up(500))


def questions(project: Any) -> Iterator[tuple[object, ...]]:
    from apps.tracking.search.run_list import count, run_list

    for name, query, sort in QUESTIONS:
        before_ms = cpu_ms()
        first = timed(partial(run_list, project, query, sort))
        cost_ms = (cpu_ms() - before_ms) / (ROUNDS + 1)
        cursor = None
        for _ in range(10):
            cursor = run_list(project, query, sort, cursor=cursor).cursor
            if cursor is None:
                break
        deep = timed(partial(run_list, project, query, sort, cursor=cursor)) if cursor else []
        found = count(project, query)
        counted = timed(partial(count, project, query), rounds=5)
        yield (
            name,
            f"{found:,}",
            f"{statistics.median(first):.1f}",
            f"{percentile(first, 95):.1f}",
            f"{cost_ms:.0f}",
            f"{statistics.median(deep):.1f}" if deep else "–",
            f"{statistics.median(counted):.1f}",
        )


def keeping_up(runs: int) -> Iterator[tuple[object, ...]]:
    from apps.tracking import fields
    from apps.tracking.models import Project, Run

    project = Project.objects.get(pk=fill(10))
    summary = {f"m{number}": 0.5 for number in range(METRICS)}
    Run.objects.bulk_create(
        Run(
            project=project,
            client_id=f"new{number}",
            name="new",
            config={"lr": 0.1, "opt": "adam", "net": {"depth": number, "width": 8}},
            summary=summary,
        )
        for number in range(runs)
    )
    for what in ("projected first", "looked at, nothing new", "projected with one new value"):
        if what == "projected with one new value":
            for run in Run.objects.filter(project=project, name="new"):
                run.merge_summary({"m0": 0.25})
        begun = time.perf_counter()
        fields.refresh(project.pk, 600)
        took_s = time.perf_counter() - begun
        yield runs, what, f"{took_s * 1e3:.0f} ms", rate(runs, took_s)


def timed(work: Callable[[], object], rounds: int = ROUNDS) -> list[float]:
    """Milliseconds of each round; the first, which warms the caches up, does not count."""
    taken = []
    for _ in range(rounds + 1):
        begun = time.perf_counter()
        work()
        taken.append((time.perf_counter() - begun) * 1e3)
    return taken[1:]


def cpu_ms() -> float:
    """Processor time so far of this process and of its backend: what an otherwise idle machine would take."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = psutil.Process(cursor.fetchone()[0]).cpu_times()
    return (time.process_time() + backend.user + backend.system) * 1e3


def fill(runs: int) -> int:
    """Make a project with so many runs, all projected, in a few statements."""
    from django.db import connection

    from apps.accounts.models import User
    from apps.tracking.models import Project

    owner = User.objects.create_user(f"bench{runs}@example.org", name="Bench")
    project = Project.objects.begin(owner.personal_team, name=f"{runs} runs", by=owner)
    with connection.cursor() as cursor:
        cursor.execute("SELECT setseed(%s)", [runs / 1e6])
        cursor.execute(_RUNS, {"project": project.pk, "runs": runs})
        cursor.execute(_PATHS, {"project": project.pk, "metrics": METRICS})
        cursor.execute(_METRICS, {"project": project.pk})
        cursor.execute(_CONFIG, {"project": project.pk})
    return project.pk


_RUNS = """
INSERT INTO tracking_run (public_id, project_id, client_id, name, state, created_at, updated_at, started_at,
    last_seen_at, ended_at, notes, tags, labels, config, summary, metadata, "group", job_type, sweep, host,
    git_commit, version, fields_version, fields_points_version, fields_at, fields_due)
SELECT md5(random()::text)::varchar(26), %(project)s, 'run' || n, 'swift-fox-' || n, 'finished', at, at, at,
at, at,
    '', CASE WHEN n %% 50 = 0 THEN '{best}'::text[] ELSE '{}' END, '{}', '{"lr": 0.1, "net": {"depth": 3}}',
    '{}', '{}', 'group ' || n %% 40, '', '', '', '', 1, 1, '0-0', at, false
FROM (SELECT n, now() - n * interval '1 second' AS at FROM generate_series(1, %(runs)s) AS n) AS run
"""

_PATHS = """
INSERT INTO tracking_projectfield (project_id, path, has_number, has_text)
SELECT %(project)s, 'metrics.m' || n, true, false FROM generate_series(0, %(metrics)s - 1) AS n
UNION ALL SELECT %(project)s, path, true, false FROM unnest('{config.lr,config.seed,config.depth,config.width,
    config.decay,config.batch,config.warmup}'::text[]) AS path
UNION ALL SELECT %(project)s, path, false, true FROM unnest('{config.opt,config.note,config.data}'::text[])
AS path
"""

_METRICS = """
INSERT INTO tracking_runfield (run_id, field_id, number, text)
SELECT run.id, field.id, random(), NULL FROM tracking_run run, tracking_projectfield field
WHERE run.project_id = %(project)s AND field.project_id = %(project)s AND path LIKE 'metrics.%%'
ORDER BY run.id, field.id
"""

_CONFIG = """
INSERT INTO tracking_runfield (run_id, field_id, number, text)
SELECT run_id, field_id, number, coalesce(word, number::text) FROM (
    SELECT run.id AS run_id, field.id AS field_id,
        CASE path WHEN 'config.lr' THEN (ARRAY[0.1, 0.01, 0.001, 0.0001, 0.3])[1 + floor(random() * 5)::int]
            WHEN 'config.seed' THEN floor(random() * 1000) WHEN 'config.opt' THEN NULL WHEN 'config.note'
            THEN NULL WHEN 'config.data' THEN NULL ELSE floor(random() * 8) END AS number,
        CASE path WHEN 'config.opt' THEN (ARRAY['adam', 'sgd', 'lion', 'adamw'])[1 + floor(random() * 4)::int]
            WHEN 'config.note' THEN 'run number ' || run.id WHEN 'config.data' THEN 'imagenet' END AS word
    FROM tracking_run run, tracking_projectfield field
    WHERE run.project_id = %(project)s AND field.project_id = %(project)s AND path LIKE 'config.%%'
) AS made ORDER BY run_id, field_id
"""


@contextmanager
def database() -> Iterator[None]:
    """A PostgreSQL as `up` runs it, migrated, for as long as this lasts."""
    SCRATCH.mkdir(exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="runs-", dir=SCRATCH))
    layout = Layout(home)
    prepare_folder(layout)
    command = postgres_command(layout)
    with (home / "postgres.log").open("wb") as log:
        process = command.start(output=log.fileno())
    try:
        deadline = time.monotonic() + 30
        while not postgres_answers(layout):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((home / "postgres.log").read_text()[-1000:])
            time.sleep(0.05)
        prepare_database(layout)
        migrate(home)
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
        remove_short_path(layout)
        shutil.rmtree(home, ignore_errors=True)


def migrate(home: Path) -> None:
    os.environ["ISOLINE_HOME"] = str(home)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ["SECRET_KEY"] = "only-for-benchmarks-" + home.name * 4
    import django
    from django.core.management import call_command
    from django.db import connection

    django.setup()
    role = connection.settings_dict["USER"]
    connection.settings_dict["USER"] = OWNER_ROLE
    call_command("migrate", verbosity=0)
    connection.close()
    connection.settings_dict["USER"] = role


def analyze() -> None:
    """What autovacuum does a minute after a bulk load."""
    from django.db import connection

    role = connection.settings_dict["USER"]
    connection.close()
    connection.settings_dict["USER"] = OWNER_ROLE
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE tracking_run, tracking_runfield, tracking_projectfield")
    connection.close()
    connection.settings_dict["USER"] = role


if __name__ == "__main__":
    main()
