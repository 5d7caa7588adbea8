"""isoline tail: follow a run as it logs."""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from isoline._client import Client
from isoline._commands._server import add_server, open_api
from isoline._live import Live, LiveEnded
from isoline.errors import NotSignedIn, RequestRefused, ServerAway
from isoline.history import number
from isoline.stored import StoredRun

# Without a websocket the run is looked at this often, and with one in case a message was lost.
POLL_S = 2.0
LOOK_EVERY_S = 15.0
# So many rows are remembered as shown, and read again after news of which no message told the content.
REMEMBERED = 5000
LOOKS_BACK = 500
SIGNED_OUT = 4401

Key = tuple[int, int]
RowsByKey = dict[Key, dict[str, Any]]


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "tail",
        help="follow a run's metrics and console",
        description="Print the last rows and lines of a run, then what comes, until the run has ended.",
    )
    parser.add_argument("target", metavar="RUN", help="team/project/run, project/run, or a run's id")
    parser.add_argument("-n", type=int, default=10, help="how many rows and lines to begin with (default 10)")
    parser.add_argument("-m", "--metric", action="append", help="only this metric; may be repeated. By default all "
                        "but those of the system")  # fmt: skip
    parser.add_argument(
        "--only", choices=("metrics", "logs"), help="only rows of metrics, or only the console"
    )
    parser.add_argument("--once", action="store_true", help="do not follow")
    add_server(parser)
    parser.set_defaults(run=run)


def run(asked: argparse.Namespace) -> int:
    with open_api(asked) as api:
        found = api.run(asked.target)
        follower = _Follower(api._client, found, asked)
        follower.begin()
        if not asked.once:
            follower.follow()
    return 0


