from __future__ import annotations

import base64
import contextlib
import gzip
import json
import struct
import tracemalloc
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from apps.base.errors import DomainError, Malformed, TooLarge, Unsupported
from apps.metrics import limits, wire
from apps.metrics.groups import Group

from . import specimens
from .strategies import groups, points, quick, wide


def decode(
    body: bytes, content_type: str = wire.MSGPACK, content_encoding: str = "", next_row: int = 0
) -> wire.Decoded:
    return wire.decode(
        body, content_type=content_type, content_encoding=content_encoding, arrival_us=77, next_row=next_row
    )


def rows(*given: Any, records: Any = ()) -> wire.Decoded:
    return decode(json.dumps({"rows": given, "records": list(records)}).encode(), wire.JSON)


def told(decoded: wire.Decoded) -> dict[tuple[str, str], dict[int, Any]]:
    """Return {(name, kind): {row: value}}."""
    made: dict[tuple[str, str], dict[int, Any]] = {}
    for group in decoded.groups:
        for part in group.columns:
            for number, column in zip(part.ids.tolist(), part.values, strict=True):
                column_of = made.setdefault((decoded.names[number], decoded.kinds[number]), {})
                column_of.update(zip(group.axis.row.tolist(), column.tolist(), strict=True))
    return made


def batch(*blocks: Any, n: Any = 1, **axis: Any) -> bytes:
    group = {"n": n, "row": [0, 1], "step": [0, 1], "time": [0, 1], "blocks": list(blocks)} | axis
    return msgspec.msgpack.encode({"v": 1, "groups": [group]})


def block(*names: str, values: Any = None, kind: str = "f64", **more: Any) -> dict[str, Any]:
    return {
        "kind": kind,
        "names": list(names),
        "values": bytes(8 * len(names)) if values is None else values,
    } | more


# Vectors: what the SDK's encoder and decoder are held to as well.


def test_vectors_are_those_of_the_specimens():
    for name, (body, content_type, content_encoding) in specimens.bodies().items():
        vector = specimens.vectors()[name]
        assert (vector["content_type"], vector["content_encoding"]) == (content_type, content_encoding)
        # A compressed body may come out differently from another version of the library.
        if not content_encoding:
            assert base64.b64decode(vector["body_base64"]) == body, name


@pytest.mark.parametrize("name", specimens.bodies())
def test_vectors_are_read_as_they_always_were(name):
    vector = specimens.vectors()[name]
    body = base64.b64decode(vector["body_base64"])
    found = specimens.reading(body, vector["content_type"], vector["content_encoding"])
    assert json.loads(json.dumps(found)) == vector["reading"]
    assert (found["status"] != 200) == name.startswith("refused")


# Columns.


def by_rows(group: Group) -> Group:
    """A group as a client may send it: rows rising."""
    return group.take(np.argsort(group.axis.row))


@quick
@given(groups(), st.sampled_from(["", "gzip", "zstd"]))
def test_encoded_groups_come_back_bit_by_bit(group, encoding):
    group = by_rows(group).relabelled(stream=0, ids=np.arange(9, dtype=np.int32))
    names = [f"metric {number}" for number in range(9)]
    body = wire.encode([group], names, [{"type": "note", "text": "n"}])
    by_zstd = zstandard.ZstdCompressor().compress(body)
    sent = {"": body, "gzip": gzip.compress(body), "zstd": by_zstd}[encoding]
    found = decode(sent, content_encoding=encoding)
    for read in (found, wire.decode_stored(found.payload, found.encoding)):
        numbers = np.array([names.index(name) for name in read.names], np.int32)
        back = [group.relabelled(stream=0, ids=numbers) for group in read.groups]
        assert points(back) == points([group])
        assert read.records == ({"type": "note", "text": "n"},)
        assert (read.rows, read.points, read.next_row) == (
            group.rows,
            group.points,
            int(group.axis.row[-1]) + 1,
        )
    assert (found.payload, found.encoding) == (sent, encoding)


