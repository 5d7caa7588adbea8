"""The points of a run, for pandas, Polars, Arrow, or plain lists."""

from __future__ import annotations

import datetime
import importlib
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec

from isoline._client import Client
from isoline.errors import ExtraMissing, NotFound

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
_US = datetime.timedelta(microseconds=1)
_NOT_FINITE = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
Format = Literal["arrow", "parquet", "csv", "jsonl"]

_PLACE = ("step", "time", "stream", "row")
_KINDS = {float: "f64", int: "i64", bool: "bool"}
_KIND = re.compile(r" \((f64|i64|bool)\)( \(\d+\))?$")


class Row(NamedTuple):
    """One call of `log()`: what it held of the metrics asked for.

    step: as the user counts. time_us: since the epoch, UTC. stream: the writer's number in its run. row: the
    writer's own count of its calls.
    """

    step: int
    time_us: int
    stream: int
    row: int
    values: dict[str, float | int | bool]


class History:
    """Points of some metrics, or of all. Reading begins with the call that asks for a form.

    A table has the columns `step`, `time` (UTC, µs), `stream`, `row`, then a column for each metric, empty
    where a row has no value of it; rows are in the order (step, time, stream, row). A metric that was logged
    as integers as well as floats has two columns, `loss (f64)` and `loss (i64)`, in lists one that holds both;
    one that is called like one of the four is `step (f64)`. Values are those that were logged, bit for bit;
    only the rows and lists of plain Python know a single NaN. Tables and lists raise NotFound for a metric that
    the run does not have.
    """

    def __init__(self, client: Client, run_id: str, metrics: list[str] | None) -> None:
        """Use `StoredRun.history`."""
        self._client = client
        self._path = f"/runs/{run_id}/history"
        self._metrics = metrics

    def to_arrow(self) -> pyarrow.Table:
        """Return a `pyarrow.Table`. Raises ExtraMissing without pyarrow."""
        arrow = _library("pyarrow", "arrow")
        with self._client.download(self._path, metric=self._metrics, format="arrow") as pieces:
            data = b"".join(pieces)
        with arrow.ipc.open_stream(data) as reader:
            table = reader.read_all()
        self._check(table.column_names[len(_PLACE) :])
        return table

    def to_pandas(self) -> pandas.DataFrame:
        """Return a `pandas.DataFrame`. Integers and booleans stay what they are where some are missing:
        such a column is of pandas' nullable type. Raises ExtraMissing without pandas or pyarrow.
        """
        pandas = _library("pandas", "pandas")
        arrow = _library("pyarrow", "pandas")
        table = self.to_arrow()
        # By default pandas turns them into floats, which holds for integers up to 2**53 only.
        types = {arrow.int64(): pandas.Int64Dtype(), arrow.bool_(): pandas.BooleanDtype()}
        nullable = [
            name for name in table.column_names[len(_PLACE) :]
            if table.column(name).null_count and table.schema.field(name).type in types
        ]  # fmt: skip
        frame = table.drop_columns(nullable).to_pandas()
        for name in nullable:
            frame[name] = table.column(name).to_pandas(types_mapper=types.get)
        return frame[table.column_names] if nullable else frame

    def to_polars(self) -> polars.DataFrame:
        """Return a `polars.DataFrame`. Raises ExtraMissing without Polars or pyarrow."""
        return _library("polars", "polars").from_arrow(self.to_arrow())

    def to_lists(self) -> dict[str, list[Any]]:
        """Return the columns as lists; None where a row has no value. Times are µs since the epoch.

        Needs no other library, and takes some twenty times as long as Arrow.
        """
        columns: dict[str, list[Any]] = {name: [] for name in _PLACE}
        count = 0
        for row in self.rows():
            for name, place in zip(_PLACE, row[:4], strict=True):
                columns[name].append(place)
            for name, value in row.values.items():
                column = columns.setdefault(_label(name, value), [])
                column.extend([None] * (count - len(column)))
                column.append(value)
            count += 1
        for column in columns.values():
            column.extend([None] * (count - len(column)))
        self._check(list(columns)[len(_PLACE) :])
        return columns

    def rows(self) -> Iterator[Row]:
        """Go through the rows as they were logged, in constant memory."""
        with self._client.download(self._path, metric=self._metrics, format="jsonl") as pieces:
            for line in _lines(pieces):
                yield _row(msgspec.json.decode(line))

    def download(self, format: Format) -> AbstractContextManager[Iterator[bytes]]:
        """Give the pieces of a file as the server makes it: `with history.download("csv") as pieces:`."""
        return self._client.download(self._path, metric=self._metrics, format=format)

    def _check(self, columns: list[str]) -> None:
        found = set(columns) | {_KIND.sub("", column) for column in columns}
        missing = [name for name in self._metrics or () if name not in found]
        if missing:
            raise NotFound(f"The run has no metric {missing[0]!r}.", code="no_such_metric", status=404)

    def __repr__(self) -> str:
        return f"<isoline.History of {', '.join(self._metrics) if self._metrics else 'all metrics'}>"


def _label(metric: str, value: float | int | bool) -> str:
    """Return what the column of a metric is called in a dictionary of lists."""
    return f"{metric} ({_KINDS[type(value)]})" if metric in _PLACE else metric


def number(value: Any) -> Any:
    """Return a value of a metric as JSON has it as the number it stands for."""
    return _NOT_FINITE[value] if isinstance(value, str) else value


def _row(told: dict[str, Any]) -> Row:
    values = {name: number(value) for name, value in told["values"].items()}
    return Row(told["step"], _us(told["time"]), told["stream"], told["row"], values)


def _us(time: str | int) -> int:
    # A moment beyond the calendar is told as its number.
    return time if isinstance(time, int) else (datetime.datetime.fromisoformat(time) - _EPOCH) // _US


def _lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
    if rest:
        yield rest


def _library(name: str, extra: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ExtraMissing(f"This needs {name}: `pip install isoline[{extra}]`. ({error})") from None
