"""TensorBoard's event files, as far as scalars and hparams go, read without TensorFlow.

A file is a sequence of TFRecords: u64 length, u32 masked CRC-32C of the length, the data, u32 CRC of the data
(tensorflow/core/lib/io/record_writer.h). The data is an `Event` in protocol buffers' wire format; the numbers
of fields below are those of event.proto, summary.proto, tensor.proto and the hparams plugin's plugin_data.proto.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

_MOST_BYTES = 1 << 30
_HPARAMS = "_hparams_/session_start_info"

# struct's letters for TensorFlow's types of numbers, and the field a tensor keeps them in without
# tensor_content.
_DTYPES = {1: ("f", 5), 2: ("d", 6), 3: ("i", 7), 4: ("B", 7), 5: ("h", 7), 6: ("b", 7), 9: ("q", 10), 10: ("?", 11),
           19: ("e", 13)}  # fmt: skip


class Scalar(NamedTuple):
    """One value of a tag. wall_time_s: seconds since the epoch."""

    tag: str
    step: int
    wall_time_s: float
    value: float | int | bool


class HParams(NamedTuple):
    """The inputs of a session."""

    values: dict[str, Any]


def read(path: Path) -> Iterator[Scalar | HParams]:
    """Go through the scalars and hparams of a file in its order.

    A record that is cut off ends the file, as does one whose length is damaged; what comes before it is good.
    """
    plugins: dict[str, str] = {}
    with path.open("rb") as file:
        while True:
            head = file.read(12)
            if len(head) < 12:
                return
            size, crc = struct.unpack("<QI", head)
            if crc != _masked_crc(head[:8]) or size > _MOST_BYTES:
                return
            data = file.read(size)
            if len(data) < size or len(file.read(4)) < 4:
                return
            yield from _event(data, plugins)


def event_files(folder: Path) -> dict[Path, list[Path]]:
    """Return folders that hold event files, each with those in the order they were begun."""
    found: dict[Path, list[Path]] = {}
    for path in sorted(folder.rglob("*tfevents*")):
        if path.is_file():
            found.setdefault(path.parent, []).append(path)
    return found


def _event(data: bytes, plugins: dict[str, str]) -> Iterator[Scalar | HParams]:
    event = dict(_fields(data))
    step = event.get(2, 0)
    place = (_signed(step) if isinstance(step, int) else 0, _double(event.get(1)))
    for field, value in _fields(_bytes(event.get(5))):
        if field == 1:
            found = _value(_bytes(value), *place, plugins)
            if found is not None:
                yield found


def _value(data: bytes, step: int, wall_time_s: float, plugins: dict[str, str]) -> Scalar | HParams | None:
    fields = dict(_fields(data))
    tag = _text(fields.get(1))
    metadata = dict(_fields(_bytes(fields.get(9))))
    plugin = dict(_fields(_bytes(metadata.get(1))))
    if 1 in plugin:
        # Only the first value of a tag says whose it is.
        plugins[tag] = _text(plugin[1])
    if tag == _HPARAMS:
        return HParams(_hparams(_bytes(plugin.get(2))))
    if len(_bytes(fields.get(2))) == 4:
        return Scalar(tag, step, wall_time_s, struct.unpack("<f", fields[2])[0])
    if 8 in fields and plugins.get(tag) == "scalars":
        number = _tensor(_bytes(fields[8]))
        return None if number is None else Scalar(tag, step, wall_time_s, number)
    return None


def _tensor(data: bytes) -> float | int | bool | None:
    """Return a tensor's only number; None if it is of a type we have no number for, or has several."""
    fields = dict(_fields(data))
    letter, place = _DTYPES.get(fields.get(1, 0), ("", 0))
    if not letter:
        return None
    content = _bytes(fields.get(4) or (fields.get(place) if letter in "fd" else b""))
    if content:
        is_one = len(content) == struct.calcsize(f"<{letter}")
        return struct.unpack(f"<{letter}", content)[0] if is_one else None
    # Whole numbers are packed varints, or one that is not packed; half floats are their bits.
    held = fields.get(place)
    number = _varint(held, 0)[0] if isinstance(held, bytes) else held
    if number is None:
        return None
    if letter == "e":
        return struct.unpack("<e", struct.pack("<H", number & 0xFFFF))[0]  # type: ignore[no-any-return]
    return bool(number) if letter == "?" else _signed(number)


def _hparams(data: bytes) -> dict[str, Any]:
    session = dict(_fields(data)).get(3)
    found: dict[str, Any] = {}
    for field, entry in _fields(_bytes(session)):
        if field == 1:
            pair = dict(_fields(_bytes(entry)))
            found[_text(pair.get(1))] = _protobuf_value(_bytes(pair.get(2)))
    return found


def _protobuf_value(data: bytes) -> Any:
    for field, value in _fields(data):
        if field == 2:
            return _double(value)
        if field == 3:
            return _text(value)
        if field == 4:
            return bool(value)
    return None


# A damaged message may hold anything under a field's number.


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else b""


def _text(value: Any) -> str:
    return _bytes(value).decode(errors="replace")


def _double(value: Any) -> float:
    return float(struct.unpack("<d", value)[0]) if len(_bytes(value)) == 8 else 0.0


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Go through a message: numbers of varint fields, bytes of all others. Ends at what makes no sense."""
    place, end = 0, len(data)
    while place < end:
        key, place = _varint(data, place)
        kind = key & 7
        if kind == 0:
            value, place = _varint(data, place)
            yield key >> 3, value
            continue
        if kind == 2:
            size, place = _varint(data, place)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            return
        if place + size > end:
            return
        yield key >> 3, data[place : place + size]
        place += size


def _varint(data: bytes, place: int) -> tuple[int, int]:
    number = shift = 0
    while place < len(data) and shift < 70:
        byte = data[place]
        place += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    return number & (2**64 - 1), place


def _signed(number: int) -> int:
    return number - 2**64 if number >= 2**63 else number


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_CRC_TABLE = _crc_table()


def _masked_crc(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC_TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF
