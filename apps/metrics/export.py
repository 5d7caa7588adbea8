"""History as files: Arrow, Parquet, CSV and JSON lines, streamed.

Columns are those the run has when the export begins, each with a name of its own (_labels). Times are
microseconds in Arrow and Parquet, ISO 8601 elsewhere. A JSON line is a row as the ingest protocol accepts it.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np

from apps.metrics import blocks, history
from apps.metrics.groups import Kind
from apps.metrics.history import Page
from apps.metrics.reading import reading

if TYPE_CHECKING:
    import pyarrow as pa

Format = Literal["arrow", "parquet", "csv", "jsonl"]
FORMATS: tuple[Format, ...] = ("arrow", "parquet", "csv", "jsonl")
MEDIA_TYPES: dict[Format, str] = {
    "arrow": "application/vnd.apache.arrow.stream",
    "parquet": "application/vnd.apache.parquet",
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/jsonl",
}

Key = tuple[str, Kind]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Cells that a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def stream(run: int, names: Collection[str] | None, format: Format) -> Iterator[bytes]:
    """Yield the file, a piece at a time. names: None for all metrics; the order is that of the run."""
    if format == "jsonl":
        yield from _json_lines(run, names)
        return
    with reading([run], names) as opened:
        keys = tuple(opened.columns[run].keys)
    writer = {"arrow": _arrow, "parquet": _parquet, "csv": _csv}[format]
    yield from writer(keys, history.pages(run, names))


def _json_lines(run: int, names: Collection[str] | None) -> Iterator[bytes]:
    encoder = msgspec.json.Encoder()
    for page in history.pages(run, names, rows=8_192):
        labels = dict(enumerate(name for name, _ in page.columns))
        lines = [
            {
                "step": row.step,
                "time": _iso(row.time_us),
                "row": row.row,
                "stream": row.stream,
                "values": {name: _json(value) for name, value in row.values.items()},
            }
            for row in blocks.rows(page.groups, labels)
        ]
        yield encoder.encode_lines(lines)


def _json(value: Any) -> Any:
    if isinstance(value, float) and not np.isfinite(value):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    return value


def _iso(time_us: int) -> str | int:
    """Return the moment as text, to the microsecond; as the bare number where the calendar has no name for it."""
    try:
        return (_EPOCH + timedelta(microseconds=time_us)).isoformat(timespec="microseconds")
    except OverflowError:
        return time_us


def _arrow(keys: tuple[Key, ...], pages: Iterator[Page]) -> Iterator[bytes]:
    import pyarrow as pa

    schema = _schema(keys)
    sink = _Sink()
    with pa.ipc.new_stream(sink, schema) as writer:
        for page in pages:
            writer.write_batch(_record_batch(page, keys, schema))
            yield sink.taken()
    yield sink.taken()


def _parquet(keys: tuple[Key, ...], pages: Iterator[Page]) -> Iterator[bytes]:
    import pyarrow.parquet as pq

    schema = _schema(keys)
    sink = _Sink()
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        for page in pages:
            writer.write_batch(_record_batch(page, keys, schema))
            yield sink.taken()
    yield sink.taken()


def _csv(keys: tuple[Key, ...], pages: Iterator[Page]) -> Iterator[bytes]:
    import pyarrow as pa
    from pyarrow import csv

    schema = _schema(keys, guarded=True)
    names = ",".join(_cell(field.name) for field in schema)
    yield f"{names}\r\n".encode()
    for page in pages:
        batch = _record_batch(page, keys, schema)
        times = pa.array([str(_iso(each)) for each in batch.column(1).cast(pa.int64()).to_pylist()])
        sink = _Sink()
        csv.write_csv(
            batch.set_column(1, "time", times),
            sink,
            csv.WriteOptions(include_header=False, quoting_style="needed"),
        )
        yield sink.taken()


def _cell(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _guarded(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _schema(keys: tuple[Key, ...], *, guarded: bool = False) -> pa.Schema:
    """Return step, time, stream, row, then the metrics. guarded: no name is a spreadsheet's formula."""
    import pyarrow as pa

    types = {"f64": pa.float64(), "i64": pa.int64(), "bool": pa.bool_()}
    fields = [
        pa.field("step", pa.int64(), nullable=False),
        pa.field("time", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("stream", pa.int32(), nullable=False),
        pa.field("row", pa.int64(), nullable=False),
    ]
    if guarded:
        keys = tuple((_guarded(name), kind) for name, kind in keys)
    labels = _labels(keys, [field.name for field in fields])
    fields += [pa.field(label, types[kind]) for label, (_, kind) in zip(labels, keys, strict=True)]
    return pa.schema(fields)


def _labels(keys: Sequence[Key], reserved: Sequence[str]) -> list[str]:
    """Return a name of its own for each column.

    A metric keeps its name. One that is not the only column of that name (a metric of several kinds, or a
    `step` beside the step) has its kind behind it, and a number behind that if a metric is called so already.
    """
    uses = Counter(name for name, _ in keys)
    uses.update(reserved)
    taken = set(uses)
    labels = []
    for name, kind in keys:
        label = name
        number = 1
        while uses[name] > 1 and label in taken:
            label = f"{name} ({kind})" if number == 1 else f"{name} ({kind}) ({number})"
            number += 1
        taken.add(label)
        labels.append(label)
    return labels


def _record_batch(page: Page, keys: tuple[Key, ...], schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    table = blocks.table(page.groups)
    places = {key: place for place, key in enumerate(page.columns)}
    arrays = [
        pa.array(table.axis.step),
        pa.array(table.axis.time).cast(pa.timestamp("us", tz="UTC")),
        pa.array(table.axis.stream),
        pa.array(table.axis.row),
    ]
    for key, field in zip(keys, list(schema)[4:], strict=True):
        column = table.columns.get(places.get(key, -1))
        if column is None:
            arrays.append(pa.nulls(len(table.axis), field.type))
        else:
            _, values, present = column
            arrays.append(pa.array(values, mask=None if present.all() else ~present))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


class _Sink(io.RawIOBase):
    """A file that is written by a library and taken away piece by piece."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        self._pieces.append(bytes(piece))
        return len(self._pieces[-1])

    def taken(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)
