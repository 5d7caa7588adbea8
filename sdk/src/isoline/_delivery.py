"""The delivery of one stream: what to send next, and what an answer means.

    nothing cut ──cut, seal, fsync──▶ sealed ──send──▶ 200 acked or duplicate: the next one
                                        ▲                409 gap: rewind        409 diverged: a new stream id
                                        │                404: create the run again, by its client id
                                        │                408, 413: halve     400, 422: bisect, then leave one out
                                        └──later──────── no answer, 429, 5xx: full jitter, no end
                                                         401, 403, 415, 426 …: pause, keep      410: stop, keep

Does no networking of its own and reads no clock, so that a test can play every case by hand. One thread at a
time.
"""

from __future__ import annotations

import os
import random
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from isoline._columns import Limits, SegmentReader, Window
from isoline._journal import Journal, Place, Seal, sync_file
from isoline._locks import FileLock, is_locked
from isoline._spool import (
    DELIVERY_LOCK,
    JOURNAL,
    NEEDS_PERSON,
    WRITER_LOCK,
    StreamWriter,
    load_manifest,
    load_status,
    save_status,
    segment_numbers,
    segment_path,
)
from isoline._transport import Answer, Request

BACKOFF_FIRST_S = 0.5
BACKOFF_MAX_S = 60.0
RETRY_AFTER_MAX_S = 600.0
PAUSE_S = 60.0

# So many single records refused in a row, and none taken between them, say that the server refuses
# everything: then nothing more is left out, and the stream waits.
TOMBSTONES_IN_A_ROW_MAX = 8

# How much is cut at once follows how fast the way to the server is: a stretch that takes minutes would be
# broken off again and again by a link that is not up for so long, and a server waits ten minutes at most.
BATCH_FIRST_BYTES = 256 * 1024
BATCH_MIN_BYTES = 16 * 1024
QUICK_S = 1.0
SLOW_S = 10.0

STATUS_EVERY_S = 0.25
LIVENESS_EVERY_S = 1.0
HEARTBEAT_EVERY_S = 20.0
BEHIND_BYTES = 2 * 1024 * 1024

EMPTY_BATCH = msgspec.msgpack.encode({"v": 1})
MSGPACK = "application/msgpack"
JSON = "application/json"