def test_the_digest_is_of_the_inflated_body():
    body = wire.encode([wide([0], 3)], ["x"])
    assert decode(body).digest == decode(gzip.compress(body), content_encoding="gzip").digest
    assert len(decode(body).digest) == 8


def test_values_read_are_aligned_and_do_not_hold_the_body():
    for part in decode(wire.encode([wide([0, 1], 3)], ["x", "y"])).groups[0].columns:
        assert part.values.flags.aligned
        assert part.values.base is None or part.values.base.base is None


def test_blocks_on_some_rows_become_groups_of_their_own():
    found = decode(
        batch(
            block("a", values=struct.pack("<3d", 1, 2, 3)),
            block("b", "c", values=struct.pack("<4d", 1, 2, 3, 4), at=struct.pack("<2I", 0, 2)),
            block("d", kind="bool", values=b"\1\0", at=struct.pack("<2I", 0, 2)),
            n=3,
        )
    )
    assert [group.axis.row.tolist() for group in found.groups] == [[0, 1, 2], [0, 2]]
    assert told(found) == {
        ("a", "f64"): {0: 1.0, 1: 2.0, 2: 3.0},
        ("b", "f64"): {0: 1.0, 2: 2.0},
        ("c", "f64"): {0: 3.0, 2: 4.0},
        ("d", "bool"): {0: True, 2: False},
    }
    assert (found.rows, found.points) == (3, 9)


def test_a_bad_name_costs_only_its_own_column():
    long = "é" * 513
    found = decode(batch(block("ok", "", "a\tb", "c\x85d", long, "é" * 512)))
    assert [name for name, _ in told(found)] == ["ok", "é" * 512]
    assert {(part.code, part.count) for part in found.rejected} == {("bad_name", 1)}
    assert [part.key for part in found.rejected] == ["", "a\\tb", "c\\x85d", "é" * 99 + "…"]
    stored = wire.decode_stored(found.payload, found.encoding)
    assert told(stored) == told(found)


def test_rejections_past_a_thousand_keys_are_counted_together():
    found = decode(batch(block(*(f"\n{number}" for number in range(1_500)))))
    assert len(found.rejected) == 1_001
    assert (found.rejected[-1].key, found.rejected[-1].count) == ("", 500)


@pytest.mark.parametrize(
    "again",
    [
        {"row": [0, 1]},
        {"row": [2, 1], "n": 1},
        {"row": struct.pack("<2q", 2, 9), "n": 2, "values": bytes(16)},
    ],
)
def test_a_name_twice_on_a_row_is_refused(again):
    first = {"n": 3, "row": [0, 1], "step": [0, 1], "time": [0, 1], "blocks": [block("x", values=bytes(24))]}
    rest = {key: value for key, value in again.items() if key != "values"}
    more = {"n": 3, "step": [0, 1], "time": [0, 1]} | rest
    more["blocks"] = [block("x", values=bytes(8 * more["n"]))]
    with pytest.raises(Malformed) as refusal:
        decode(msgspec.msgpack.encode({"v": 1, "groups": [first, more]}))
    assert refusal.value.code == "duplicate_name"
    with pytest.raises(Malformed):
        decode(batch(block("x", "x")))
    with pytest.raises(Malformed):
        decode(batch(block("x"), block("x", at=b"\0\0\0\0")))