class _Follower:
    """Prints each row and each line once."""

    def __init__(self, client: Client, run: StoredRun, asked: argparse.Namespace) -> None:
        self._client = client
        self._run = run
        self._metrics: list[str] | None = asked.metric
        self._count = max(0, asked.n)
        self._shows_metrics = asked.only != "logs"
        self._shows_logs = asked.only != "metrics"
        self._shown: OrderedDict[Key, None] = OrderedDict()
        self._after: str | None = None
        self._is_away = False
        self._next_seqs: dict[str, int] = {}

    def begin(self) -> None:
        """Print what was logged last."""
        if self._shows_logs:
            page = self._client.get(f"/runs/{self._run.id}/logs", limit=min(1000, max(1, self._count)))
            self._after = page["after"]
            if self._count:
                self._print_lines(page["lines"])
        if self._shows_metrics:
            rows = self._last_rows()
            keys = sorted(rows)
            self._remember(keys)
            chosen = keys[len(keys) - min(self._count, len(keys)) :]
            for key in chosen:
                self._print_row(key, rows[key])
        sys.stdout.flush()

    def follow(self) -> None:
        """Print what comes, until the run has ended."""
        while True:
            try:
                with Live(self._client.url, self._client.key) as live:
                    if self._listen(live):
                        return
            except LiveEnded as error:
                if error.code == SIGNED_OUT:
                    raise NotSignedIn("The key has ended.") from None
            if self._catch_up():
                return
            time.sleep(POLL_S * (0.5 + random.random()))  # noqa: S311 - so that not all come back at once

    def _listen(self, live: Live) -> bool:
        """Print what messages bring; True once the run has ended."""
        live.send({"type": "subscribe_run", "run": self._run.id, "metrics": self._metrics or "*"})
        while True:
            message = live.receive(LOOK_EVERY_S)
            kind = "" if message is None else str(message.get("type"))
            if message is not None and kind == "points" and self._is_next(message):
                if self._shows_metrics:
                    self._show(_rows_of(message["groups"]))
            elif message is not None and kind == "records" and self._shows_logs:
                self._read_lines()
            elif message is not None and kind == "subscribed":
                self._next_seqs = dict(message.get("streams") or {})
                if self._catch_up():
                    return True
            elif message is None or kind in ("changed", "points"):
                if self._catch_up():
                    return True
            elif kind == "run" and message.get("state") != "running":
                # Lines and rows of the same batch may still be on their way.
                if self._catch_up():
                    return True
            elif kind == "error":
                raise LiveEnded(str(message.get("message")))
            sys.stdout.flush()

    def _is_next(self, message: dict[str, Any]) -> bool:
        stream, seq = str(message["stream"]), int(message["seq"])
        expected = self._next_seqs.get(stream, 0)
        self._next_seqs[stream] = max(expected, seq + 1)
        return seq <= expected

    def _catch_up(self) -> bool:
        """Read what is new over REST; True if the run has ended."""
        try:
            self._run.refresh()
            if self._shows_metrics:
                self._show(self._read_rows(self._first_step()))
            if self._shows_logs:
                self._read_lines()
        except ServerAway as error:
            if not self._is_away:
                sys.stderr.write(f"isoline: {error} Trying again.\n")
            self._is_away = True
            return False
        self._is_away = False
        sys.stdout.flush()
        return self._run.state != "running"

    # Rows.

    def _first_step(self) -> int:
        recent = list(self._shown)[-LOOKS_BACK:]
        return min((step for step, _ in recent), default=-(2**63))

    def _read_rows(self, first_step: int) -> RowsByKey:
        """Return the rows from a step on; if they are more than an answer holds, the newer ones of them."""
        last_step = max(
            (facts.last_step for name, facts in self._run.metrics.items() if self._is_wanted(name)), default=0
        )
        while True:
            try:
                told = self._client.get(
                    f"/runs/{self._run.id}/history", metric=self._metrics, x_min=max(first_step, -(2**63))
                )
                break
            except RequestRefused as error:
                if error.code != "too_many_points" or first_step >= last_step:
                    raise
                first_step = (max(first_step, -(2**62)) + last_step + 1) // 2
        rows: RowsByKey = {}
        for series in told["series"]:
            if self._is_wanted(series["metric"]):
                _merge(rows, series["metric"], series["step"], series["time"], series["values"])
        return rows

    def _last_rows(self) -> RowsByKey:
        facts = [each for name, each in self._run.metrics.items() if self._is_wanted(name)]
        if not facts:
            return {}
        first, last = min(each.first_step for each in facts), max(each.last_step for each in facts)
        back = max(1, self._count)
        while True:
            rows = self._read_rows(last - back)
            if len(rows) >= self._count or last - back <= first:
                return rows
            back *= 16

    def _is_wanted(self, metric: str) -> bool:
        return metric in self._metrics if self._metrics else not metric.startswith("system/")

    def _show(self, rows: RowsByKey) -> None:
        new = [key for key in sorted(rows) if key not in self._shown]
        for key in new:
            values = {name: value for name, value in rows[key].items() if self._is_wanted(name)}
            if values:
                self._print_row(key, values)
        self._remember(new)

    def _remember(self, keys: Iterable[Key]) -> None:
        self._shown.update(dict.fromkeys(keys))
        while len(self._shown) > REMEMBERED:
            self._shown.popitem(last=False)

    def _print_row(self, key: Key, values: dict[str, Any]) -> None:
        shown = "  ".join(f"{name}={_written(value)}" for name, value in sorted(values.items()))
        sys.stdout.write(f"step {key[0]}  {shown}\n")

    # Lines.

    def _read_lines(self) -> None:
        while True:
            page = self._client.get(f"/runs/{self._run.id}/logs", after=self._after, limit=1000)
            self._print_lines(page["lines"])
            self._after = page["after"] or self._after
            if len(page["lines"]) < 1000:
                return

    def _print_lines(self, lines: list[dict[str, Any]]) -> None:
        for line in lines:
            # The run's own colours may pass; what moves a cursor about may not.
            text = "".join(letter for letter in line["text"] if letter.isprintable() or letter in "\t")
            sys.stdout.write(f"{'!' if line['fd'] == 'stderr' else '|'} {text}\n")


def _rows_of(groups: list[dict[str, Any]]) -> RowsByKey:
    rows: RowsByKey = {}
    for group in groups:
        for column in group["columns"]:
            _merge(rows, column["metric"], group["step"], group["time"], column["values"])
    return rows


def _merge(rows: RowsByKey, metric: str, steps: list[int], times: list[int], values: list[Any]) -> None:
    for step, time_us, value in zip(steps, times, values, strict=True):
        if value is not None:
            rows.setdefault((step, time_us), {})[metric] = number(value)


def _written(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
