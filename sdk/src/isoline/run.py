"""A run: one execution of a training script, and everything it logs."""

from __future__ import annotations

import atexit
import datetime
import html
import math
import operator
import os
import shutil
import threading
import time
import traceback
import uuid
import weakref
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import msgspec

from isoline import _environment, _values
from isoline._attendant import Attendant, Duty
from isoline._console import Capture, Line
from isoline._exits import watch
from isoline._launch import ensure_sender, host_name
from isoline._secrets import mask_text
from isoline._spool import (
    FINISHED,
    NEEDS_PERSON,
    Manifest,
    Status,
    StreamWriter,
    has_room,
    load_manifest,
    load_status,
    stream_directories,
)
from isoline._system import UNITS, SystemSampler
from isoline._tell import Teller
from isoline.config import Config, as_config
from isoline.errors import (
    NotSignedIn,
    RunExists,
    RunMissing,
    RunRefused,
    ServerAway,
    SettingsInvalid,
)
from isoline.settings import RESERVE_BYTES, Settings
from isoline.summary import Summary

SYNC_EVERY_S = 1.0
ROOM_EVERY_S = 5.0
SENDER_EVERY_S = 10.0
SENDER_AGAIN_S = 2.0
STATUS_EVERY_S = 0.5
ANSWER_PATIENCE_S = 10.0
FINISH_POLL_S = 0.02

Mode = Literal["online", "offline", "disabled"]
Resume = Literal["never", "allow", "must", "auto"]
Level = Literal["info", "warning", "error"]
Statistic = Literal["last", "min", "max", "best", "mean", "first", "none"]

_open_runs: weakref.WeakSet[Run] = weakref.WeakSet()
_current: Run | None = None