def test_a_name_on_other_rows_or_of_another_kind_is_no_repeat():
    groups_sent = [wide([0], 3), wide([0], 3, first_row=3), wide([1], 3)]
    found = decode(wire.encode(groups_sent, ["x", "y"]))
    assert (found.rows, found.points, found.names) == (6, 9, ("x", "y"))
    assert len(told(decode(batch(block("x"), block("x", kind="i64"))))) == 2


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(body, id=name)
        for name, body in {
            "nothing": b"",
            "null": b"\xc0",
            "list": b"\x90",
            "no version": msgspec.msgpack.encode({}),
            "true for a version": msgspec.msgpack.encode({"v": True}),
            "bytes for keys": msgspec.msgpack.encode({b"v": 1}),
            "nil at": batch(block("x", at=None)),
            "empty at": batch(block("x", at=b"", values=b"")),
            "odd at": batch(block("x", at=b"\0\0\0")),
            "no names": batch(block()),
            "a name that is no text": batch(block(values=bytes(8)) | {"names": [b"x"]}),
            "a map for names": batch(block("x") | {"names": {"x": 1}}),
            "a map for groups": msgspec.msgpack.encode({"v": 1, "groups": {}}),
            "nil for records": msgspec.msgpack.encode({"v": 1, "records": None}),
            "text for values": batch(block("x", values="12345678")),
            "surrogate in a name": batch(block("x")).replace(b"\xa1x", b"\xa3\xed\xa0\x80"),
            "invalid UTF-8 in a name": batch(block("x")).replace(b"\xa1x", b"\xa1\xff"),
            "a negative count": batch(block("x"), n=-1),
            "a huge count": batch(block("x"), n=2**40),
            "a float count": batch(block("x"), n=1.0),
            "three numbers for an axis": batch(block("x"), step=[1, 2, 3]),
            "an axis past int64": batch(block("x"), step=[2**63, 0]),
            "a step of uint64": batch(block("x"), n=2, step=[0, 2**63]),
            "the greatest row": batch(block("x"), row=[2**63 - 1, 0]),
            "a descending rule": batch(block("x", values=bytes(16)), n=2, row=[5, -1]),
            "a standing rule": batch(block("x", values=bytes(16)), n=2, row=[5, 0]),
            "deep nesting": b"\x82\xa1v\x01\xa7records" + b"\x91" * 100_000,
            "a broken record": b"\x82\xa1v\x01\xa7records\x91\xa1\xff",
        }.items()
    ],
)
def test_a_broken_batch_is_refused_whole(body):
    with pytest.raises((Malformed, TooLarge)):
        decode(body)


def test_a_message_never_quotes_the_body():
    found = decode(wire.encode([], [], [{"type": "metric", "name": "x", "direction": "<script>"}]))
    messages = [part.message for part in found.rejected]
    for sent in (batch(block("x") | {"<script>": 1}), batch(block("x", kind="<script>"))):
        with pytest.raises(Malformed) as refusal:
            decode(sent)
        messages.append(refusal.value.message)
    for body in ({"<script> - at `$.x`": 1}, {"rows": [{"<script>`": 1}]}, {"rows": [{"step": "<script>"}]}):
        with pytest.raises(Malformed) as refusal:
            decode(json.dumps(body).encode(), wire.JSON)
        messages.append(refusal.value.message)
    assert len(messages) == 6
    assert not any("script" in message for message in messages)


@pytest.mark.parametrize("field", ["groups", "records"])
def test_dos_2_an_array_is_counted_before_it_becomes_objects(field):
    items = 30_000_000
    body = (
        b"\x82\xa1v\x01" + msgspec.msgpack.encode(field) + struct.pack(">BI", 0xDD, items) + b"\xc0" * items
    )
    tracemalloc.start()
    with pytest.raises(TooLarge):
        decode(body)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 1_000_000


def test_dos_2_names_are_counted_before_they_become_objects():
    names = msgspec.msgpack.encode(["ab"] * 1_000_001)
    block_start = b"\x83\xa4kind\xa3f64\xa6values\xc4\x00\xa5names"
    whole = batch(block("x"))
    body = whole[: whole.index(b"\x83\xa4kind")] + block_start + names
    tracemalloc.start()
    with pytest.raises(TooLarge):
        decode(body)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 1_000_000


