"""One event, one line: `10:12:31.204 web    info  GET /api/v1/runs 200 12 ms`, or the same as JSON."""

from __future__ import annotations

import json
import logging
import re
import time
from typing import Literal

_USUAL = frozenset(vars(logging.makeLogRecord({}))) | {
    "message",
    "asctime",
    "taskName",
    "color_message",
    "data",
}

# An address whose last part is a credential; Django names the address of what it refuses.
_SECRET_PATH = re.compile(r"(/setup/)[\w-]+")


class LineFormatter(logging.Formatter):
    """process: the name put on each line (`web`, `worker`, …).

    Facts given as `extra={"run": 5}` are appended as `run=5`, in JSON as keys of their own.
    """

    def __init__(self, *, process: str, style: Literal["text", "json"]) -> None:
        super().__init__()
        self.process = process
        self.is_json = style == "json"

    def format(self, record: logging.LogRecord) -> str:
        facts = {key: value for key, value in vars(record).items() if key not in _USUAL}
        message = _SECRET_PATH.sub(r"\1…", record.getMessage())
        trace = self.formatException(record.exc_info) if record.exc_info else ""
        return format_line(
            record.created,
            self.process,
            record.levelname.lower(),
            message,
            facts,
            trace,
            as_json=self.is_json,
        )


def is_event(line: str) -> bool:
    """Whether a line was made by `format_line`, or goes on with a traceback."""
    return re.match(r'\d{4}-\d\d-\d\dT[\d:.]+Z |\{"time": |    ', line) is not None


def format_line(
    moment_s: float,
    process: str,
    level: str,
    message: str,
    facts: dict[str, object] | None = None,
    trace: str = "",
    *,
    as_json: bool,
) -> str:
    """Return one line without its end. A message that holds line breaks cannot forge a second event."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment_s)) + f".{int(moment_s % 1 * 1000):03d}Z"
    facts = facts or {}
    if as_json:
        event = {"time": stamp, "process": process, "level": level, "message": message, **facts}
        return json.dumps({**event, "trace": trace} if trace else event, default=str)
    told = " ".join(f"{key}={value}" for key, value in facts.items())
    line = f"{stamp} {process:<8} {level:<7} {message}{' ' + told if told else ''}"
    line = line.replace("\n", "\\n").replace("\r", "\\r")
    # A traceback is for people: it keeps its lines, set in so that none looks like an event.
    return line + "".join(f"\n    {part}" for part in trace.splitlines())