class Run:
    """One execution, open for logging. `isoline.init` makes it.

    Threads may share it. A forked child that logs continues it under a stream of its own; given to a spawned
    process, it does the same there.
    """

    def __init__(self, settings: Settings, manifest: Manifest, *, config: dict[str, Any]) -> None:
        """Use `isoline.init`."""
        self.id = manifest.run
        self.project = manifest.project
        self.mode = settings.mode
        self.config = Config(config, self._send_config)
        self.summary = Summary(self._send_summary)
        self._settings = settings
        self._manifest = manifest
        self._tell = Teller(is_quiet=settings.is_quiet)
        self._writer: StreamWriter | None = None
        self._attendant: Attendant | None = None
        self._capture: Capture | None = None
        self._sampler: SystemSampler | None = None
        self._status = Status()
        self._status_at = -math.inf
        self._told_problem = ""
        self._has_told_place = False
        self._refused: dict[str, int] = {}
        self._first_refused = ""
        self._lock = threading.RLock()
        self._finished: bool | None = None
        self._is_forked = False

    # Logging.

    def log(
        self,
        metrics: Mapping[str, Any],
        *,
        step: int | None = None,
        time: float | datetime.datetime | None = None,
    ) -> None:
        """Record one row of values. When this returns, they survive the death of the process.

        metrics: numbers (Python's, NumPy's, tensors of one element), texts, lists and arrays by name; a
        mapping
            inside becomes names joined by a slash.
        step: any int64, in any order, also again; by default one more than the greatest so far.
        time: seconds since the epoch or a datetime; by default now.

        Never raises and never waits for the network. What cannot be kept is counted, and told once and at the
        end.
        """
        try:
            self._writer.append_row(metrics, step, None if time is None else _as_us(time))  # type: ignore[union-attr]
        except Exception:
            # New names or types, a value that is no scalar, a forked child, a mistake: all of them rare.
            self._log_with_care(metrics, step, time)

    def _log_with_care(self, metrics: Any, step: Any, time: Any) -> None:
        if self._settings.mode == "disabled":
            return
        try:
            writer = self._open_writer()
            if writer is None:
                self._refuse("ended", "log()", "The run has been finished.")
                return
            if not isinstance(metrics, Mapping):
                self._refuse(
                    "unsupported", "log()", f"It takes a mapping of names to values, not {type(metrics)}."
                )
                return
            found = _values.split(metrics)
            for refused in found.refused:
                self._refuse(*refused)
            self._append(writer, found, self._as_step(step), self._as_time(time))
        except Exception as error:  # a training must not end because of its log
            self._refuse("fault", "log()", f"{type(error).__name__}: {error}")

    def _append(
        self, writer: StreamWriter, found: _values.Split, step: int | None, time_us: int | None
    ) -> None:
        is_first = True
        if found.scalars:
            writer.append_new_row(found.scalars, step, time_us)
            is_first = False
        for key, value in found.values.items():
            writer.append_value(key, step, time_us, value, of_row=not is_first)
            is_first = False

    def _as_step(self, step: Any) -> int | None:
        if step is None:
            return None
        try:
            number = int(step) if isinstance(step, float) and step.is_integer() else operator.index(step)
        except TypeError:
            try:
                number = operator.index(step.item())
            except Exception:
                number = _values.INT64_MAX + 1
        if _values.INT64_MIN <= number < _values.INT64_MAX:
            return number
        self._refuse(
            "bad_step", "step", "A step is an integer within int64; the row took the next step instead."
        )
        return None

    def _as_time(self, time: Any) -> int | None:
        if time is None:
            return None
        try:
            time_us = _as_us(time)
            if _values.INT64_MIN <= time_us <= _values.INT64_MAX:
                return time_us
        except (TypeError, ValueError, OverflowError, OSError):
            pass
        self._refuse(
            "bad_time", "time", "A time is seconds since the epoch or a datetime; the row took the present."
        )
        return None

    def _refuse(self, code: str, key: str, message: str) -> None:
        with self._lock:
            is_first = code not in self._refused
            self._refused[code] = self._refused.get(code, 0) + 1
            if not self._first_refused:
                self._first_refused = f"{key}: {message}"
        if is_first:
            self._tell.warn(f"not recorded ({code}): {key}: {message}")

    @property
    def step(self) -> int:
        """The step the next `log()` without one will take."""
        return self._writer.next_step if self._writer is not None else 0

    # What is said about the run.

    def define_metric(
        self,
        name: str,
        *,
        x: str | None = None,
        direction: Literal["min", "max"] | None = None,
        unit: str | None = None,
        summary: Statistic | Iterable[Statistic] | None = None,
        hidden: bool | None = None,
    ) -> None:
        """Say how a metric is to be read.

        name: may hold `*`, which stands for any characters.
        x: the metric that is its x-axis, or `step`, `time`, `relative`.
        direction: which way is better; it decides what `best` means.
        summary: by which values the metric is known in tables.
        """
        record: dict[str, Any] = {"type": "metric", "name": name}
        if summary is not None:
            record["summary"] = [summary] if isinstance(summary, str) else list(summary)
        given = {"x": x, "direction": direction, "unit": unit, "hidden": hidden}
        record.update({field: value for field, value in given.items() if value is not None})
        self._send(record)

    def alert(self, title: str, text: str = "", *, level: Level = "info") -> None:
        """Tell the people who follow the run."""
        record = {"type": "alert", "title": title, "level": level, "time": time.time_ns() // 1000}
        self._send({**record, "text": text} if text else record)

    def rename(self, name: str) -> None:
        """Give the run another name."""
        self._send({"type": "name", "text": name})

    def note(self, text: str) -> None:
        """Replace the run's notes."""
        self._send({"type": "note", "text": text})

    def tag(self, *tags: str) -> None:
        """Add tags."""
        self._send({"type": "tags", "add": list(tags)})

    def untag(self, *tags: str) -> None:
        """Remove tags."""
        self._send({"type": "tags", "remove": list(tags)})

    def _send_config(self, change: dict[str, Any]) -> None:
        self._send({"type": "config", **change})

    def _send_summary(self, change: dict[str, Any]) -> None:
        self._send({"type": "summary", **change})

    def _send(self, record: dict[str, Any]) -> None:
        if self._settings.mode == "disabled":
            return
        try:
            writer = self._open_writer()
            if writer is None:
                self._refuse("ended", str(record["type"]), "The run has been finished.")
                return
            writer.append_record(record)
        except Exception as error:  # a training must not end because of its log
            self._refuse("fault", str(record["type"]), f"{type(error).__name__}: {error}")

    def _send_console(self, lines: list[Line]) -> None:
        # A forked child's output is recorded if it has logged something; a pool of workers is no set of
        # writers.
        writer = self._writer
        if writer is not None and not writer.is_abandoned and not writer.is_closed:
            writer.append_record({"type": "console", "lines": lines})

    # What the server says.

    @property
    def name(self) -> str:
        """The run's name; "" as long as the server has not given one."""
        return self._manifest.create.get("name") or self._read_status().name

    @property
    def url(self) -> str:
        """Where the run is to be seen. Waits for the server for some seconds; "" if it does not answer."""
        if self.mode == "online" and not self._read_status().url:
            self._wait(lambda status: bool(status.url or status.problem), ANSWER_PATIENCE_S)
        return self._status.url

    @property
    def stop_requested(self) -> bool:
        """Whether somebody has asked the run to stop. A look at a file twice a second at most: cheap in a
        loop.
        """
        return self._read_status().stop_requested

    def _read_status(self, *, now: bool = False) -> Status:
        moment = time.monotonic()
        writer = self._writer
        if writer is not None and (now or moment - self._status_at > STATUS_EVERY_S):
            self._status_at = moment
            self._status = load_status(writer.directory)
        return self._status

    def _wait(self, is_enough: Callable[[Status], bool], timeout_s: float) -> bool:
        deadline = time.monotonic() + timeout_s
        while not is_enough(self._read_status(now=True)):
            if time.monotonic() > deadline:
                return False
            time.sleep(FINISH_POLL_S)
        return True

    # The end.

    def flush(self) -> bool:
        """Bring everything logged onto the disk, past a loss of power. False if the disk says no."""
        if self._capture is not None:
            self._capture.flush()
        if self._writer is None:
            return True
        try:
            self._writer.sync()
        except OSError as error:
            self._tell.warn(f"the spool cannot be synced: {error}")
            return False
        return True

    def finish(self, exit_code: int = 0, *, timeout_s: float | None = None) -> bool:
        """End the run and wait until everything is on the server.

        exit_code: 0 for success; anything else marks the run as failed.
        timeout_s: how long to wait at most; by default `ISOLINE_FINISH_TIMEOUT_S`.

        Returns True once the server has acknowledged everything, or there is nothing to send; False if
        something is still queued, in which case the sender goes on after this process. A second call changes
        nothing.
        """
        state = "failed" if exit_code else "finished"
        return self._finish(state, exit_code, timeout_s=timeout_s)

    def _finish(self, state: str, exit_code: int | None, *, timeout_s: float | None = None) -> bool:
        with self._lock:
            if self._finished is not None:
                return self._finished
            self._finished = False
        self._stop_watching()
        writer = self._writer
        if writer is None or writer.is_abandoned:
            self._finished = True
        else:
            if writer.manifest.is_primary:
                record: dict[str, Any] = {"type": "state", "state": state, "time": time.time_ns() // 1000}
                writer.append_record(record if exit_code is None else {**record, "exit_code": exit_code})
            writer.close()
            if state == "finished":
                self._mark_finished(writer)
            if not self._is_forked:
                self._finished = self._deliver(timeout_s)
                self._sum_up(writer)
        self._forget()
        return self._finished

    def _mark_finished(self, writer: StreamWriter) -> None:
        try:
            (writer.directory / FINISHED).touch()
        except OSError:
            return  # `resume="auto"` would go on with a run that had ended: no harm

    def _abort(self) -> None:
        """Undo `_begin` for a run the server would not have."""
        self._forget()
        if self._writer is not None:
            self._writer.close()
            shutil.rmtree(self._writer.directory, ignore_errors=True)
            self._writer = None

    def _stop_watching(self) -> None:
        if self._attendant is not None:
            self._attendant.stop()
        if self._capture is not None:
            self._capture.stop()

    def _deliver(self, timeout_s: float | None) -> bool:
        if self.mode != "online":
            return False
        patience_s = self._settings.finish_timeout_s if timeout_s is None else timeout_s
        deadline = time.monotonic() + patience_s
        is_over = False
        while not is_over:
            # Again and again: the sender may be killed while we wait for it.
            self._ensure_sender()
            left_s = deadline - time.monotonic()
            is_over = left_s <= SENDER_AGAIN_S
            is_over |= self._wait(
                lambda status: status.is_complete or status.problem in _STUCK,
                max(0.0, min(left_s, SENDER_AGAIN_S)),
            )
        return self._status.is_complete

    def _forget(self) -> None:
        global _current
        _open_runs.discard(self)
        if _current is self:
            _current = None

    def _sum_up(self, writer: StreamWriter) -> None:
        status = self._status
        name = self.name or self.id
        where = f" {status.url}" if status.url else ""
        if status.is_complete:
            self._tell.say(f"run {name}: all {writer.rows:,} rows are on the server.{where}")
        elif self.mode == "offline":
            self._tell.say(
                f"run {name}: {writer.rows:,} rows wait in {self._settings.spool}; `isoline sync` sends them."
            )
        else:
            queued = max(0, writer.rows - status.rows_sent)
            why = status.message or status.problem or "the sender needs more time"
            self._tell.warn(
                f"run {name}: {queued:,} of {writer.rows:,} rows are not on the server yet ({why}). They are "
                f"safe in {self._settings.spool} and go out as soon as they can, or by `isoline sync`."
            )
        self._sum_up_losses(writer, status)

    def _sum_up_losses(self, writer: StreamWriter, status: Status) -> None:
        if writer.rows_lost or writer.records_lost:
            why = "the spool is full" if writer.is_full else str(writer.fault)
            self._tell.warn(f"{writer.rows_lost + writer.records_lost:,} rows and records were lost: {why}.")
        if self._refused:
            counts = ", ".join(f"{count:,} {code}" for code, count in self._refused.items())
            self._tell.warn(f"values were not recorded: {counts}. The first: {self._first_refused}")
        if status.rejected:
            counts = ", ".join(f"{count:,} {code}" for code, count in status.rejected.items())
            self._tell.warn(f"the server rejected: {counts}. The last: {status.rejected_example}")
        if status.lost_batches or status.damaged_bytes:
            self._tell.warn(
                f"{status.damaged_bytes:,} bytes of the spool were damaged, "
                f"and {status.lost_batches:,} batches lost."
            )

    # Beginning.

    def _begin(self) -> None:
        settings = self._settings
        try:
            self._writer = StreamWriter.create(
                settings.spool, self._manifest, key="" if settings.key_is_stored else settings.key
            )
        except OSError as error:
            self._tell.warn(
                f"the spool at {settings.spool} cannot be written ({error}): nothing will be recorded."
            )
            return
        self._send({"type": "metadata", "set": _environment.describe()})
        _open_runs.add(self)
        if self.mode == "online":
            self._ensure_sender()

    def _watch(self) -> None:
        """Start what goes on beside the training."""
        settings = self._settings
        duties = [
            Duty(SYNC_EVERY_S, self._sync),
            Duty(ROOM_EVERY_S, self._look_for_room),
        ]
        if self.mode == "online":
            duties += [Duty(SENDER_EVERY_S, self._ensure_sender), Duty(STATUS_EVERY_S, self._report)]
        if settings.captures_code and self._manifest.is_primary:
            duties.append(Duty(math.inf, self._send_code))
        if settings.captures_system:
            prefix = f"system/rank{settings.rank}/" if settings.rank else "system/"
            self._sampler = SystemSampler(settings.spool, prefix=prefix)
            self._define_system(prefix)
            duties.append(Duty(settings.system_interval_s, self._sample))
        self._attendant = Attendant(duties, on_fault=self._on_fault)
        self._attendant.start()
        if settings.captures_console:
            self._capture = Capture(self._send_console)
            self._capture.start()

    def _sync(self) -> None:
        if self._capture is not None:
            self._capture.flush()
        writer = self._writer
        if writer is not None and writer.is_dirty:
            writer.sync()

    def _look_for_room(self) -> None:
        writer, settings = self._writer, self._settings
        if writer is None:
            return
        is_full = not has_room(
            settings.spool, max_bytes=settings.spool_max_bytes, reserve_bytes=RESERVE_BYTES
        )
        if is_full and not writer.is_full:
            self._tell.warn(
                f"the spool at {settings.spool} has reached {settings.spool_max_bytes:,} bytes, "
                "or the disk is full: what is logged from here on is lost, until there is room again."
            )
        writer.is_full = is_full

    def _ensure_sender(self) -> None:
        try:
            ensure_sender(self._settings.spool)
        except OSError as error:
            self._tell.warn(
                f"the sender cannot be started ({error}); `isoline sync` sends the records.", once="sender"
            )

    def _report(self) -> None:
        status = self._read_status(now=True)
        if status.url and not self._has_told_place:
            self._has_told_place = True
            self._tell.say(f"run {self.name} at {status.url}")
        if status.problem != self._told_problem:
            self._told_problem = status.problem
            if status.problem:
                self._tell.warn(f"{_PROBLEMS.get(status.problem, status.problem)} {status.message}")
            else:
                self._tell.say("the server takes records again.")

    def _send_code(self) -> None:
        self._send({"type": "metadata", "set": _environment.describe_code()})

    def _define_system(self, prefix: str) -> None:
        self.define_metric(f"{prefix}*", x="relative")
        for name, unit in UNITS.items():
            self.define_metric(f"{prefix}{name}", x="relative", unit=unit)

    def _sample(self) -> None:
        writer, sampler = self._writer, self._sampler
        if writer is None or sampler is None:
            return
        values = sampler.sample()
        if values:
            # Beside the step the training is at, without counting it on.
            writer.append_new_row(values, max(0, writer.next_step - 1), None)

    def _on_fault(self, error: Exception) -> None:
        self._tell.warn(f"beside the training: {type(error).__name__}: {error}", once=type(error).__name__)

    # Other processes.

    def _open_writer(self) -> StreamWriter | None:
        """Return this process's writer; None if the run has ended."""
        writer = self._writer
        if writer is not None and writer.is_abandoned:
            with self._lock:
                if self._writer is writer:
                    self._continue_in_child(writer)
                writer = self._writer
        return None if writer is None or writer.is_closed else writer

    def _continue_in_child(self, parents: StreamWriter) -> None:
        self._manifest = _joining(self._manifest)
        self._attendant = self._capture = self._sampler = None
        self._finished = None
        self._is_forked = True
        self._begin()
        if self._writer is parents:
            self._writer = None
            return
        if self._writer is not None:
            self._writer.next_step = parents.next_step
        self._attendant = Attendant([Duty(SYNC_EVERY_S, self._sync)], on_fault=self._on_fault)
        self._attendant.start()

    def _after_fork(self) -> None:
        """In a forked child: nothing of the parent's is ours, until the child logs."""
        self._lock = threading.RLock()
        self._attendant = None
        self._tell = Teller(is_quiet=self._settings.is_quiet)
        if self._capture is not None:
            self._capture.after_fork()

    def __reduce__(self) -> tuple[Callable[..., Run], tuple[Any, ...]]:
        """A run given to a spawned process is the same run there, under a stream of its own."""
        environment = {"key": self._settings.key, "spool": str(self._settings.spool), "mode": self.mode}
        return _join, (msgspec.json.encode(_joining(self._manifest)), environment, self.step)

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """End the run; an exception marks it as failed, or killed for an interrupt, and is in its log."""
        if error is None or (isinstance(error, SystemExit) and not error.code):
            self.finish()
            return
        self._record_error(error)
        self._finish(*_state_after(error))

    def _record_error(self, error: BaseException) -> None:
        text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        now_us = time.time_ns() // 1000
        # Numbers of their own, far above what a program prints: these lines replace none of its own.
        lines = [
            {"n": _ERROR_LINES_FROM + number, "time": now_us, "fd": "stderr", "level": "error",
             "text": mask_text(_values.clean_text(line))[:10_000]}
            for number, line in enumerate(text.splitlines())
        ]  # fmt: skip
        self._send_console(lines)

    def __repr__(self) -> str:
        return f"<isoline.Run {self.name or self.id} in {self.project}>"

    def _repr_html_(self) -> str:
        label = html.escape(self.name or self.id)
        url = self.url
        if not url.startswith(("http://", "https://")):
            return f"<p>Isoline run <b>{label}</b> ({html.escape(self.mode)})</p>"
        return f'<p>Isoline run <a href="{html.escape(url)}" target="_blank" rel="noopener">{label}</a></p>'


_ERROR_LINES_FROM = 1 << 40

_STUCK = (*NEEDS_PERSON, "gone")

_PROBLEMS = {
    "away": "the server cannot be reached; records are kept and sent later.",
    "busy": "the server asks to wait; records are kept and sent later.",
    "unauthorized": "the server refuses the API key; records are kept. `isoline login` with another one.",
    "forbidden": "the API key may not write here; records are kept.",
    "outdated": "the server and this version of isoline do not fit together; records are kept.",
    "refused": "the server refuses the run; records are kept.",
    "gone": "the run has been deleted on the server; records are kept, and not sent.",
}


def init(
    project: str | None = None,
    *,
    team: str | None = None,
    name: str | None = None,
    id: str | None = None,
    config: Any = None,
    group: str | None = None,
    job_type: str | None = None,
    tags: Iterable[str] | None = None,
    notes: str | None = None,
    resume: Resume | None = None,
    mode: Mode | None = None,
    url: str | None = None,
    key: str | None = None,
    spool: str | os.PathLike[str] | None = None,
    console: bool | None = None,
    system: bool | None = None,
    code: bool | None = None,
    quiet: bool | None = None,
) -> Run:
    """Begin a run, and make it the one that `isoline.log` and the other functions mean.

    project: its slug or name; it is made if there is none.
    team: a slug; by default the key's own team.
    id: chosen by you and unique in the project: to resume a run, or to log to one run from several processes
    or
        machines. Without it the run is new.
    config: the inputs: a mapping, an `argparse.Namespace`, a dataclass, a pydantic model. Secrets are masked.
    resume: what happens if a run of this `id` exists. `never` (default) raises RunExists, `allow` goes on
    with it,
        `must` raises RunMissing if there is none, `auto` goes on with the last unfinished run of this folder.
    mode: `online`; `offline` only spools, for `isoline sync`; `disabled` records nothing.
    console, system, code: whether output, machine metrics, and git and packages are captured.

    What is not given is read from the environment (`isoline.settings`). Does not wait for the server, unless
    `id` is given: then for the answer whether it exists, for ten seconds at most.

    Raises SettingsInvalid, NotSignedIn, RunExists, RunMissing, RunRefused; ServerAway only for
    `resume="must"`.
    """
    global _current
    settings = Settings.read(
        project=project, team=team, name=name, run_id=id, group=group, job_type=job_type, resume=resume,
        mode=mode, url=url, key=key, spool=os.fspath(spool) if spool is not None else None, console=console,
        system=system, code=code, quiet=quiet,
    )  # fmt: skip
    if settings.mode == "online" and not settings.key:
        raise NotSignedIn(
            f"No API key is known for {settings.url}. Run `isoline login {settings.url}`, set "
            'ISOLINE_API_KEY, or pass mode="offline".'
        )
    try:
        values = as_config(config)
    except TypeError as error:
        raise SettingsInvalid(str(error)) from None
    manifest = _manifest_of(settings, values, list(tags or []), notes)
    run = Run(settings, manifest, config=values)
    if settings.mode != "disabled":
        run._begin()
        if settings.mode == "online" and settings.run_id is not None:
            _await_answer(run, settings)
        run._watch()
        watch.install()
    _current = run
    return run


def _manifest_of(settings: Settings, config: dict[str, Any], tags: list[str], notes: str | None) -> Manifest:
    run_id = settings.run_id
    resume = settings.resume
    if resume == "auto":
        run_id = run_id or _unfinished_run(settings)
        resume = "allow"
    is_primary = settings.rank == 0
    create: dict[str, Any] = {"resume": resume if run_id is not None and is_primary else "allow"}
    if is_primary:
        given = {
            "name": settings.name, "config": config, "group": settings.group, "job_type": settings.job_type,
            "tags": tags, "notes": notes, "host": host_name(),
        }  # fmt: skip
        create.update({field: value for field, value in given.items() if value})
    return Manifest(
        stream=str(uuid.uuid4()),
        server=settings.url,
        team=settings.team,
        project=settings.project,
        run=run_id or uuid.uuid4().hex,
        create=create,
        is_primary=is_primary,
        is_online=settings.mode == "online",
        host=host_name(),
        pid=os.getpid(),
        started_at_us=time.time_ns() // 1000,
        directory=str(Path.cwd()),
    )


def _unfinished_run(settings: Settings) -> str | None:
    """Return the run begun last from this folder that did not come to its end, as far as this spool knows."""
    latest: dict[str, tuple[int, Path]] = {}
    for directory in stream_directories(settings.spool):
        try:
            manifest = load_manifest(directory)
        except (OSError, msgspec.MsgspecError):
            continue
        is_alike = (manifest.server, manifest.team, manifest.project, manifest.directory) == (
            settings.url, settings.team, settings.project, str(Path.cwd())
        )  # fmt: skip
        if is_alike and manifest.is_primary:
            begun = (manifest.started_at_us, directory)
            latest[manifest.run] = max(latest.get(manifest.run, begun), begun)
    open_ones = [(at, run_id) for run_id, (at, directory) in latest.items() if not _is_finished(directory)]
    return max(open_ones)[1] if open_ones else None


def _is_finished(directory: Path) -> bool:
    """Whether its process has called `finish`, and without an error."""
    return (directory / FINISHED).exists()


def _await_answer(run: Run, settings: Settings) -> None:
    """Wait until the server has said what becomes of an id that was chosen by the caller."""
    has_answer = run._wait(lambda status: bool(status.run_id) or status.problem in _STUCK, ANSWER_PATIENCE_S)
    status = run._status
    if status.run_id:
        if run._writer is not None and status.next_step is not None:
            run._writer.next_step = max(run._writer.next_step, status.next_step)
        return
    if not has_answer and settings.resume != "must":
        return
    run._abort()
    if not has_answer:
        raise ServerAway(
            f"{settings.url} does not answer, and resume='must' needs its answer. {status.message}"
        )
    refusals = {"run_exists": RunExists, "no_such_run": RunMissing}
    raise refusals.get(status.code, RunRefused)(status.message, code=status.code or status.problem)


def _join(manifest: bytes, environment: dict[str, Any], step: int) -> Run:
    """Open a run in a process it was sent to."""
    global _current
    settings = Settings.read(**environment, console=False, system=False, code=False)
    found = msgspec.json.decode(manifest, type=Manifest)
    run = Run(settings, msgspec.structs.replace(found, stream=str(uuid.uuid4()), pid=os.getpid()), config={})
    if settings.mode != "disabled":
        run._begin()
        if run._writer is not None:
            run._writer.next_step = step
        run._watch()
    _current = run
    return run


def _joining(manifest: Manifest) -> Manifest:
    """Return the manifest of another stream of the same run, which the run's own process has created."""
    return msgspec.structs.replace(
        manifest,
        stream=str(uuid.uuid4()),
        create={"resume": "allow"},
        is_primary=False,
        pid=os.getpid(),
        started_at_us=time.time_ns() // 1000,
    )


def _as_us(time: float | datetime.datetime) -> int:
    if isinstance(time, datetime.datetime):
        time = time.timestamp()
    return round(time * 1_000_000)


def _state_after(error: BaseException) -> tuple[str, int | None]:
    if isinstance(error, KeyboardInterrupt):
        return "killed", 130
    if isinstance(error, SystemExit):
        return ("failed", error.code if isinstance(error.code, int) else 1) if error.code else ("finished", 0)
    return "failed", 1


def current_run() -> Run | None:
    """Return the run begun last in this process that has not been finished, or None."""
    return _current


def log(
    metrics: Mapping[str, Any], *, step: int | None = None, time: float | datetime.datetime | None = None
) -> None:
    """Record one row of values on the current run; see `Run.log`."""
    if _current is not None:
        _current.log(metrics, step=step, time=time)
    else:
        _orphan_teller.warn("log() without a run is ignored; call isoline.init() first.", once="orphan")


def finish(exit_code: int = 0, *, timeout_s: float | None = None) -> bool:
    """End the current run; see `Run.finish`. True if there is none."""
    return _current.finish(exit_code, timeout_s=timeout_s) if _current is not None else True


_orphan_teller = Teller(is_quiet=False)


def _finish_all() -> None:
    """At the interpreter's end: whatever is still open ends as the program does."""
    for run in list(_open_runs):
        if watch.error is not None:
            run._record_error(watch.error)
            run._finish(*_state_after(watch.error))
        else:
            run.finish(watch.code or 0)


def _after_fork_in_child() -> None:
    for run in list(_open_runs):
        run._after_fork()
    _open_runs.clear()


atexit.register(_finish_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