class Delivery:
    """Delivers one stream. Holds its `delivery.lock` from `open` to `close`."""

    def __init__(
        self,
        directory: Path,
        lock: FileLock,
        *,
        key_for: Callable[[str], str],
        server: str | None = None,
        limits: Limits = Limits(),
        rng: random.Random | None = None,
    ) -> None:
        """
        key_for: the key for a server's address, if the stream has none of its own.
        server: where to send, if not to the manifest's address.
        """
        self.directory = directory
        self.manifest = load_manifest(directory)
        self.server = server or self.manifest.server
        self.rows_now = 0
        self.points_now = 0
        self.status = load_status(directory)
        self.status.sender_pid = os.getpid()
        self.status.is_complete = False
        self.status.problem = self.status.message = ""
        self.wake_at = 0.0
        self.is_over = False
        self.has_met_older_server = False
        self.journal = Journal(directory / JOURNAL, stream=self.manifest.stream)
        self._lock = lock
        self._key_for = key_for
        self._limits = limits
        self._rng = rng or random.Random()  # noqa: S311 - spreads retries, guards nothing
        self._reader: SegmentReader | None = None
        self._segment = 0
        self._offset = 0
        self._row = 0
        self._batch_bytes = BATCH_FIRST_BYTES
        self._requested_at = 0.0
        self._surely_new = -1
        self._attempt = 0
        self._pause_key: str | None = None
        self._sent: tuple[int, Seal, Window] | None = None
        self._lost: tuple[int, int] | None = None
        self._is_heartbeat = False
        self._heard_at = 0.0
        self._counted = self.journal.next_seq
        self._tombstones_in_a_row = 0
        self._unknown_in_a_row = 0
        self._is_again = self.journal.place is not None
        self._liveness_at = 0.0
        self._saved_at = 0.0
        self._seek()
        if self.journal.place is not None:
            self._show_place(self.journal.place)

    @classmethod
    def open(cls, directory: Path, **options: Any) -> Delivery | None:
        """Take on a stream; None if another sender has it.

        Raises OSError or msgspec.MsgspecError if the stream cannot be read.
        """
        lock = FileLock(directory / DELIVERY_LOCK)
        if not lock.acquire():
            return None
        try:
            return cls(directory, lock, **options)
        except BaseException:
            lock.release()
            raise

    def close(self) -> None:
        """Leave the stream to another sender."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        self.journal.close()
        self._lock.release()

    @property
    def is_placed(self) -> bool:
        """Whether the server has told where it keeps the run."""
        return self.journal.place is not None

    @property
    def has_unsent(self) -> bool:
        """Whether records wait that the server has not acknowledged, as far as file sizes tell."""
        return not self.is_over and (self.journal.next_seq < self.journal.sealed or self._has_more())

    @property
    def is_caught_up(self) -> bool:
        """Whether the server has all there is now; of a dead writer's stream, also its end."""
        if self.is_over:
            return True
        return self.is_placed and not self.has_unsent and is_locked(self.directory / WRITER_LOCK)

    @property
    def waits_for_a_person(self) -> bool:
        """Whether nothing will change by itself: the server refuses, and the writer is dead."""
        return self.status.problem in NEEDS_PERSON and not is_locked(self.directory / WRITER_LOCK)

    @property
    def tries(self) -> int:
        """How often in a row the server has not answered, or asked to wait."""
        return self._attempt

    @property
    def is_behind(self) -> bool:
        """Whether so much waits that the next batch should follow at once."""
        if self.is_over or self.status.problem:
            return False
        if self.journal.next_seq < self.journal.sealed:
            return True
        try:
            size = segment_path(self.directory, self._segment).stat().st_size
        except FileNotFoundError:
            return False
        return size - self._offset > min(BEHIND_BYTES, self._batch_bytes)

    @property
    def first_needed_segment(self) -> int:
        """The first segment with records that the server has not acknowledged."""
        if self.journal.next_seq < self.journal.sealed:
            return self.journal.seal(self.journal.next_seq).segment
        return self._segment

    def is_due(self, now: float) -> bool:
        """Return whether `next_request` may have something to do. Cheap: one or two `stat`."""
        if self.is_over:
            return False
        if now < self.wake_at:
            return self._pause_key is not None and self._key() != self._pause_key
        if not self.is_placed or self.journal.next_seq < self.journal.sealed:
            return True
        return now >= self._liveness_at or self._has_more()

    def next_request(self, now: float) -> Request | None:
        """Return what is to be sent now, or None. What it returns is on the disk, and noted.

        now: seconds of a clock that never goes back.

        Raises OSError if the spool can be neither read nor noted in; nothing has been lost then.
        """
        if not self.is_due(now):
            return None
        if self.journal.place is None:
            return self._create_request()
        seq = self.journal.next_seq
        if seq < self.journal.sealed:
            seal = self.journal.seal(seq)
            window = self._rebuild(seal)
        else:
            found = self._cut(now)
            if found is None:
                return self._heartbeat_request(now)
            seal = Seal(
                self._segment, found.start, found.end, self._row, found.next_row, found.frames, found.digest
            )
            self.journal.write_seal(seq, seal)
            self.status.damaged_bytes += found.damaged_bytes
            self._offset, self._row = found.end, found.next_row
            self._surely_new = seq
            window = found
        self._sent = (seq, seal, window)
        self._requested_at = now
        return self._put_request(seq, window)

    def on_answer(self, answer: Answer, now: float) -> None:
        """Take the answer to the request given last.

        Raises OSError if it cannot be noted; the request will be made again.
        """
        before = (self.status.problem, self.status.message, self.status.stop_requested)
        sent, self._sent = self._sent, None
        is_heartbeat, self._is_heartbeat = self._is_heartbeat, False
        self._pause_key = None
        self._heard_at = now
        if is_heartbeat:
            if answer.status == 404:
                self._on_unknown(answer, now)
            # Whatever else it says, the next batch will hear it too, and knows what to do.
            self.status.stop_requested = bool(answer.body.get("stop", self.status.stop_requested))
        elif sent is None:
            self._on_created(answer, now)
        elif answer.is_ok:
            self._note_pace(now - self._requested_at)
            self._on_stored(sent, answer)
        else:
            self._on_refused(sent, answer, now)
        is_news = before != (self.status.problem, self.status.message, self.status.stop_requested)
        if is_news or sent is None or now - self._saved_at > STATUS_EVERY_S or not self.has_unsent:
            self.save_status(now)

    def save_status(self, now: float) -> None:
        """Tell the writer how it stands."""
        self._saved_at = now
        self.status.bytes_queued = self._queued_bytes()
        save_status(self.directory, self.status)

    def offer_again(self) -> None:
        """Send the last batch once more: a server that misses it, or any before it, says so and gets them."""
        self.journal.rewind(max(0, self.journal.sealed - 1))
        self.is_over = False

    def _note_pace(self, took_s: float) -> None:
        """Cut more at once the quicker it goes."""
        if took_s < QUICK_S:
            self._batch_bytes = min(self._batch_bytes * 2, self._limits.spool_bytes)
        elif took_s > SLOW_S:
            self._batch_bytes = max(self._batch_bytes // 2, BATCH_MIN_BYTES)

    # What there is to send.

    def _seek(self) -> None:
        last = self.journal.last
        self._segment, self._offset, self._row = last.segment, last.end, last.next_row
        if not segment_path(self.directory, self._segment).exists():
            later = [number for number in segment_numbers(self.directory) if number > self._segment]
            if later:
                self._segment, self._offset = later[0], 0

    def _has_more(self) -> bool:
        try:
            size = segment_path(self.directory, self._segment).stat().st_size
        except FileNotFoundError:
            size = 0
        return size > self._offset or segment_path(self.directory, self._segment + 1).exists()

    def _queued_bytes(self) -> int:
        is_behind = self.journal.next_seq < self.journal.sealed
        first = self.journal.seal(self.journal.next_seq) if is_behind else None
        segment, offset = (first.segment, first.start) if first else (self._segment, self._offset)
        total = 0
        for number in segment_numbers(self.directory):
            if number >= segment:
                size = segment_path(self.directory, number).stat().st_size
                total += size - offset if number == segment else size
        return 0 if self.is_over else total

    def _reader_of(self, segment: int) -> SegmentReader:
        path = segment_path(self.directory, segment)
        if self._reader is None or self._reader.path != path:
            if self._reader is not None:
                self._reader.close()
                self._reader = None
            self._reader = SegmentReader(path)
            _sync_directory(self.directory)
        return self._reader

    def _read(self, segment: int, start: int, stop: int | None, row: int, limits: Limits) -> Window:
        skip = self.journal.tombstones.get(segment, [])
        return self._reader_of(segment).read(start, stop=stop, row=row, limits=limits, skip=skip)

    def _rebuild(self, seal: Seal) -> Window:
        window = self._read(seal.segment, seal.start, seal.end, seal.row, Limits.unlimited())
        return window if window.body else window._replace(body=EMPTY_BATCH)

    def _cut(self, now: float) -> Window | None:
        while True:
            if not segment_path(self.directory, self._segment).exists():
                return None
            has_successor = segment_path(self.directory, self._segment + 1).exists()
            is_written = self._is_written(now)
            limits = self._limits._replace(spool_bytes=min(self._batch_bytes, self._limits.spool_bytes))
            window = self._read(self._segment, self._offset, None, self._row, limits)
            if window.body:
                sync_file(self._reader_of(self._segment).descriptor)
                return window
            self._row = window.next_row
            self.status.damaged_bytes += window.damaged_bytes
            if window.end > self._offset:
                self._offset = window.end
                continue
            if has_successor:
                self._pass_tail()
            elif window.is_end:
                self._complete(now)
                return None
            elif is_written or not self._end_for_the_dead():
                return None

    def _pass_tail(self) -> None:
        """Go on to the next segment. Bytes left in this one were torn by a kill or a loss of power."""
        if not self._read(self._segment, self._offset, None, self._row, self._limits).is_end:
            self.status.damaged_bytes += self._reader_of(self._segment).tail_bytes(self._offset)
        self._segment += 1
        self._offset = 0

    def _is_written(self, now: float) -> bool:
        """Whether the writer lives; looked at once a second."""
        if now < self._liveness_at:
            return True
        self._liveness_at = now + LIVENESS_EVERY_S
        return is_locked(self.directory / WRITER_LOCK)

    def _end_for_the_dead(self) -> bool:
        """Write what a killed writer could not: that it is over. Return whether that was for us to do."""
        lock = FileLock(self.directory / WRITER_LOCK)
        if not lock.acquire():
            return False
        writer = StreamWriter.adopt(self.directory, lock)
        if self.manifest.is_primary:
            writer.append_record({"type": "state", "state": "killed", "time": time.time_ns() // 1000})
        writer.close()
        return True

    def _complete(self, now: float) -> None:
        self.is_over = True
        self.status.is_complete = True
        self.save_status(now)

    # The requests.

    def _key(self) -> str:
        try:
            return (self.directory / "key").read_text().strip()
        except OSError:
            return self._key_for(self.server)

    def _create_request(self) -> Request:
        manifest = self.manifest
        body = {**manifest.create, "project": manifest.project, "id": manifest.run}
        if manifest.team:
            body["team"] = manifest.team
        if self._is_again:
            body["resume"] = "allow"
        path = "/api/v1/runs"
        return Request("POST", self.server, path, self._key(), msgspec.json.encode(body), JSON)

    def _put_request(self, seq: int, window: Window) -> Request:
        place = self.journal.place
        run_id = place.id if place else ""
        path = f"/api/v1/runs/{run_id}/streams/{self.journal.stream}/batches/{seq}"
        headers = {}
        if self._lost is not None:
            headers["Isoline-Lost"] = f"{self._lost[0]}-{self._lost[1]}"
        return Request("PUT", self.server, path, self._key(), window.body, MSGPACK, headers)

    def _heartbeat_request(self, now: float) -> Request | None:
        """Say that a quiet writer lives, and ask whether it should stop."""
        if self.is_over or self.journal.place is None or now - self._heard_at < HEARTBEAT_EVERY_S:
            return None
        if not is_locked(self.directory / WRITER_LOCK):
            return None
        self._is_heartbeat = True
        path = f"/api/v1/runs/{self.journal.place.id}/heartbeat"
        return Request("POST", self.server, path, self._key(), b"{}", JSON)

    # The answers.

    def _on_created(self, answer: Answer, now: float) -> None:
        if answer.is_ok and isinstance(answer.body.get("id"), str):
            place = _place(answer.body)
            self.journal.write_place(place)
            self._is_again = True
            self._show_place(place)
            self._is_well()
        elif answer.status in (400, 409, 413, 422) or answer.code == "no_such_run":
            self._stop("refused", answer)
        elif answer.status == 410:
            self._stop("gone", answer)
        elif answer.status == 404:
            self._pause("refused", answer, now)
        else:
            self._on_trouble(answer, now)

    def _show_place(self, place: Place) -> None:
        self.status.run_id, self.status.url = place.id, place.url
        self.status.team, self.status.name, self.status.next_step = place.team, place.name, place.next_step

    def _on_stored(self, sent: tuple[int, Seal, Window], answer: Answer) -> None:
        seq, _, window = sent
        self.journal.write_acked(seq)
        self._lost = None
        self._unknown_in_a_row = 0
        self._is_well()
        if seq >= self._counted:
            self._counted = seq + 1
            self.status.batches_sent += 1
            self.status.rows_sent += window.rows
            self.status.points_sent += window.points
            self.rows_now += window.rows
            self.points_now += window.points
        if window.frames:
            self._tombstones_in_a_row = 0
        for rejected in answer.body.get("rejected") or []:
            code = str(rejected.get("code", "rejected"))
            self.status.rejected[code] = self.status.rejected.get(code, 0) + int(rejected.get("count", 1))
            self.status.rejected_example = f"{rejected.get('key', '')}: {rejected.get('message', '')}"
        for first, last in answer.body.get("lost") or []:
            self.status.lost_batches += last - first + 1
        self.status.stop_requested = bool(answer.body.get("stop", False))

    def _on_refused(self, sent: tuple[int, Seal, Window], answer: Answer, now: float) -> None:
        seq, seal, window = sent
        if answer.status == 404:
            # The server no longer knows the run: restored from an older backup. It will ask for what it
            # misses.
            self.journal.place = None
            self._unknown_in_a_row += 1
            if self._unknown_in_a_row > 1:
                self._on_trouble(answer, now)
        elif answer.status == 409 and answer.code == "gap":
            self._rewind(int(answer.error.get("details", {}).get("expected", 0)))
        elif answer.status == 409 and answer.code == "diverged":
            self._on_diverged(seq, seal, window)
        elif answer.status == 410:
            self._stop("gone", answer)
        elif answer.status in (400, 413, 422) or (answer.status == 408 and seq == self._surely_new):
            self._divide(seq, seal, window, answer, now)
        else:
            self._on_trouble(answer, now)

    def _on_unknown(self, answer: Answer, now: float) -> None:
        """Create the run again: the server has been restored from an older backup. It asks for what it
        misses.
        """
        self.has_met_older_server = True
        self.journal.place = None
        self.offer_again()
        self._unknown_in_a_row += 1
        if self._unknown_in_a_row > 1:
            self._on_trouble(answer, now)

    def _rewind(self, expected: int) -> None:
        """Go back to what the server expects, or to the first batch after it whose records are still held."""
        self.has_met_older_server = True
        held = expected
        while held < self.journal.sealed and not self._is_held(held):
            held += 1
        self.journal.rewind(held)
        self._lost = (expected, held - 1) if held > expected else None

    def _is_held(self, seq: int) -> bool:
        return segment_path(self.directory, self.journal.seal(seq).segment).exists()

    def _on_diverged(self, seq: int, seal: Seal, window: Window) -> None:
        if window.digest != seal.digest:
            # The spool was damaged after the batch had gone out: the server has it whole, and we no longer
            # do.
            self.journal.write_acked(seq)
            return
        # Named after what diverged: a clone of this spool takes the same batches to the same place, where
        # the server tells them apart from repeats.
        self.journal.write_stream(
            str(uuid.uuid5(uuid.UUID(self.journal.stream), f"{seq} {seal.digest.hex()}"))
        )
        self._lost = None
        self._counted = 0
        self._seek()

    def _divide(self, seq: int, seal: Seal, window: Window, answer: Answer, now: float) -> None:
        """Send half of what was refused. A single record that is refused is left out from then on."""
        if window.frames > 1:
            limits = Limits.unlimited()._replace(frames=window.frames // 2)
            half = self._read(seal.segment, seal.start, seal.end, seal.row, limits)
            self._seal_anew(seq, seal, half)
            if answer.status == 413:
                self._limits = self._limits.halved()
            elif answer.status == 408:
                # It did not arrive in the time a server gives it.
                self._batch_bytes = max(self._batch_bytes // 2, BATCH_MIN_BYTES)
        elif answer.status == 408:
            self._on_trouble(answer, now)
        elif window.frames == 1 and self._tombstones_in_a_row < TOMBSTONES_IN_A_ROW_MAX:
            self._tombstones_in_a_row += 1
            self.journal.write_tombstone(seal.segment, seal.start, seal.end)
            self._seal_anew(seq, seal, self._rebuild(seal))
            code = answer.code or f"http_{answer.status}"
            self.status.rejected[code] = self.status.rejected.get(code, 0) + 1
            self.status.rejected_example = answer.message
        else:
            self._pause("refused", answer, now)

    def _seal_anew(self, seq: int, seal: Seal, window: Window) -> None:
        anew = seal._replace(
            end=window.end, next_row=window.next_row, frames=window.frames, digest=window.digest
        )
        self.journal.write_seal(seq, anew)
        self._seek()

    # Trouble.

    def _is_well(self) -> None:
        self._attempt = 0
        self.wake_at = 0.0
        self.status.problem = self.status.message = ""

    def _on_trouble(self, answer: Answer, now: float) -> None:
        if answer.status == 401:
            self._pause("unauthorized", answer, now)
        elif answer.status == 403:
            self._pause("forbidden", answer, now)
        elif answer.status in (415, 426):
            self._pause("outdated", answer, now)
        elif answer.is_away or answer.status in (404, 408, 425, 429) or answer.status >= 500:
            self._back_off(answer, now)
        else:
            self._pause("refused", answer, now)

    def _back_off(self, answer: Answer, now: float) -> None:
        ceiling = min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2 ** min(self._attempt, 16))
        wait_s = self._rng.uniform(0, ceiling)
        if answer.retry_after_s is not None:
            # Spread above what was asked for: all clients of a busy server hear the same number.
            wait_s += min(answer.retry_after_s, RETRY_AFTER_MAX_S)
        self._attempt += 1
        # It may have arrived, and only the answer was lost: cut otherwise, it would be stored twice.
        self._surely_new = -1
        self.wake_at = now + wait_s
        self.status.problem = "away" if answer.is_away else "busy"
        self.status.message = answer.message

    def _pause(self, problem: str, answer: Answer, now: float) -> None:
        self.wake_at = now + PAUSE_S * self._rng.uniform(0.8, 1.2)
        self._pause_key = self._key() if answer.status in (401, 403) else None
        self.status.problem = problem
        self.status.message = answer.message

    def _stop(self, problem: str, answer: Answer) -> None:
        self.is_over = True
        self.status.problem = problem
        self.status.message = answer.message
        self.status.code = answer.code


def _place(told: dict[str, Any]) -> Place:
    project = told.get("project")
    return Place(
        id=told["id"],
        url=str(told.get("url", "")),
        team=str(told.get("team", "")),
        project=str(project.get("slug", "") if isinstance(project, dict) else project or ""),
        name=str(told.get("name", "")),
        next_step=told.get("next_step"),
    )


def _sync_directory(directory: Path) -> None:
    if os.name == "posix":
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
