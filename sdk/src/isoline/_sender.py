"""The sender: one process per machine and user that delivers what every training on it has spooled.

Started by `init`, ends when nothing is left to do. It looks at the sizes of files instead of being called: a
training that logs owes it nothing, and a sender that was killed has missed nothing.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import msgspec

from isoline._delivery import Delivery
from isoline._launch import host_name, sender_lock
from isoline._locks import FileLock, is_locked
from isoline._spool import (
    STATUS,
    WRITER_LOCK,
    load_manifest,
    load_status,
    segment_numbers,
    segment_path,
    stream_directories,
)
from isoline._transport import HttpTransport, Transport
from isoline.settings import stored_key

POLL_S = 0.025
IDLE_S = 15.0
DISCOVER_EVERY_S = 2.0
TIDY_EVERY_S = 60.0
LOCK_PATIENCE_S = 2.0
TROUBLE_PAUSE_S = 10.0

# A batch costs the server a transaction however small it is: many streams at once are sent less often each.
LINGER_MIN_S = 0.05
LINGER_PER_STREAM_S = 0.025
WORKERS = 4

KEEP_S = 7 * 24 * 3600.0
KEEP_MAX_BYTES = 2 * 1000**3

log = logging.getLogger("isoline.sender")


class Sender:
    """Delivers the streams of a spool until told to stop or until there is nothing left to do."""

    def __init__(
        self,
        spool: Path,
        transport: Transport,
        *,
        key_for: Callable[[str], str],
        includes_offline: bool = False,
        server: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        spool: the folder of `_spool.py`.
        key_for: the key for a server's address, of streams that have none of their own.
        includes_offline: also what was logged offline, and what other machines left in a shared spool.
        server: where to send what was logged offline, if not to the address it was given then.
        clock: seconds that never go back.
        """
        self.spool = spool
        self.deliveries: dict[Path, Delivery] = {}
        self.rows_sent = 0
        self.points_sent = 0
        self.waiting_streams = 0
        self.problems: dict[str, str] = {}
        self._server = server
        self._transport = transport
        self._key_for = key_for
        self._includes_offline = includes_offline
        self._clock = clock
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="send")
        self._working: dict[Path, Future[bool]] = {}
        self._next_at: dict[Path, float] = {}
        self._left_alone: set[Path] = set()
        self._away: set[str] = set()
        self._discovered_at = -1e9
        self._streams_mtime_ns = 0
        self._tidied_at = clock()

    def stop(self) -> None:
        """Ask `run` to return after the requests under way. Safe for signal handlers."""
        self._stop.set()
        self._wake.set()

    @property
    def is_stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stop.is_set()

    def run(
        self, *, idle_s: float | None = None, is_done: Callable[[list[Delivery]], bool] | None = None
    ) -> None:
        """Deliver, until `stop`.

        idle_s: return as well after so many seconds in which nothing was left to do.
        is_done: asked between requests with the streams under way; True returns as well.

        Afterwards `rows_sent` and `points_sent` say what the server has taken, `waiting_streams` how many
        have more, and `problems` what stands in the way, by run.
        """
        idle_since: float | None = None
        try:
            while not self._stop.is_set():
                now = self._clock()
                self._discover(now)
                self._start_due(now)
                if now - self._tidied_at > TIDY_EVERY_S:
                    self._tidied_at = now
                    tidy(self.spool, self.deliveries)
                if self.is_idle():
                    idle_since = now if idle_since is None else idle_since
                    if idle_s is not None and now - idle_since >= idle_s:
                        return
                else:
                    idle_since = None
                if is_done is not None and not self._working and is_done(list(self.deliveries.values())):
                    return
                self._wake.wait(POLL_S if self._is_watching() else 10 * POLL_S)
                self._wake.clear()
        finally:
            self._close()

    def is_idle(self) -> bool:
        """Whether no writer lives and nothing waits that a later try could deliver."""
        return not self._working and not any(
            not delivery.is_over and not delivery.waits_for_a_person for delivery in self.deliveries.values()
        )

    def _is_watching(self) -> bool:
        now = self._clock()
        return any(not each.is_over and each.wake_at <= now for each in self.deliveries.values())

    def _discover(self, now: float) -> None:
        """Take on new streams: when the folder has changed, and now and then what others have let go of."""
        try:
            mtime_ns = (self.spool / "streams").stat().st_mtime_ns
        except OSError:
            return
        if mtime_ns == self._streams_mtime_ns and now - self._discovered_at < DISCOVER_EVERY_S:
            return
        self._streams_mtime_ns, self._discovered_at = mtime_ns, now
        for directory in stream_directories(self.spool):
            if directory not in self.deliveries and directory not in self._left_alone:
                self._take_on(directory)

    def _take_on(self, directory: Path) -> None:
        try:
            if load_status(directory).is_complete:
                self._left_alone.add(directory)
                return
            manifest = load_manifest(directory)
            is_ours = manifest.is_online and manifest.host in ("", host_name())
            if not is_ours and not self._includes_offline:
                self._left_alone.add(directory)
                return
            server = None if manifest.is_online else self._server
            delivery = Delivery.open(directory, key_for=self._key_for, server=server)
        except (OSError, msgspec.MsgspecError) as error:
            log.warning("Stream %s cannot be read: %s", directory.name, error)
            self._left_alone.add(directory)
            return
        if delivery is not None:
            log.info("Stream %s of run %s taken on", directory.name, delivery.manifest.run)
            self.deliveries[directory] = delivery

    def _start_due(self, now: float) -> None:
        for directory in [directory for directory, work in self._working.items() if work.done()]:
            self._end_work(directory, now)
        active = 0
        unplaced = {
            _run_of(each)
            for each in self.deliveries.values()
            if each.manifest.is_primary and not each.is_placed
        }
        for directory, delivery in self.deliveries.items():
            if directory in self._working or now < self._next_at.get(directory, 0.0):
                active += directory in self._working
                continue
            # A run's own process creates it, with its name and config; the others find it.
            if not delivery.is_placed and not delivery.manifest.is_primary and _run_of(delivery) in unplaced:
                continue
            if delivery.is_due(now):
                active += 1
                self._next_at[directory] = now + LINGER_MIN_S
                work = self._working[directory] = self._pool.submit(self._advance, delivery)
                work.add_done_callback(lambda _: self._wake.set())
        if active > LINGER_MIN_S / LINGER_PER_STREAM_S:
            for directory in self._working:
                self._next_at[directory] = max(self._next_at[directory], now + LINGER_PER_STREAM_S * active)

    def _end_work(self, directory: Path, now: float) -> None:
        work = self._working.pop(directory)
        delivery = self.deliveries[directory]
        try:
            is_behind = work.result()
        except Exception as error:  # a fault with one stream must not end the others'
            if not directory.exists():
                # Its writer has taken it back: the server would not have the run.
                del self.deliveries[directory]
                delivery.close()
                return
            log.exception("Stream %s", directory.name)
            delivery.wake_at = now + TROUBLE_PAUSE_S
            delivery.status.problem, delivery.status.message = "away", f"{type(error).__name__}: {error}"
            tidy(self.spool, self.deliveries, is_pressed=isinstance(error, OSError))
            return
        if is_behind:
            self._next_at[directory] = now
        self._note_reach(delivery, now)
        if delivery.has_met_older_server:
            delivery.has_met_older_server = False
            self._offer_again(delivery.manifest.server)
        if delivery.is_over:
            log.info("Stream %s: %s", directory.name, delivery.status.problem or "complete")
            self._sum_up(delivery)
            delivery.close()
            del self.deliveries[directory]
            self._next_at.pop(directory, None)
            self._left_alone.add(directory)

    def _note_reach(self, delivery: Delivery, now: float) -> None:
        """When a server that was away answers one stream, the others need not wait out their pauses."""
        if delivery.status.problem == "away":
            self._away.add(delivery.server)
        elif delivery.server in self._away and not delivery.tries:
            self._away.discard(delivery.server)
            for other in self.deliveries.values():
                if other.server == delivery.server and other.status.problem == "away":
                    other.wake_at = now

    def _offer_again(self, server: str) -> None:
        """A server has forgotten things: ask it about what it had acknowledged whole, too."""
        for directory in list(self._left_alone):
            try:
                is_concerned = (
                    load_manifest(directory).server == server and load_status(directory).is_complete
                )
                delivery = Delivery.open(directory, key_for=self._key_for) if is_concerned else None
            except (OSError, msgspec.MsgspecError):
                continue  # removed as old
            if delivery is not None:
                delivery.offer_again()
                self.deliveries[directory] = delivery
                self._left_alone.discard(directory)

    def _advance(self, delivery: Delivery) -> bool:
        """Take one step with a stream; whether the next should follow at once. Runs in the pool."""
        request = delivery.next_request(self._clock())
        if request is None:
            return False
        answer = self._transport.send(request)
        if not answer.is_ok:
            log.info("%s %s: %s %s", request.method, request.path, answer.status, answer.message)
        delivery.on_answer(answer, self._clock())
        return delivery.is_behind

    def _close(self) -> None:
        self._pool.shutdown(wait=True)
        for delivery in self.deliveries.values():
            self._sum_up(delivery)
            delivery.close()
        self.deliveries.clear()

    def _sum_up(self, delivery: Delivery) -> None:
        self.rows_sent += delivery.rows_now
        self.points_sent += delivery.points_now
        if delivery.has_unsent:
            self.waiting_streams += 1
        if delivery.status.problem:
            self.problems[delivery.manifest.run] = delivery.status.message or delivery.status.problem


