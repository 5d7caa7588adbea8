"""Fixed data whose bytes are kept in golden/ and vectors/, so that a format cannot change unseen.

`python -m tests.metrics.specimens` writes them anew; do that only together with a new version number.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import zstandard

from apps.base.errors import DomainError
from apps.metrics import codec, envelope, facts, wire
from apps.metrics.groups import Axis, Columns, Group

from .strategies import NAN_WITH_PAYLOAD, SPECIAL_FLOATS, SPECIAL_INTS, bits

GOLDEN = Path(__file__).parent / "golden"
VECTORS = Path(__file__).parent / "vectors"
ARRIVAL_US = 1_700_000_000_000_000


def _noise(count: int, seed: int) -> Any:
    """Return float64 that are the same on every machine: a linear congruential generator, summed up."""
    state, made = seed, []
    for _ in range(count):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        made.append((state >> 40) / 2**24 - 0.5)
    return np.cumsum(made)


def _segment(rows: int) -> Group:
    count = np.arange(rows, dtype=np.int64)
    floats = np.stack(
        [_noise(rows, 1), _noise(rows, 2).astype(np.float32).astype(np.float64), np.full(rows, 0.1)]
    )
    floats[0, : len(SPECIAL_FLOATS)] = SPECIAL_FLOATS[:rows]
    integers = np.stack([count * count, count % 2])
    integers[0, : len(SPECIAL_INTS)] = SPECIAL_INTS[:rows]
    return Group(
        Axis(count * 10, ARRIVAL_US + count * 1_000_003 + count % 7, (count % 2).astype(np.int32), count),
        (
            Columns("f64", np.array([300, 256, 257], np.int32), floats),
            Columns("i64", np.array([258, 299], np.int32), integers),
            Columns("bool", np.array([260], np.int32), (count % 5 == 0)[None]),
        ),
    )


SEGMENTS = {"short": _segment(20), "long": _segment(700)}
PARTS = {
    "raw": np.array([1.5, -0.0, NAN_WITH_PAYLOAD]),
    "pcodec": _noise(64, 3),
    "arithmetic": np.arange(-5, 20, 5),
    "constant": np.full(9, 0.1),
    "bits": np.arange(19) % 3 == 0,
}
STORED: dict[str, Callable[[], bytes]] = {
    "long.envelope": lambda: envelope.encode(SEGMENTS["long"])[0],
    "long.facts": lambda: facts.encode(facts.from_groups([SEGMENTS["long"]])[1]),
}
for _name, _values in PARTS.items():
    STORED[f"part.{_name}"] = partial(codec.encode_part, _values)
for _name, _group in SEGMENTS.items():
    STORED[f"{_name}.axis"] = partial(codec.encode_axis, _group.axis)
    STORED[f"{_name}.data"] = partial(lambda group: codec.pack(group).data, _group)


def _packed(values: Any, dtype: str) -> bytes:
    return np.array(values, dtype).tobytes()


def _batch(*blocks: dict[str, Any], n: int = 3, **axis: Any) -> dict[str, Any]:
    return {"n": n, "row": [0, 1], "step": [10, 1], "time": [ARRIVAL_US, 1000], "blocks": list(blocks)} | axis


def _floats(*names: str, values: Any, **more: Any) -> dict[str, Any]:
    return {"kind": "f64", "names": list(names), "values": _packed(values, "<f8")} | more


_LOSS = _floats("loss", values=[0.5, 0.25, 0.125])
_MSGPACK: dict[str, Any] = {
    "one_column": {"v": 1, "groups": [_batch(_LOSS)]},
    "every_kind": {
        "v": 1,
        "groups": [
            _batch(
                _floats("loss", "acc", values=[0.5, 0.25, 0.125, 0.0, -0.0, 1.0]),
                {"kind": "i64", "names": ["seen"], "values": _packed([2**63 - 1, 0, -(2**63)], "<i8")},
                {"kind": "bool", "names": ["best"], "values": b"\1\0\1"},
            )
        ],
    },
    "special_floats": {
        "v": 1,
        "groups": [_batch(_floats("x", values=SPECIAL_FLOATS), n=len(SPECIAL_FLOATS))],
    },
    "axes_in_full": {
        "v": 1,
        "groups": [
            _batch(
                _LOSS,
                row=_packed([4, 7, 9], "<i8"),
                step=_packed([2**63 - 1, -5, -5], "<i8"),
                time=_packed([0, -1, 1], "<i8"),
            )
        ],
    },
    "on_some_rows": {
        "v": 1,
        "groups": [
            _batch(
                _LOSS,
                _floats("val_loss", "val_acc", values=[0.6, 0.9], at=_packed([2], "<u4")),
                _floats("grad", values=[3.0, 4.0], at=_packed([0, 2], "<u4")),
            )
        ],
    },
    "two_groups_of_one_call": {
        "v": 1,
        "groups": [_batch(_LOSS), _batch(_floats("lr", values=[0.1, 0.2, 0.3]))],
    },
    "bad_name": {"v": 1, "groups": [_batch(_floats("loss", "a\nb", "", values=range(9)))]},
    "one_name_two_kinds": {
        "v": 1,
        "groups": [_batch(_LOSS, {"kind": "bool", "names": ["loss"], "values": b"\0\1\0"})],
    },
    "records": {
        "v": 1,
        "records": [
            {"type": "config", "set": {"optimizer": {"lr": 0.1}, "a.b": [1, None]}},
            {"type": "state", "state": "finished", "exit_code": 0},
            {"type": "state", "state": "asleep"},
            {"type": "nonsense"},
            {"type": "note", "text": "a\0b"},
        ],
    },
    "empty": {"v": 1},
    "refused_version": {"v": 2},
    "refused_unknown_field": {"v": 1, "groups": [], "extra": 1},
    "refused_kind": {"v": 1, "groups": [_batch({"kind": "f32", "names": ["x"], "values": b"\0" * 12})]},
    "refused_short_values": {"v": 1, "groups": [_batch(_floats("x", values=[1.0, 2.0]))]},
    "refused_short_axis": {"v": 1, "groups": [_batch(_LOSS, step=_packed([1, 2], "<i8"))]},
    "refused_falling_rows": {"v": 1, "groups": [_batch(_LOSS, row=_packed([1, 3, 2], "<i8"))]},
    "refused_negative_row": {"v": 1, "groups": [_batch(_LOSS, row=[-1, 1])]},
    "refused_axis_overflow": {"v": 1, "groups": [_batch(_LOSS, step=[2**63 - 2, 1])]},
    "refused_falling_at": {
        "v": 1,
        "groups": [_batch(_floats("x", values=[1.0, 2.0], at=_packed([2, 1], "<u4")))],
    },
    "refused_at_beyond": {"v": 1, "groups": [_batch(_floats("x", values=[1.0], at=_packed([3], "<u4")))]},
    "refused_bool_of_two": {
        "v": 1,
        "groups": [_batch({"kind": "bool", "names": ["x"], "values": b"\0\1\2"})],
    },
    "refused_no_rows": {"v": 1, "groups": [_batch(n=0)]},
    "refused_repeat": {"v": 1, "groups": [_batch(_LOSS), _batch(_LOSS)]},
}
_JSON: dict[str, str] = {
    "rows": '{"rows": [{"step": 12, "time": 1700000000.25, "values": {"loss": 0.5, "ok": true, "n": 3}}]}',
    "rows_by_default": '{"rows": [{"values": {"loss": 1.5}}, {"values": {"loss": 2.5}}]}',
    "rows_of_several_keys": (
        '{"rows": [{"values": {"a": 1, "b": 2}}, {"values": {"b": 3}}, {"row": 9, "values": {"a": 4}}]}'
    ),
    "rows_mixed_numbers": (
        '{"rows": [{"values": {"x": 1}}, {"values": {"x": 0.5}}, {"values": {"x": 9007199254740993}}]}'
    ),
    "rows_spelled": (
        '{"rows": [{"values": {"a": "NaN", "b": "Infinity", "c": "-Infinity", "d": -0.0, "e": "nan"}}]}'
    ),
    "rows_out_of_range": '{"rows": [{"values": {"x": 9223372036854775808, "y": 9223372036854775807}}]}',
    "rows_iso_time": '{"rows": [{"time": "2023-11-14T22:13:20.5Z", "values": {"x": 1}}]}',
    "rows_with_records": '{"records": [{"type": "tags", "add": ["best"]}, 7]}',
    "refused_json_duplicate_key": '{"rows": [{"values": {"x": 1, "x": 2}}]}',
    "refused_json_nan": '{"rows": [{"values": {"x": NaN}}]}',
    "refused_json_nul": '{"rows": [{"values": {"\\u0000": 1}}]}',
    "refused_json_surrogate": '{"rows": [{"values": {"\\ud800": 1}}]}',
    "refused_json_falling_rows": '{"rows": [{"row": 2, "values": {}}, {"row": 1, "values": {}}]}',
    "refused_json_float_step": '{"rows": [{"step": 1.5, "values": {}}]}',
}


def bodies() -> dict[str, tuple[bytes, str, str]]:
    """Return every vector's body, content type and content encoding."""
    made = {name: (msgspec.msgpack.encode(batch), wire.MSGPACK, "") for name, batch in _MSGPACK.items()}
    made |= {name: (text.encode(), wire.JSON, "") for name, text in _JSON.items()}
    plain = made["every_kind"][0]
    made["every_kind_gzip"] = gzip.compress(plain, mtime=0), wire.MSGPACK, "gzip"
    made["every_kind_zstd"] = zstandard.ZstdCompressor().compress(plain), wire.MSGPACK, "zstd"
    made["refused_cut_off"] = plain[:-1], wire.MSGPACK, ""
    made["refused_trailing"] = plain + b"\xc0", wire.MSGPACK, ""
    made["refused_cut_off_gzip"] = made["every_kind_gzip"][0][:-4], wire.MSGPACK, "gzip"
    made["refused_cut_off_zstd"] = made["every_kind_zstd"][0][:-4], wire.MSGPACK, "zstd"
    made["refused_nested_encoding"] = plain, wire.MSGPACK, "gzip, gzip"
    made["refused_media_type"] = plain, "text/plain", ""
    return made