def test_a_batch_over_a_limit_is_refused(monkeypatch):
    for limit, body in {
        "MAX_ROWS": batch(block("x", values=bytes(24)), n=3),
        "MAX_POINTS": batch(block("x", "y", "z")),
        "MAX_NAMES": batch(block("x", "y", "z")),
        "MAX_BLOCKS": batch(block("x"), block("y"), block("z")),
        "MAX_RECORDS": wire.encode([], [], [{}, {}, {}]),
        "MAX_RECORD_VALUES": wire.encode([], [], [{"type": [[]]}]),
        "MAX_INFLATED_BYTES": b"\xc0\xc0\xc0",
    }.items():
        with monkeypatch.context() as patch:
            patch.setattr(limits, limit, 2)
            with pytest.raises(TooLarge):
                decode(body)


# Encodings.


@pytest.mark.parametrize("inflated_bytes", [limits.MAX_INFLATED_BYTES, limits.MAX_INFLATED_BYTES + 1])
@pytest.mark.parametrize("encoding", ["", "gzip", "zstd", "zstd without its size"])
def test_dos_2_bodies_are_counted_while_they_inflate(inflated_bytes, encoding):
    plain = bytes(inflated_bytes)
    sent = {
        "": lambda: plain,
        "gzip": lambda: gzip.compress(plain, 1),
        "zstd": lambda: zstandard.ZstdCompressor().compress(plain),
        "zstd without its size": lambda: zstandard.ZstdCompressor(write_content_size=False).compress(plain),
    }[encoding]()
    if inflated_bytes > limits.MAX_INFLATED_BYTES:
        with pytest.raises(TooLarge):
            wire.inflate(sent, encoding.split(" ")[0])
    else:
        assert wire.inflate(sent, encoding.split(" ")[0]) == plain


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_body_cut_off_anywhere_is_malformed(encoding):
    plain = bytes(range(256)) * 9
    sent = (
        gzip.compress(plain)
        if encoding == "gzip"
        else zstandard.ZstdCompressor(write_checksum=True).compress(plain)
    )
    for length in range(len(sent)):
        with pytest.raises(Malformed):
            wire.inflate(sent[:length], encoding)
    for follows in (b"\0", sent):
        with pytest.raises(Malformed):
            wire.inflate(sent + follows, encoding)


def test_a_zstd_window_over_8_mib_is_refused():
    parameters = zstandard.ZstdCompressionParameters(window_log=27, write_content_size=False)
    compressing = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    with pytest.raises(Malformed, match="window"):
        wire.inflate(compressing.compress(bytes(10**6)) + compressing.flush(), "zstd")


@pytest.mark.parametrize("header", ["br", "deflate", "gzip, gzip", "gzip,zstd", "x-gzip", "gzip;q=1"])
def test_other_encodings_are_unsupported(header):
    with pytest.raises(Unsupported):
        wire.inflate(b"", header)


@pytest.mark.parametrize(
    "header", ["", "text/plain", "application/json; charset=latin-1", "application/x-msgpack"]
)
def test_other_media_types_are_unsupported(header):
    with pytest.raises(Unsupported):
        decode(b"{}", header)


def test_headers_are_read_without_regard_to_case_and_spaces():
    assert decode(b"{}", 'Application/JSON; charset="UTF-8"', " GZIP ".strip().lower() and "").points == 0
    assert decode(gzip.compress(b"{}"), "application/json;charset=utf-8", " GZip ").points == 0


# Records.