def _run_of(delivery: Delivery) -> tuple[str, str | None, str, str]:
    manifest = delivery.manifest
    return (manifest.server, manifest.team, manifest.project, manifest.run)


def tidy(spool: Path, deliveries: dict[Path, Delivery], *, is_pressed: bool = False) -> None:
    """Remove what has been delivered and is old, or is too much.

    is_pressed: the disk is full: remove all that has been delivered.
    """
    delivered: list[tuple[float, Path, int]] = []
    for directory in stream_directories(spool):
        delivery = deliveries.get(directory)
        try:
            if delivery is None:
                if not load_status(directory).is_complete:
                    continue
                completed_at = (directory / STATUS).stat().st_mtime
                if is_pressed or time.time() - completed_at > KEEP_S:
                    shutil.rmtree(directory)
                    continue
                last = sys.maxsize
            else:
                last = delivery.first_needed_segment
            for number in segment_numbers(directory):
                if number < last:
                    path = segment_path(directory, number)
                    found = path.stat()
                    delivered.append((found.st_mtime, path, found.st_size))
        except OSError:
            continue  # its writer or another sender is faster
    total = sum(size for _, _, size in delivered)
    for _, path, size in sorted(delivered):
        if total <= KEEP_MAX_BYTES and not is_pressed:
            return
        path.unlink(missing_ok=True)
        total -= size