def reading(body: bytes, content_type: str, content_encoding: str) -> dict[str, Any]:
    """Return what the server makes of a body, as JSON can say it: points with their value's 64 bits."""
    try:
        found = wire.decode(
            body,
            content_type=content_type,
            content_encoding=content_encoding,
            arrival_us=ARRIVAL_US,
            next_row=5,
        )
    except DomainError as error:
        return {"status": error.status, "code": error.code}
    columns: dict[tuple[str, str], list[list[int]]] = {}
    for group in found.groups:
        axis = [key.tolist() for key in (group.axis.row, group.axis.step, group.axis.time)]
        for part in group.columns:
            for number, values in zip(part.ids.tolist(), part.values, strict=True):
                points = columns.setdefault((found.names[number], part.kind), [])
                points.extend(map(list, zip(*axis, bits(values), strict=True)))
    return {
        "status": 200,
        "digest": found.digest.hex(),
        "rows": found.rows,
        "points": found.points,
        "next_row": found.next_row,
        "columns": [
            {"name": name, "kind": kind, "points": sorted(points)}
            for (name, kind), points in sorted(columns.items())
        ],
        "records": list(found.records),
        "rejected": [[part.code, part.key, part.count] for part in found.rejected],
    }


def vectors() -> dict[str, dict[str, Any]]:
    """Return the committed vectors by name."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(VECTORS.glob("*.json"))}


def write() -> None:
    """Write golden/ and vectors/ anew from what the code does today."""
    GOLDEN.mkdir(exist_ok=True)
    for name, make in STORED.items():
        (GOLDEN / f"{name}.bin").write_bytes(make())
    VECTORS.mkdir(exist_ok=True)
    for name, (body, content_type, content_encoding) in bodies().items():
        vector = {
            "content_type": content_type,
            "content_encoding": content_encoding,
            "body_base64": base64.b64encode(body).decode(),
            "reading": reading(body, content_type, content_encoding),
        }
        (VECTORS / f"{name}.json").write_text(json.dumps(vector, indent=1, ensure_ascii=True) + "\n")


if __name__ == "__main__":
    write()
