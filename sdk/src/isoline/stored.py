"""What a server holds: teams, projects, runs."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from isoline._client import Client
from isoline._pages import Pages
from isoline.history import History, Row, number

_FLOATS = ("first", "last", "min", "max", "sum", "mean", "m2")


class Team(msgspec.Struct, frozen=True):
    """A team, and what this key's owner is in it: `owner`, `admin`, `member`, `viewer`, or None."""

    id: str
    slug: str
    name: str
    is_personal: bool
    created_at: datetime.datetime
    role: str | None = None


class Project(msgspec.Struct, frozen=True):
    """A project. `runs` counts those that are not in the trash; None where it was not counted."""

    id: str
    team: str
    slug: str
    name: str
    description: str
    visibility: str
    labels: dict[str, str]
    created_at: datetime.datetime
    updated_at: datetime.datetime
    deleted_at: datetime.datetime | None = None
    runs: int | None = None

    @property
    def path(self) -> str:
        """`team/project`, as `Api` and the command line take it."""
        return f"{self.team}/{self.slug}"


class MetricFacts(msgspec.Struct, frozen=True):
    """What is known of a metric over all its points. `min` and `max` are over finite values.

    nan, pinf, ninf: how many values are NaN, +∞, −∞. m2: the sum of squared distances from the mean.
    """

    name: str
    kind: str
    count: int
    nan: int
    pinf: int
    ninf: int
    first: float | int | bool
    first_step: int
    first_time_us: int
    last: float | int | bool
    last_step: int
    last_time_us: int
    min: float | int | bool | None
    min_step: int
    max: float | int | bool | None
    max_step: int
    sum: float | int
    mean: float
    m2: float


class Line(NamedTuple):
    """A line of the console. fd: `stdout` or `stderr`. level: "" if the line has none."""

    number: int
    time_us: int
    fd: str
    level: str
    text: str
    stream: str


class Value(NamedTuple):
    """A logged value that is no number: a text or a structure."""

    key: str
    step: int
    time_us: int
    row: int
    stream: str
    value: Any


