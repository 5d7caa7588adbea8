"""What one process hears from Redis, and which of its connections are told.

A hint is unpacked and its points are decoded once a process, and each frame is written once for all
connections with the same set of metrics. What Redis lost is found by asking the engine for versions.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
import redis.asyncio as redis
from django.conf import settings

from .frames import points_frame
from .groups import (
    ACCESS,
    AccessChanged,
    BatchAppended,
    Dirty,
    ProjectChanged,
    RecordsHint,
    RunHint,
    project_group,
    run_group,
    unpack,
)
from .messages import Changed, RecordsAdded, RunChanged, TickRun
from .outbox import Letter, tick
from .reads import ProjectNews, RunNow

TICK_S = 0.25
REPAIR_S = 5.0
PROJECT_REPAIR_S = 15.0
SUBSCRIBE_WAIT_S = 1.0

log = logging.getLogger(__name__)

# The metrics a connection wants of a run: None for all.
Wanted = frozenset[str] | None
Progress = Callable[[list[int]], Awaitable[dict[int, RunNow]]]
News = Callable[[list[int]], Awaitable[list[ProjectNews]]]


class Listener(Protocol):
    """One connection."""

    def tell(self, letter: Letter) -> None: ...
    def is_concerned(self, change: AccessChanged | ProjectChanged) -> bool: ...
    def recheck(self) -> None: ...


@dataclass
class RunFeed:
    """streams: of each writer, the number of the batch after the newest that was told."""

    public_id: str
    streams: dict[int, int] = field(default_factory=dict)
    wanted: dict[Listener, Wanted] = field(default_factory=dict)

    def saw(self, streams: dict[int, int]) -> bool:
        """Count up to these; whether any of them was new."""
        ahead = {key: seq for key, seq in streams.items() if seq > self.streams.get(key, 0)}
        self.streams.update(ahead)
        return bool(ahead)


@dataclass
class ProjectFeed:
    public_id: str
    listeners: set[Listener] = field(default_factory=set)
    dirty: dict[str, TickRun] = field(default_factory=dict)


class Hub:
    """One an event loop; begun by its first listener, ended when the last has left."""

    def __init__(self, *, progress: Progress, news: News) -> None:
        """progress: where runs stand. news: what projects' readers might have missed lately."""
        self._progress = progress
        self._news = news
        self._runs: dict[int, RunFeed] = {}
        self._projects: dict[int, ProjectFeed] = {}
        self._listeners: set[Listener] = set()
        self._joined: dict[str, asyncio.Future[None]] = {}
        self._wire = asyncio.Lock()
        self._pubsub: Any = None
        self._tasks: list[asyncio.Task[None]] = []

    # --- who listens ---------------------------------------------------------------------------

    def enter(self, listener: Listener) -> None:
        self._listeners.add(listener)
        if not self._tasks:
            work = (self._hear, self._tick, self._repair, self._repair_projects)
            self._tasks = [asyncio.create_task(_lasting(step)) for step in work]

    async def leave(self, listener: Listener) -> None:
        self._listeners.discard(listener)
        for run in [run for run, feed in self._runs.items() if listener in feed.wanted]:
            await self.leave_run(listener, run)
        for project in [id for id, feed in self._projects.items() if listener in feed.listeners]:
            await self.leave_project(listener, project)
        if not self._listeners:
            tasks, self._tasks = self._tasks, []
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def join_run(self, listener: Listener, run: int, *, public_id: str, wanted: Wanted) -> None:
        """Return when hints of the run arrive, or when Redis does not answer: repair covers for it."""
        feed = self._runs.setdefault(run, RunFeed(public_id))
        feed.wanted[listener] = wanted
        await self._subscribe(run_group(run))

    async def leave_run(self, listener: Listener, run: int) -> None:
        feed = self._runs.get(run)
        if feed is not None:
            feed.wanted.pop(listener, None)
            if not feed.wanted:
                del self._runs[run]
                await self._unsubscribe(run_group(run))

    async def join_project(self, listener: Listener, project: int, *, public_id: str) -> None:
        feed = self._projects.setdefault(project, ProjectFeed(public_id))
        feed.listeners.add(listener)
        await self._subscribe(project_group(project))

    async def leave_project(self, listener: Listener, project: int) -> None:
        feed = self._projects.get(project)
        if feed is not None:
            feed.listeners.discard(listener)
            if not feed.listeners:
                del self._projects[project]
                await self._unsubscribe(project_group(project))

    def saw(self, run: int, streams: dict[int, int]) -> None:
        """The first listener of a run has been told how far the writers are.

        Later ones say nothing new: those before them may have missed what they have read.
        """
        feed = self._runs.get(run)
        if feed is not None and len(feed.wanted) == 1:
            feed.saw(streams)

    # --- Redis ---------------------------------------------------------------------------------

    async def _subscribe(self, group: str) -> None:
        joined = self._joined.get(group)
        if joined is None:
            joined = self._joined[group] = asyncio.get_running_loop().create_future()
            async with self._wire:
                if self._pubsub is not None:
                    with contextlib.suppress(redis.RedisError, OSError):
                        await self._pubsub.subscribe(group)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(joined), SUBSCRIBE_WAIT_S)

    async def _unsubscribe(self, group: str) -> None:
        self._joined.pop(group, None)
        async with self._wire:
            if self._pubsub is not None:
                with contextlib.suppress(redis.RedisError, OSError):
                    await self._pubsub.unsubscribe(group)

    async def _hear(self) -> None:
        client = redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1, health_check_interval=10)
        pubsub: Any = client.pubsub()
        try:
            async with self._wire:
                await pubsub.subscribe(ACCESS, *self._joined)
                self._pubsub = pubsub
            while True:
                message = await pubsub.get_message(timeout=5)
                if message is None:
                    continue
                group = message["channel"].decode()
                if message["type"] == "subscribe":
                    joined = self._joined.get(group)
                    if joined is not None and not joined.done():
                        joined.set_result(None)
                elif message["type"] == "message":
                    self._hint(message["data"])
        finally:
            self._pubsub = None
            with contextlib.suppress(redis.RedisError, OSError):
                await pubsub.aclose()
                await client.aclose()

    def _hint(self, message: bytes) -> None:
        try:
            hint = unpack(message)
        except msgspec.DecodeError:
            return
        match hint:
            case BatchAppended():
                self._batch(hint)
            case RunHint():
                self._run(hint)
            case RecordsHint():
                self._records(hint)
            case Dirty():
                self._dirty(hint)
            case AccessChanged() | ProjectChanged():
                for listener in list(self._listeners):
                    if listener.is_concerned(hint):
                        listener.recheck()

    # --- what is told --------------------------------------------------------------------------

    def _batch(self, hint: BatchAppended) -> None:
        feed = self._runs.get(hint.run)
        if feed is None:
            return
        feed.saw({hint.stream: hint.seq + 1})
        same: dict[Wanted, list[Listener]] = defaultdict(list)
        for listener, wanted in feed.wanted.items():
            same[wanted].append(listener)
        frames = points_frame(hint, feed.public_id, wanted=list(same))
        for wanted, listeners in same.items():
            frame = frames.get(wanted)
            if frame is not None:
                _tell(listeners, Letter.of(frame))

    def _run(self, hint: RunHint) -> None:
        feed = self._runs.get(hint.run)
        if feed is not None:
            _tell(feed.wanted, Letter.of(RunChanged(run=feed.public_id, state=hint.state)))

    def _records(self, hint: RecordsHint) -> None:
        feed = self._runs.get(hint.run)
        if feed is not None:
            _tell(feed.wanted, Letter.of(RecordsAdded(run=feed.public_id, kinds=hint.kinds)))

    def _dirty(self, hint: Dirty) -> None:
        feed = self._projects.get(hint.project)
        if feed is None:
            return
        for run, (version, state) in hint.runs.items():
            known = feed.dirty.get(run)
            if known is not None:
                version, state = version or known.version, state or known.state
            feed.dirty[run] = TickRun(run=run, version=version, state=state)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            for feed in list(self._projects.values()):
                if feed.dirty:
                    dirty, feed.dirty = feed.dirty, {}
                    _tell(feed.listeners, Letter.of(tick(feed.public_id, list(dirty.values()))))

    async def _repair(self) -> None:
        """Say `changed` for runs whose newest hint never came."""
        while True:
            await asyncio.sleep(REPAIR_S)
            if not self._runs:
                continue
            progress = await self._progress(list(self._runs))
            # Hints of these batches may still be under way.
            await asyncio.sleep(TICK_S)
            for run, now in progress.items():
                feed = self._runs.get(run)
                if feed is not None and feed.saw(now.streams):
                    frame = Changed(run=feed.public_id, version=now.version, many=0)
                    _tell(feed.wanted, Letter.of(frame))

    async def _repair_projects(self) -> None:
        """Put runs that have been heard of lately into the next tick, whether or not they were in one."""
        while True:
            await asyncio.sleep(PROJECT_REPAIR_S)
            if self._projects:
                for each in await self._news(list(self._projects)):
                    self._dirty(Dirty(project=each.project, runs={each.run: ("", each.state)}))


def _tell(listeners: Iterable[Listener], letter: Letter) -> None:
    for listener in list(listeners):
        listener.tell(letter)


async def _lasting(step: Callable[[], Awaitable[None]]) -> None:
    """Run a step for ever: what fails begins again, a little later each time."""
    pause_s = 0.1
    while True:
        began = asyncio.get_running_loop().time()
        try:
            await step()
        except (redis.RedisError, OSError) as away:
            log.debug("Live waits for Redis: %s", type(away).__name__)
        except Exception:
            log.exception("Live work failed and begins again")
        lasted_s = asyncio.get_running_loop().time() - began
        pause_s = 0.1 if lasted_s > 10 else min(2.0, 2 * pause_s)
        await asyncio.sleep(pause_s)
