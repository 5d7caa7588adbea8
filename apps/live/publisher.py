"""Hints leave for Redis on a thread of their own, so that nobody who has news waits for it."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque

import redis
from django.conf import settings

from .groups import Dirty, Hint, pack, project_group

MAX_QUEUED = 10_000
DIRTY_EVERY_S = 0.1
MAX_PAUSE_S = 2.0

log = logging.getLogger(__name__)


class Publisher:
    """One a process. What cannot be sent at once is dropped: readers repair themselves."""

    def __init__(self) -> None:
        self._begin()
        # A fork copies the queue and perhaps a locked lock, but not the thread.
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._queue: deque[tuple[str, Hint]] = deque(maxlen=MAX_QUEUED)
        self._dirty: dict[int, dict[str, tuple[str, str]]] = {}
        self._filled = threading.Event()
        self._thread: threading.Thread | None = None

    def publish(self, group: str, hint: Hint) -> None:
        """Queue a hint. Costs microseconds, never raises, never blocks."""
        self._ensure_thread()
        self._queue.append((group, hint))
        self._filled.set()

    def mark_dirty(self, project: int, run: str, *, version: str = "", state: str = "") -> None:
        """Tell a project's readers about a run, together with others of the next tenth of a second."""
        self._ensure_thread()
        with self._lock:
            runs = self._dirty.setdefault(project, {})
            known = runs.get(run, ("", ""))
            runs[run] = (version or known[0], state or known[1])
        self._filled.set()

    def _ensure_thread(self) -> None:
        if self._thread is not None and self._thread.is_alive():
            return
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="live-publisher", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        client: redis.Redis | None = None
        pause_s, dirty_at = 0.0, 0.0
        while True:
            wait_s = max(0.0, dirty_at - time.monotonic()) if self._dirty else None
            self._filled.wait(wait_s)
            self._filled.clear()
            letters = self._take(with_dirty=time.monotonic() >= dirty_at)
            if any(isinstance(hint, Dirty) for _, hint in letters):
                dirty_at = time.monotonic() + DIRTY_EVERY_S
            if not letters:
                continue
            try:
                client = client or _connect()
                pipeline = client.pipeline(transaction=False)
                for group, hint in letters:
                    pipeline.publish(group, pack(hint))
                pipeline.execute()
                pause_s = 0.0
            except (redis.RedisError, OSError) as away:
                if not pause_s:
                    log.warning("Live hints are lost while Redis is away: %s", type(away).__name__)
                client = None
                pause_s = min(MAX_PAUSE_S, 2 * pause_s or 0.1)
                time.sleep(pause_s)

    def _take(self, *, with_dirty: bool) -> list[tuple[str, Hint]]:
        letters: list[tuple[str, Hint]] = []
        while self._queue:
            letters.append(self._queue.popleft())
        if with_dirty and self._dirty:
            with self._lock:
                dirty, self._dirty = self._dirty, {}
            letters += [(project_group(id), Dirty(project=id, runs=runs)) for id, runs in dirty.items()]
        return letters


def _connect() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=1, health_check_interval=0
    )


publisher = Publisher()