def test_a_refused_record_costs_only_itself():
    deep: dict[str, Any] = {"type": "config", "set": {}}
    inner = deep["set"]
    for _ in range(64):
        inner["a"] = inner = {}
    good = {"type": "tags", "add": ["x"]}
    found = decode(
        wire.encode(
            [],
            [],
            [
                good,
                deep,
                {"type": "note", "text": "x" * 100_001},
                {"type": "config", "set": {"x": ["y" * 90_000] * 12}},
                {"type": "value", "key": "k", "row": 0, "step": 0, "time": 0, "value": b"bytes"},
                {"type": "note", "text": datetime(2024, 5, 1, tzinfo=UTC)},
                {"type": "config", "set": {"x": msgspec.msgpack.Ext(5, b"a")}},
                {"type": "config", "set": {1: 2}},
                {"type": "metric", "name": "loss", "direction": "sideways"},
                {"type": "config", "sett": {}},
                {"type": 5},
            ],
        )
    )
    assert found.records == (good,)
    assert {(part.code, part.key): part.count for part in found.rejected} == {
        ("bad_value", "config"): 3,
        ("bad_value", "value"): 1,
        ("bad_value", "note"): 1,
        ("too_long", "note"): 1,
        ("too_long", "config"): 1,
        ("bad_record", "metric"): 1,
        ("bad_record", "config"): 1,
        ("unknown_record", ""): 1,
    }
    assert wire.decode_stored(found.payload, found.encoding).records == (good,)


def test_console_lines_may_be_many():
    lines = [{"n": n, "time": n, "fd": "stdout", "text": "y" * 90_000} for n in range(20)]
    found = decode(wire.encode([], [], [{"type": "console", "lines": lines}]))
    assert not found.rejected


# Rows.


def test_rows_that_name_nothing_get_the_streams_next_numbers_and_the_arrival():
    body = b'{"rows": [{"values": {"x": 1.5}}, {"row": 9, "values": {"x": 2.5}}, {"values": {"x": 3.5}}]}'
    found = decode(body, wire.JSON, next_row=4)
    (group,) = found.groups
    assert group.axis.row.tolist() == group.axis.step.tolist() == [4, 9, 10]
    assert group.axis.time.tolist() == [77] * 3
    assert found.next_row == 11
    assert told(wire.decode_stored(found.payload, found.encoding)) == told(found)


def test_rows_of_the_same_keys_share_an_axis():
    found = rows(
        {"values": {"a": 1.5, "b": 2.5}},
        {"values": {"b": 3.5, "a": 4.5}},
        {"values": {"a": 5.5, "b": 6.5, "c": True}},
        {},
    )
    assert sorted(len(group.axis) for group in found.groups) == [1, 3]
    assert (found.rows, found.next_row) == (4, 4)
    assert told(found) == {
        ("a", "f64"): {0: 1.5, 1: 4.5, 2: 5.5},
        ("b", "f64"): {0: 2.5, 1: 3.5, 2: 6.5},
        ("c", "bool"): {2: True},
    }


def test_integers_join_the_floats_of_their_key_where_no_digit_is_lost():
    values = [1, 2**53 + 1, 0.5, True, 2**63 - 1, 2**62, -(2**63)]
    found = rows(*({"values": {"x": value, "y": 7}} for value in values))
    assert told(found) == {
        ("x", "f64"): {0: 1.0, 2: 0.5, 5: 2.0**62, 6: -(2.0**63)},
        ("x", "i64"): {1: 2**53 + 1, 4: 2**63 - 1},
        ("x", "bool"): {3: True},
        ("y", "i64"): dict.fromkeys(range(7), 7),
    }


def test_values_without_a_kind_are_refused_one_by_one():
    found = rows(
        {"values": {"x": 1, "text": "a", "list": [1], "null": None, "huge": 2**64, "": 1}},
        {"values": {"x": "NaN", "text": "inf", "huge": -(2**63) - 1, "list": {}}},
    )
    assert {(part.code, part.key): part.count for part in found.rejected} == {
        ("bad_value", "text"): 2,
        ("bad_value", "list"): 2,
        ("bad_value", "null"): 1,
        ("out_of_range", "huge"): 2,
        ("bad_name", ""): 1,
    }
    assert [key for key, _ in told(found)] == ["x"]