def main() -> None:
    """Run as the machine's sender: `python -m isoline._sender SPOOL`."""
    spool = Path(sys.argv[1])
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    lock = FileLock(sender_lock(spool))
    deadline = time.monotonic() + LOCK_PATIENCE_S
    # Somebody who only looks whether the lock is held, holds it for a moment.
    while not lock.acquire():
        if time.monotonic() > deadline:
            return
        time.sleep(0.05)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    transport = HttpTransport()
    is_again = True
    while is_again:
        is_stopped = _serve(spool, transport)
        # A stream that came between the last look and the release would wait for the next `init`: look again.
        lock.release()
        is_again = not is_stopped and _has_new_work(spool) and lock.acquire()
    transport.close()


def _serve(spool: Path, transport: Transport) -> bool:
    sender = Sender(spool, transport, key_for=stored_key)
    signal.signal(signal.SIGTERM, lambda *_: sender.stop())
    log.info("Sender %d begins", os.getpid())
    sender.run(idle_s=IDLE_S)
    log.info("Sender %d ends", os.getpid())
    return sender.is_stopped


def _has_new_work(spool: Path) -> bool:
    return any(
        is_locked(directory / WRITER_LOCK) and load_manifest(directory).is_online
        for directory in stream_directories(spool)
    )


if __name__ == "__main__":
    main()