class StoredRun:
    """A run on the server. What it says is as of the last `refresh()`; points and lines are read when asked
    for.
    """

    def __init__(self, client: Client, told: dict[str, Any]) -> None:
        """Use `Api.run` or `Api.runs`."""
        self._client = client
        self._told = told
        self._metrics: dict[str, MetricFacts] | None = None

    # What it is.

    @property
    def id(self) -> str:
        """The id in every address."""
        return str(self._told["id"])

    @property
    def client_id(self) -> str:
        """The id chosen by whoever began the run; unique in the project."""
        return str(self._told["client_id"])

    @property
    def name(self) -> str:
        return str(self._told["name"])

    @property
    def team(self) -> str:
        """The team's slug."""
        return str(self._told["team"])

    @property
    def project(self) -> str:
        """The project's slug."""
        return str(self._told["project"]["slug"])

    @property
    def path(self) -> str:
        """`team/project/id`, as `Api.run` takes it."""
        return f"{self.team}/{self.project}/{self.id}"

    @property
    def url(self) -> str:
        """Where it is to be seen."""
        return str(self._told["url"])

    @property
    def state(self) -> str:
        """`running`, `finished`, `failed`, `killed` or `crashed`."""
        return str(self._told["state"])

    @property
    def group(self) -> str:
        return str(self._told["group"])

    @property
    def job_type(self) -> str:
        return str(self._told["job_type"])

    @property
    def tags(self) -> list[str]:
        return list(self._told["tags"])

    @property
    def notes(self) -> str:
        return str(self._told["notes"])

    @property
    def config(self) -> dict[str, Any]:
        """The inputs, nested as they were given. NaN and infinities are texts here, as in JSON."""
        return dict(self._told["config"])

    @property
    def metadata(self) -> dict[str, Any]:
        """The environment of each writer: host, Python, git, packages …"""
        return dict(self._told["metadata"])

    @property
    def metrics(self) -> dict[str, MetricFacts]:
        """Facts about each metric by name, in order of first appearance."""
        if self._metrics is None:
            found = Pages(self._client, f"/runs/{self.id}/metrics", {}, _facts, size=1000)
            self._metrics = {each.name: each for each in found}
        return dict(self._metrics)

    @property
    def summary(self) -> dict[str, Any]:
        """The last value of each metric, and over those whatever the run has set as its summary itself."""
        return {name: facts.last for name, facts in self.metrics.items()} | dict(self._told["summary"])

    @property
    def created_by(self) -> str | None:
        """The name or address of the person or service account."""
        return self._told["created_by"]  # type: ignore[no-any-return]

    @property
    def created_at(self) -> datetime.datetime:
        return _moment(self._told["created_at"])

    @property
    def ended_at(self) -> datetime.datetime | None:
        told = self._told["ended_at"]
        return None if told is None else _moment(told)

    @property
    def deleted_at(self) -> datetime.datetime | None:
        """When it went to the trash; None if it is not there."""
        told = self._told["deleted_at"]
        return None if told is None else _moment(told)

    @property
    def duration_s(self) -> float:
        return float(self._told["duration_s"])

    @property
    def exit_code(self) -> int | None:
        return self._told["exit_code"]  # type: ignore[no-any-return]

    def as_dict(self) -> dict[str, Any]:
        """Return all that the server says of the run, in JSON's types."""
        return dict(self._told)

    # What it has sent.

    def history(self, metrics: str | Iterable[str] | None = None) -> History:
        """Return the points of a metric, of several, or of all, to be read as a table or as lists."""
        names = [metrics] if isinstance(metrics, str) else None if metrics is None else list(metrics)
        return History(self._client, self.id, names)

    def rows(self, metrics: str | Iterable[str] | None = None) -> Iterator[Row]:
        """Go through the rows as they were logged, ordered by (step, time, stream, row)."""
        return self.history(metrics).rows()

    def logs(
        self, *, last: int | None = None, level: str | None = None, contains: str | None = None,
        fd: str | None = None,
    ) -> list[Line]:  # fmt: skip
        """Return lines of the console, oldest first.

        last: how many, counted from the end; by default all.
        level: that level and above: `debug`, `info`, `warning`, `error`, `critical`.
        contains: only lines that hold this text, whatever the case. fd: `stdout` or `stderr`.
        """
        pages: list[list[Line]] = []
        before: str | None = None
        wanted = last
        while wanted is None or wanted > 0:
            page = self._client.get(
                f"/runs/{self.id}/logs",
                before=before, level=level, q=contains, fd=fd, limit=min(1000, wanted or 1000),
            )  # fmt: skip
            lines = [_line(each) for each in page["lines"]]
            pages.append(lines)
            before = page["before"]
            if before is None:
                break
            wanted = None if wanted is None else wanted - len(lines)
        return [line for lines in reversed(pages) for line in lines]

    def values(self, key: str | None = None) -> Iterator[Value]:
        """Go through logged texts and structures, of one key or of all."""
        made = Pages(self._client, f"/runs/{self.id}/records", {"key": key}, _value)
        return iter(made)

    # What can be done with it.

    def edit(
        self,
        *,
        name: str | None = None,
        tags: Iterable[str] | None = None,
        notes: str | None = None,
        group: str | None = None,
        job_type: str | None = None,
    ) -> None:
        """Change what is given; tags are replaced as a whole."""
        given = {
            "name": name, "notes": notes, "group": group, "job_type": job_type,
            "tags": None if tags is None else list(tags),
        }  # fmt: skip
        change = {field: value for field, value in given.items() if value is not None}
        self._told = self._client.ask("PATCH", f"/runs/{self.id}", json=change)

    def delete(self) -> None:
        """Put the run into the trash, where it stays for 30 days."""
        self._client.ask("DELETE", f"/runs/{self.id}")

    def restore(self) -> None:
        """Take the run out of the trash."""
        self._told = self._client.ask("POST", f"/runs/{self.id}/restore")

    def stop(self) -> None:
        """Ask the training to stop: `Run.stop_requested` becomes true there."""
        self._told = self._client.ask("POST", f"/runs/{self.id}/stop")

    def refresh(self) -> None:
        """Read the run anew."""
        self._told = self._client.get(f"/runs/{self.id}")
        self._metrics = None

    def __repr__(self) -> str:
        return f"<isoline.StoredRun {self.name} ({self.path}), {self.state}>"


def _facts(told: dict[str, Any]) -> MetricFacts:
    numbers = {name: number(told[name]) for name in _FLOATS}
    return msgspec.convert({**told, **numbers}, MetricFacts)


def _line(told: dict[str, Any]) -> Line:
    return Line(told["n"], told["time"], told["fd"], told["level"], told["text"], told["stream"])


def _value(told: dict[str, Any]) -> Value:
    return Value(told["key"], told["step"], told["time"], told["row"], told["stream"], told["value"])


def _moment(text: str) -> datetime.datetime:
    return msgspec.convert(text, datetime.datetime)