@pytest.mark.parametrize(
    ("given", "time_us"),
    [
        (0, 0),
        (1.5, 1_500_000),
        (-0.000001, -1),
        (1700000000.25, 1_700_000_000_250_000),
        ("1970-01-01T00:00:01", 1_000_000),
        ("1970-01-01T01:00:01.000002+01:00", 1_000_002),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000_000),
        ("2038-01-19T03:14:08Z", 2**31 * 1_000_000),
    ],
)
def test_times_are_seconds_or_iso_8601(given, time_us):
    assert rows({"time": given, "values": {"x": 1}}).groups[0].axis.time.tolist() == [time_us]


@pytest.mark.parametrize(
    "row",
    [
        {"time": "yesterday"},
        {"time": 1e300},
        {"time": 10**30},
        {"time": True},
        {"time": []},
        {"step": 2**63},
        {"step": 1.0},
        {"step": True},
        {"step": "1"},
        {"row": -1},
        {"row": 2**63 - 1},
        {"values": []},
        {"values": None},
        {"vales": {}},
        [],
    ],
)
def test_a_row_without_its_shape_refuses_the_batch(row):
    with pytest.raises(Malformed):
        rows(row)


def test_json_over_a_limit_is_refused(monkeypatch):
    sendings: dict[str, list[Any]] = {
        "MAX_ROWS": [{}, {}, {}],
        "MAX_POINTS": [{"values": {"x": 1, "y": 1, "z": 1}}],
        "MAX_NAMES": [{"values": {"x": 1, "y": 1, "z": 1}}],
        "MAX_BLOCKS": [{"values": {"x": 1}}, {"values": {"y": 1}}, {"values": {"z": 1}}],
    }
    for limit, sent in sendings.items():
        with monkeypatch.context() as patch:
            patch.setattr(limits, limit, 2)
            with pytest.raises(TooLarge):
                rows(*sent)


finite = st.floats(allow_nan=False, allow_infinity=False)
texts = st.sampled_from(["a", "NaN"])
json_values = st.integers(-(2**70), 2**70) | finite | st.booleans() | texts | st.none()
keys = st.text("ab\n", max_size=2)


@quick
@given(st.lists(st.dictionaries(keys, json_values, max_size=4), max_size=5))
def test_every_value_of_any_rows_is_read_or_told_as_refused(sent):
    found = rows(*({"values": values} for values in sent))
    assert found.points + sum(part.count for part in found.rejected) == sum(map(len, sent))
    read = told(found)
    for row, values in enumerate(sent):
        for key, value in values.items():
            here = [kind for (name, kind), column in read.items() if name == key and row in column]
            if here and not isinstance(value, str):
                assert read[key, here[0]][row] == value
                assert (here == ["bool"]) == isinstance(value, bool)


# Fuzz: whatever arrives is a batch or a refusal.


