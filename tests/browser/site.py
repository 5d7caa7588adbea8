"""A site to look at: a real server, its person, and projects and runs made in milliseconds through REST."""

from __future__ import annotations

import itertools
import logging
import math
import random
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx

from tests.server import Server

EMAIL = "ada@lab.org"
PASSWORD = "correct-horse-9"

_numbers = itertools.count(1)
logging.getLogger("httpx").setLevel(logging.WARNING)


class Site:
    """One server; ada owns the team `team`, and `key` is hers, for everything."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.url = server.url
        self.team = _said(server.manage("create_user", "--email", EMAIL, "--password-stdin", stdin=PASSWORD))
        self.key = _said(server.manage("create_key", "--email", EMAIL, "--scope", "admin"))
        self._client = httpx.Client(
            base_url=f"{self.url}/api/v1", headers={"Authorization": f"Bearer {self.key}"}, timeout=60
        )

    def ask(self, method: str, path: str, **options: Any) -> Any:
        """Ask the REST interface as ada and return its JSON; path is below /api/v1."""
        answer = self._client.request(method, path, **options)
        assert answer.is_success, (method, path, answer.status_code, answer.text[:1000])
        return answer.json() if answer.content else None

    def make_person(self, email: str, *, role: str = "member") -> str:
        """Make somebody with the password of all, join them to ada's team, return their e-mail."""
        _said(
            self.server.manage(
                "shell",
                "-v0",
                "-c",
                "from apps.accounts.models import Team, User; from apps.accounts.roles import Role;"
                f"user = User.objects.create_user({email!r}, {PASSWORD!r});"
                f"Team.objects.get(slug={self.team!r}).memberships.create(user=user, role=Role[{role.upper()!r}])",
            )
        )
        return email

    def make_project(self, name: str = "", **fields: Any) -> SiteProject:
        """Make a project; without a name it gets one that nobody has."""
        made = self.ask(
            "POST",
            f"/teams/{self.team}/projects",
            json={"name": name or f"project-{next(_numbers)}", **fields},
        )
        return SiteProject(self, made["id"], made["slug"])

    def close(self) -> None:
        self._client.close()


@dataclass(frozen=True)
class SiteProject:
    site: Site
    id: str
    slug: str

    @property
    def path(self) -> str:
        return f"/{self.site.team}/{self.slug}"

    def make_run(self, name: str = "", **fields: Any) -> SiteRun:
        """Begin a run; fields as of POST /runs: config, tags, notes, group, job_type …"""
        asked = {"team": self.site.team, "project": self.slug, **fields}
        if name:
            asked["name"] = name
        return SiteRun(self, self.site.ask("POST", "/runs", json=asked)["id"])


@dataclass
class SiteRun:
    """A run and its one writer."""

    project: SiteProject
    id: str
    step: int = 0
    _stream: str = field(default_factory=lambda: str(uuid4()))
    _batch: int = 0
    _line: int = 0

    @property
    def path(self) -> str:
        return f"{self.project.path}/runs/{self.id}"

    def log_points(self, columns: dict[str, list[float | None]], *, step: int | None = None) -> None:
        """Send a row a position: `log_points({"loss": [0.5, 0.4]})`; goes on from the last step if none is given.

        None leaves a metric out of its row; NaN and infinities are sent as what they are.
        """
        first = self.step if step is None else step
        rows = [
            {
                "step": first + at,
                "values": {name: _spelled(value) for name, value in zip(columns, row) if value is not None},  # noqa: B905
            }
            for at, row in enumerate(zip(*columns.values(), strict=True))
        ]
        self._send({"rows": rows})
        self.step = max(self.step, first + len(rows))

    def log_lines(self, *texts: str, fd: str = "stdout") -> None:
        """Send lines of the console; they may carry ANSI colours."""
        now_us = time.time_ns() // 1000
        lines = [
            {"n": self._line + at, "time": now_us + at, "fd": fd, "text": text}
            for at, text in enumerate(texts)
        ]
        self._send({"rows": [], "records": [{"type": "console", "lines": lines}]})
        self._line += len(lines)

    def end(self, state: str = "finished", exit_code: int = 0) -> None:
        self.project.site.ask("POST", f"/runs/{self.id}/end", json={"state": state, "exit_code": exit_code})

    def edit(self, **fields: Any) -> None:
        """PATCH: name, notes, tags, group, job_type."""
        self.project.site.ask("PATCH", f"/runs/{self.id}", json=fields)

    def _send(self, body: dict[str, Any]) -> None:
        path = f"/runs/{self.id}/streams/{self._stream}/batches/{self._batch}"
        self.project.site.ask("PUT", path, json=body)
        self._batch += 1


def seed_digits(site: Site) -> SiteProject:
    """A project to look at, not to change: four runs that ended, one that diverged, one that still runs."""
    project = site.make_project("digits", description="Which learning rate, for handwritten digits?")
    for number, (rate, steps) in enumerate([(0.01, 300), (0.03, 300), (0.1, 300), (0.3, 300), (3.0, 180)]):
        run = project.make_run(
            f"sgd-lr{rate:g}",
            config={"optimizer": {"name": "sgd", "lr": rate}, "model": {"depth": 3}, "seed": number},
            group=f"lr={rate:g}",
            tags=["sgd"],
        )
        columns = _training(rate, steps, seed=number)
        if rate > 1:
            columns["train/loss"][-20:] = [math.nan] * 20
        run.log_points(columns)
        run.log_lines("epoch 1", "\x1b[32mepoch 2\x1b[0m", "done")
        run.end(*(("failed", 1) if rate > 1 else ("finished", 0)))
    live = project.make_run("sgd-live", config={"optimizer": {"name": "sgd", "lr": 0.05}}, group="lr=0.05")
    live.log_points(_training(0.05, 120, seed=9))
    return project


def _training(rate: float, steps: int, *, seed: int) -> dict[str, list[float | None]]:
    chance = random.Random(seed)
    losses = [2.3 * math.exp(-step * rate / 40) + 0.05 + chance.gauss(0, 0.01) for step in range(steps)]
    return {
        "train/loss": [*losses],
        "train/acc": [1 - loss / 2.6 for loss in losses],
        "train/lr": [rate * math.cos(step / steps * 1.5) for step in range(steps)],
        "val/loss": [loss * 1.1 if step % 5 == 0 else None for step, loss in enumerate(losses)],
        "val/acc": [1 - loss / 2.4 if step % 5 == 0 else None for step, loss in enumerate(losses)],
        "lonely": [chance.random() for _ in range(steps)],
    }


def _spelled(value: float) -> float | str:
    """JSON has no word for these; the interface does."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _said(done: Any) -> str:
    assert done.returncode == 0, done.stderr
    return str(done.stdout).strip()
