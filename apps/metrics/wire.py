"""Bytes of a batch ⇄ arrays: the wire format of docs/design/wire-format.md."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import msgspec
import numpy as np
import zstandard
from msgspec import UNSET, Struct, UnsetType
from numpy.typing import NDArray

from apps.base.errors import Malformed, TooLarge, Unsupported
from apps.metrics import json_rows, limits, naming, record_shapes
from apps.metrics.codec import arithmetic
from apps.metrics.groups import DTYPES, KINDS, Axis, Columns, Group, Ids, Ints, Kind
from apps.metrics.rejections import Rejected, Rejections
from apps.metrics.shape_faults import described

__all__ = [
    "DTYPES",
    "KINDS",
    "Axis",
    "Columns",
    "Decoded",
    "Group",
    "Kind",
    "Rejected",
    "decode",
    "decode_stored",
    "encode",
    "inflate",
]

MSGPACK = "application/msgpack"
JSON = "application/json"
DIGEST_BYTES = 8
Encoding = Literal["", "gzip", "zstd"]

_MAX_ROW = 2**63 - 2
# What one call may inflate: a zstd block of 4 bytes becomes at most 128 KiB, so this much becomes 32 MiB.
_ZSTD_SLICE_BYTES = 1024
_ZSTD_MAX_WINDOW_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """A batch as arrays. ids in the groups index names and kinds; the streams of its axes are all 0.

    rows: distinct calls of `log()`. points: values in the groups, rejected ones not counted.
    next_row: one past the greatest row of the batch, or the next_row given if it has none.
    digest: 8 bytes of BLAKE2b over the inflated body.
    payload, encoding: what the inbox stores and decode_stored() reads: the body as sent, or the canonical
    body where it came as JSON or something in it was rejected.
    """

    names: tuple[str, ...]
    kinds: tuple[Kind, ...]
    groups: tuple[Group, ...]
    records: tuple[dict[str, Any], ...]
    rejected: tuple[Rejected, ...]
    rows: int
    points: int
    next_row: int
    digest: bytes
    payload: bytes
    encoding: Encoding


# Arrays stay raw until their length is known to be allowed: one byte can become an object of a hundred.
_NO_ITEMS = msgspec.Raw(b"\x90")


class _Block(Struct, forbid_unknown_fields=True):
    kind: str
    names: msgspec.Raw
    values: memoryview
    at: memoryview | UnsetType = UNSET


class _Group(Struct, forbid_unknown_fields=True):
    n: int
    row: memoryview | tuple[int, int]
    step: memoryview | tuple[int, int]
    time: memoryview | tuple[int, int]
    blocks: msgspec.Raw


class _Batch(Struct, forbid_unknown_fields=True):
    v: Literal[1]
    groups: msgspec.Raw = _NO_ITEMS
    records: msgspec.Raw = _NO_ITEMS


_BATCH = msgspec.msgpack.Decoder(_Batch)
_GROUPS = msgspec.msgpack.Decoder(list[_Group])
_BLOCKS = msgspec.msgpack.Decoder(list[_Block])
_NAMES = msgspec.msgpack.Decoder(list[str])
_RECORDS = msgspec.msgpack.Decoder(list[msgspec.Raw])
_RECORD = msgspec.msgpack.Decoder()

_GroupAndBlocks = tuple[_Group, list[_Block]]
_Decodable = TypeVar("_Decodable")


def decode(
    body: bytes, *, content_type: str, content_encoding: str, arrival_us: int, next_row: int = 0
) -> Decoded:
    """Return a batch that a client sent, checked against every rule of the wire format.

    content_type, content_encoding: the header values, "" where absent.
    arrival_us: the time of JSON rows that name none. next_row: the row of a first JSON row that names none.

    Raises Malformed, TooLarge, Unsupported; then nothing of it may be stored. What is refused alone
    (a name, a value, a record) is in `rejected` and nowhere else.
    """
    form = _media_type(content_type)
    encoding = _encoding(content_encoding)
    inflated = inflate(body, content_encoding)
    digest = hashlib.blake2b(inflated, digest_size=DIGEST_BYTES).digest()
    rejections = Rejections()
    if form == JSON:
        batch = json_rows.read(inflated, arrival_us=arrival_us, next_row=next_row, rejections=rejections)
        records = _sound_records(batch.records, rejections)
        column_names, kinds, groups = batch.names, batch.kinds, batch.groups
        rows, next_row = batch.rows, batch.next_row
    else:
        parsed, raw_records = _checked_batch(inflated)
        records = _sound_records(map(_record, raw_records), rejections)
        table = _Table(rejections)
        axes = [_checked_axis(group) for group, _ in parsed]
        groups = _checked_groups(parsed, axes, table)
        column_names, kinds = table.names, table.kinds
        rows, next_row = _calls(axes, next_row)
    payload = body
    if form == JSON or rejections:
        payload, encoding = encode(groups, column_names, records), ""
    return Decoded(
        names=tuple(column_names),
        kinds=tuple(kinds),
        groups=tuple(groups),
        records=tuple(records),
        rejected=rejections.told(),
        rows=rows,
        points=sum(group.points for group in groups),
        next_row=next_row,
        digest=digest,
        payload=payload,
        encoding=encoding,
    )


def decode_stored(payload: bytes, encoding: str, only: Collection[str] | None = None) -> Decoded:
    """Return the batch that decode() gave this payload for, trusting every byte of it.

    only: the names wanted (a set); the values of others are not looked at, and it is as if they were not there.
    `rejected` and `digest` are empty: they were told when the batch was appended.
    """
    # The limits are for what is sent: the canonical body of JSON rows may be larger than they were.
    inflated = inflate(payload, encoding) if encoding else payload
    parsed, raw_records = _opened(_decoded(_BATCH, inflated))
    table = _Table(None, only)
    axes = [_axis(group) for group, _ in parsed]
    groups = [
        made
        for axis, (_, blocks) in zip(axes, parsed, strict=True)
        for made in _dense_groups(axis, blocks, table)
    ]
    rows, next_row = _calls(axes, 0)
    return Decoded(
        names=tuple(table.names),
        kinds=tuple(table.kinds),
        groups=tuple(groups),
        records=tuple(_RECORD.decode(raw) for raw in raw_records),
        rejected=(),
        rows=rows,
        points=sum(group.points for group in groups),
        next_row=next_row,
        digest=b"",
        payload=payload,
        encoding=_encoding(encoding),
    )


def encode(
    groups: Iterable[Group], column_names: Sequence[str], records: Sequence[dict[str, Any]] = ()
) -> bytes:
    """Return the canonical msgpack body of groups whose ids index column_names; streams are left out.

    Rows must ascend within each group. Axes that are arithmetic sequences are written as their rule.
    """
    return msgspec.msgpack.encode(
        {
            "v": 1,
            "groups": [
                {
                    "n": group.rows,
                    "row": _axis_bytes(group.axis.row),
                    "step": _axis_bytes(group.axis.step),
                    "time": _axis_bytes(group.axis.time),
                    "blocks": [
                        {
                            "kind": part.kind,
                            "names": [column_names[number] for number in part.ids.tolist()],
                            "values": part.values.astype(DTYPES[part.kind], copy=False).tobytes(),
                        }
                        for part in group.columns
                    ],
                }
                for group in groups
            ],
            "records": records,
        }
    )


def inflate(body: bytes, content_encoding: str) -> bytes:
    """Return the body with its one content encoding taken off.

    Counted while inflating: never holds more than 32 MiB plus one slice, whatever the body claims.
    Raises Unsupported for other or several encodings, TooLarge past 32 MiB, Malformed if broken or cut off.
    """
    encoding = _encoding(content_encoding)
    if encoding == "gzip":
        return _gunzip(body)
    if encoding == "zstd":
        return _unzstd(body)
    limits.check("bytes", len(body), limits.MAX_INFLATED_BYTES)
    return body


def _gunzip(body: bytes) -> bytes:
    inflater = zlib.decompressobj(wbits=31)
    try:
        inflated = inflater.decompress(body, limits.MAX_INFLATED_BYTES + 1)
    except zlib.error:
        raise Malformed("The body is not valid gzip.") from None
    if len(inflated) > limits.MAX_INFLATED_BYTES:
        raise _too_large()
    if not inflater.eof or inflater.unused_data:
        raise Malformed("The gzip body is cut off, or something follows it.")
    return inflated


def _unzstd(body: bytes) -> bytes:
    inflater = zstandard.ZstdDecompressor(max_window_size=_ZSTD_MAX_WINDOW_BYTES).decompressobj()
    pieces: list[bytes] = []
    size = 0
    for start in range(0, len(body), _ZSTD_SLICE_BYTES):
        if inflater.eof:
            raise Malformed("Something follows the zstd frame.")
        try:
            pieces.append(inflater.decompress(body[start : start + _ZSTD_SLICE_BYTES]))
        except zstandard.ZstdError:
            raise Malformed("The body is not valid zstd with a window of at most 8 MiB.") from None
        size += len(pieces[-1])
        if size > limits.MAX_INFLATED_BYTES:
            raise _too_large()
    if not inflater.eof or inflater.unused_data:
        raise Malformed("The zstd body is cut off, or something follows its frame.")
    return b"".join(pieces)


def _too_large() -> TooLarge:
    return TooLarge(f"The body inflates to more than {limits.MAX_INFLATED_BYTES} bytes.")


def _encoding(header: str) -> Encoding:
    name = header.strip().lower()
    if name in ("", "identity"):
        return ""
    if name == "gzip":
        return "gzip"
    if name == "zstd":
        return "zstd"
    raise Unsupported("The Content-Encoding must be absent, gzip or zstd, and only one of them.")


def _media_type(header: str) -> str:
    name, *parameters = (part.strip().lower() for part in header.split(";"))
    if name not in (MSGPACK, JSON) or any(
        parameter.replace('"', "") not in ("", "charset=utf-8") for parameter in parameters
    ):
        raise Unsupported(f"The Content-Type must be {MSGPACK} or {JSON}.")
    return name


def _checked_batch(inflated: bytes) -> tuple[list[_GroupAndBlocks], list[msgspec.Raw]]:
    """As _opened, of a body that may claim to hold anything: counted before it becomes objects."""
    batch = _decoded(_BATCH, inflated)
    limits.check("groups", _array_size(batch.groups), limits.MAX_BLOCKS)
    limits.check("records", _array_size(batch.records), limits.MAX_RECORDS)
    groups = _decoded(_GROUPS, batch.groups)
    limits.check("rows", sum(group.n for group in groups), limits.MAX_ROWS)
    blocks = sum(_array_size(group.blocks) for group in groups)
    limits.check("groups and blocks", len(groups) + blocks, limits.MAX_BLOCKS)
    return _opened(batch)


def _opened(batch: _Batch) -> tuple[list[_GroupAndBlocks], list[msgspec.Raw]]:
    """Return the groups with their blocks, and the records undecoded."""
    return (
        [(group, _decoded(_BLOCKS, group.blocks)) for group in _decoded(_GROUPS, batch.groups)],
        _decoded(_RECORDS, batch.records),
    )


def _decoded(decoder: msgspec.msgpack.Decoder[_Decodable], packed: bytes | msgspec.Raw) -> _Decodable:
    try:
        return decoder.decode(packed)
    except msgspec.DecodeError as error:
        raise Malformed(f"The body is not a batch in msgpack: {described(error)}.") from None
    except (UnicodeDecodeError, RecursionError):
        raise Malformed("The body is not a batch in msgpack: broken UTF-8, or nested too deep.") from None


def _array_size(packed: msgspec.Raw) -> int:
    """Return how many items a msgpack array says it has (the specification's "array format family")."""
    head = bytes(memoryview(packed)[:5])
    if head[0] & 0xF0 == 0x90:
        return head[0] & 0x0F
    if head[0] in (0xDC, 0xDD):
        return int.from_bytes(head[1:3] if head[0] == 0xDC else head[1:5], "big")
    raise Malformed("The body is not a batch in msgpack: groups, blocks, names and records are arrays.")


def _record(raw: msgspec.Raw) -> object:
    try:
        return _RECORD.decode(raw)
    # A timestamp beyond what datetime holds overflows; the rest are kinds of ValueError.
    except (ValueError, OverflowError, RecursionError):
        raise Malformed("A record is not valid msgpack.") from None


def _sound_records(records: Iterable[object], rejections: Rejections) -> list[dict[str, Any]]:
    """Return the records that have their type's shape; the others are rejected one by one."""
    kept: list[dict[str, Any]] = []
    budget = limits.MAX_RECORD_VALUES
    for record in records:
        budget -= record_shapes.count_values(record, budget)
        found = record_shapes.fault(record)
        if found is None:
            assert isinstance(record, dict)
            kept.append(record)
        else:
            code, message = found
            rejections.add(code, record_shapes.type_of(record) or "", 1, message)
    return kept


class _Table:
    """The columns of a batch: each (name, kind) numbered in order of first appearance."""

    def __init__(self, rejections: Rejections | None, only: Collection[str] | None = None) -> None:
        """rejections: None where the names are known to be sound. only: the names wanted."""
        self.names: list[str] = []
        self.kinds: list[Kind] = []
        self._rejections = rejections
        self._only = only
        self._number: dict[Kind, dict[str, int]] = {kind: {} for kind in KINDS}

    def number(self, kind: Kind, block_names: list[str], rows: int) -> tuple[Ids, NDArray[np.bool_] | None]:
        """Return the ids of the sound and wanted names of a block, and which those are (None: all).

        A bad name is tallied as `rows` refused points.
        """
        kept = None
        if self._rejections is not None and (kept := naming.sound(block_names)) is not None:
            for bad in np.flatnonzero(~kept).tolist():
                self._rejections.add(
                    "bad_name",
                    block_names[bad],
                    rows,
                    f"A name is 1 to {limits.MAX_NAME_BYTES} bytes without control characters.",
                )
            block_names = [block_names[good] for good in np.flatnonzero(kept).tolist()]
        elif self._only is not None:
            kept = np.array([name in self._only for name in block_names])
            block_names = [name for name in block_names if name in self._only]
        known = self._number[kind]
        start = len(self.names)
        unseen = [name for name in block_names if name not in known]
        if unseen:
            fresh = list(dict.fromkeys(unseen))
            known.update(zip(fresh, range(start, start + len(fresh)), strict=True))
            self.names.extend(fresh)
            self.kinds.extend([kind] * len(fresh))
        return np.fromiter(map(known.__getitem__, block_names), np.int32, len(block_names)), kept


def _checked_axis(group: _Group) -> Axis:
    """Return the axis of a group, its lengths and its rows' order checked."""
    if group.n < 1:
        raise Malformed("A group has at least one row.")
    for column in (group.row, group.step, group.time):
        if isinstance(column, memoryview):
            if len(column) != 8 * group.n:
                raise Malformed("An axis must hold 8 bytes for each row of its group.")
        else:
            first, by = column
            if not (_is_int64(first) and _is_int64(by) and _is_int64(first + by * (group.n - 1))):
                raise Malformed("An arithmetic axis leaves int64.")
    axis = _axis(group)
    row = axis.row
    if row[0] < 0 or row[-1] > _MAX_ROW or (row[1:] <= row[:-1]).any():
        raise Malformed("The rows of a group must rise and lie in 0 … 2^63 - 2.")
    return axis


def _is_int64(number: int) -> bool:
    return -(2**63) <= number < 2**63


def _checked_groups(parsed: Sequence[_GroupAndBlocks], axes: Sequence[Axis], table: _Table) -> list[Group]:
    """Return dense groups, each length and value checked."""
    made: list[Group] = []
    points = 0
    for axis, (_, blocks) in zip(axes, parsed, strict=True):
        for block in blocks:
            points += _check_block(block, len(axis))
            limits.check("points", points, limits.MAX_POINTS)
        made.extend(_dense_groups(axis, blocks, table))
        limits.check("names", len(table.names), limits.MAX_NAMES)
    _refuse_repeats(made)
    return made


def _check_block(block: _Block, n: int) -> int:
    """Return how many points a block has."""
    if block.kind not in DTYPES:
        raise Malformed("The kind of a block must be f64, i64 or bool.", code="bad_kind")
    rows = n
    if block.at is not UNSET:
        if not len(block.at) or len(block.at) % 4:
            raise Malformed("`at` must hold one or more uint32.")
        at = np.frombuffer(block.at, "<u4")
        rows = len(at)
        if at[-1] >= n or (at[1:] <= at[:-1]).any():
            raise Malformed("`at` must rise and stay below the group's row count.")
    names_count = _array_size(block.names)
    limits.check("names", names_count, limits.MAX_NAMES)
    points = rows * names_count
    if not points or len(block.values) != points * DTYPES[block.kind].itemsize:
        raise Malformed("A block must have a name, and its values must fill names x rows.")
    if block.kind == "bool" and np.frombuffer(block.values, np.uint8).max() > 1:
        raise Malformed("A bool must be 0 or 1.")
    return points


def _dense_groups(axis: Axis, blocks: Sequence[_Block], table: _Table) -> list[Group]:
    """Return the group of the blocks on all rows, and one more for each distinct `at`."""
    columns_at: dict[bytes, list[Columns]] = {}
    for block in blocks:
        at = b"" if block.at is UNSET else bytes(block.at)
        rows = len(at) // 4 or len(axis)
        kind: Kind = block.kind  # type: ignore[assignment]  # decode() has checked it
        block_names = _decoded(_NAMES, block.names)
        ids, kept = table.number(kind, block_names, rows)
        if len(ids):
            values = np.frombuffer(block.values, DTYPES[kind]).reshape(len(block_names), rows)
            # A copy aligns the values, which the body does by chance only, and lets go of the body.
            values = values.copy() if kept is None else values[kept]
            columns_at.setdefault(at, []).append(Columns(kind, ids, values))
    return [
        Group(axis.take(np.frombuffer(at, "<u4")) if at else axis, tuple(columns))
        for at, columns in columns_at.items()
    ]


def _axis(group: _Group) -> Axis:
    step, time, row = (
        np.frombuffer(column, "<i8").copy()
        if isinstance(column, memoryview)
        else column[0] + column[1] * np.arange(group.n, dtype=np.int64)
        for column in (group.step, group.time, group.row)
    )
    return Axis(step, time, np.zeros(group.n, np.int32), row)


def _axis_bytes(column: Ints) -> bytes | tuple[int, int]:
    return arithmetic(column) or column.astype("<i8", copy=False).tobytes()


def _calls(axes: Sequence[Axis], next_row: int) -> tuple[int, int]:
    """Return how many distinct rows there are, and the row after the last (or next_row)."""
    if not axes:
        return 0, next_row
    count = len(axes[0]) if len(axes) == 1 else len(np.unique(np.concatenate([axis.row for axis in axes])))
    return count, max(int(axis.row[-1]) for axis in axes) + 1


def _refuse_repeats(groups: Sequence[Group]) -> None:
    """Raise Malformed if a column has two values on one row.

    Most batches name each column once, which settles it. Else the points of the columns named
    more than once are sorted by (column, row).
    """
    ids = np.concatenate([part.ids for group in groups for part in group.columns] or [np.empty(0, np.int32)])
    uses = np.bincount(ids)
    if not len(uses) or uses.max() <= 1:
        return
    columns, rows = [], []
    for group in groups:
        for part in group.columns:
            again = part.ids[uses[part.ids] > 1]
            columns.append(np.repeat(again, group.rows))
            rows.append(np.tile(group.axis.row, len(again)))
    column, row = np.concatenate(columns), np.concatenate(rows)
    order = np.lexsort((row, column))
    column, row = column[order], row[order]
    if ((column[1:] == column[:-1]) & (row[1:] == row[:-1])).any():
        raise Malformed("A name stands twice on one row.", code="duplicate_name")