@quick
@given(st.sampled_from(sorted(specimens.bodies())), st.data())
def test_fail_7_any_damaged_body_is_read_or_refused(name, data):
    body, content_type, content_encoding = specimens.bodies()[name]
    damaged = bytearray(body)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(damaged)))
        damaged[place : place + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    try:
        found = decode(bytes(damaged), content_type, content_encoding)
    except DomainError:
        return
    wire.decode_stored(found.payload, found.encoding)


@quick
@given(
    st.binary(max_size=80), st.sampled_from([wire.MSGPACK, wire.JSON]), st.sampled_from(["", "gzip", "zstd"])
)
def test_fail_7_any_bytes_are_read_or_refused(body, content_type, encoding):
    for sent in (body, gzip.compress(body)):
        with contextlib.suppress(Malformed):
            decode(sent, content_type, encoding)


def test_what_json_rows_became_is_read_back_however_large_it_grew():
    # Two key sets over 80,000 calls: as columns the batch has more rows than a sender may claim.
    rows = b",".join(
        b'{"values":{"a":1.5,"b":2.5}}' if number % 2 else b'{"values":{"a":1.5}}' for number in range(80_000)
    )
    batch = wire.decode(
        b'{"rows":[' + rows + b"]}", content_type=wire.JSON, content_encoding="", arrival_us=0, next_row=0
    )

    stored = wire.decode_stored(batch.payload, batch.encoding)

    assert (stored.rows, stored.points) == (batch.rows, batch.points) == (80_000, 120_000)


# What was accepted is read back from the inbox, whatever it was made of.


def read_back(found: wire.Decoded) -> None:
    stored = wire.decode_stored(found.payload, found.encoding)

    # As text a NaN equals itself, and zero differs from minus zero.
    assert sorted(map(repr, told(stored).items())) == sorted(map(repr, told(found).items()))
    assert (stored.points, stored.records) == (found.points, found.records)


def test_rows_that_share_no_key_are_read_back():
    keyed = b",".join(b'{"values":{"k%d":1.5}}' % number for number in range(limits.MAX_BLOCKS))

    found = decode(b'{"rows":[' + keyed + b"]}", wire.JSON)

    assert found.points == limits.MAX_BLOCKS
    read_back(found)


def test_sparse_blocks_beside_a_bad_name_are_read_back():
    # One refused name has the batch written anew, where each sparse block is a group with an axis of its own.
    count = 4_000
    sparse = [
        block(f"k{row}", values=struct.pack("<d", row), at=struct.pack("<I", row)) for row in range(count)
    ]
    bad = block("a\tb", values=bytes(8 * count))

    found = decode(batch(*sparse, bad, n=count))

    assert (found.points, len(found.rejected)) == (count, 1)
    read_back(found)


leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3)
)
nested = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner)
)
any_records = st.lists(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["config", "summary", "value", "unheard-of"])},
        optional={
            "values": nested,
            "key": st.text(max_size=2),
            "value": nested,
            "step": nested,
            "row": nested,
        },
    ),
    max_size=3,
)
names = st.sampled_from(["a", "b", "c", "d", "e", "", "a\tb"])


@st.composite
def sparse_batches(draw):
    """Blocks of any names, good and bad, on all rows or on some."""
    n = draw(st.integers(1, 5))
    made = []
    for kind in draw(st.lists(st.sampled_from(["f64", "i64", "bool"]), min_size=1, max_size=4)):
        at = sorted(draw(st.sets(st.integers(0, n - 1), min_size=1))) if draw(st.booleans()) else None
        named = draw(st.lists(names, min_size=1, max_size=3, unique=True))
        points = len(named) * (n if at is None else len(at))
        values = bytes(draw(st.lists(st.integers(0, 1), min_size=points, max_size=points)))
        if kind != "bool":
            values = np.frombuffer(values, np.uint8).astype("<f8" if kind == "f64" else "<i8").tobytes()
        extra = {} if at is None else {"at": struct.pack(f"<{len(at)}I", *at)}
        made.append(block(*named, values=values, kind=kind, **extra))
    return batch(*made, n=n), wire.MSGPACK


json_batches = st.builds(
    lambda sent, records: (
        json.dumps({"rows": [{"values": values} for values in sent], "records": records}).encode(),
        wire.JSON,
    ),
    st.lists(st.dictionaries(keys, json_values, max_size=4), max_size=5),
    any_records,
)


@quick
@given(sparse_batches() | json_batches, st.sampled_from(["", "gzip"]))
def test_whatever_is_accepted_is_read_back(sent, encoding):
    body, content_type = sent
    try:
        accepted = decode(gzip.compress(body) if encoding else body, content_type, encoding)
    except DomainError:
        return
    read_back(accepted)


def test_values_that_nobody_asked_for_are_not_copied():
    values = {"a": 1.0, "b": 2.0, "c": True}
    found = rows({"values": values}, {"values": {"b": 3.0}})

    stored = wire.decode_stored(found.payload, found.encoding, {"b", "c", "other"})

    assert told(stored) == {("b", "f64"): {0: 2.0, 1: 3.0}, ("c", "bool"): {0: True}}
    assert stored.points == 3
