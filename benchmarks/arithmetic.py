"""What the engine's arithmetic costs on one core, without server or database.

The ratio beside each step is to copying the same values once (memcpy): how far the step is from free.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from apps.metrics import blocks, codec, downsample, envelope, facts, wire
from apps.metrics.groups import Axis, Columns, Group

from .report import is_quick, rate, table

ROUNDS = 5


def main() -> None:
    scale = 10 if is_quick() else 1
    steps_of_an_ingest(1_000_000 // scale)
    stored_sizes(16_384)
    many_metrics(100_000 // scale)
    tiles(1_000_000 // scale)


def steps_of_an_ingest(points: int) -> None:
    """A batch of ten columns on its way from the wire to sealed segments and back."""
    group = noisy(points // 10, 10)
    names = [f"metric {number}" for number in range(10)]
    body = wire.encode([group], names)
    document = json.dumps(
        {
            "rows": [
                {"step": int(step), "values": dict(zip(names, row, strict=True))}
                for step, row in zip(
                    group.axis.step[:1000], group.columns[0].values.T[:1000].tolist(), strict=True
                )
            ]
        }
    ).encode()
    shuffled = group.take(np.random.default_rng(1).permutation(group.rows))
    halves = [group.take(slice(start, None, 16)) for start in range(16)]
    pieces = [piece for _, piece in blocks.split(group)]
    packed = [codec.pack(piece) for piece in pieces]
    copying = seconds(lambda: group.columns[0].values.copy())
    rows = []
    for step, count, work in (
        ("decode a batch (checked)", points, lambda: decode(body)),
        ("decode a stored batch", points, lambda: wire.decode_stored(body, "")),
        ("decode JSON rows", 10_000, lambda: decode(document, wire.JSON)),
        ("merge 16 interleaved groups", points, lambda: blocks.merge(halves)),
        ("sort one shuffled group", points, lambda: blocks.in_order(shuffled)),
        ("facts", points, lambda: facts.from_groups([group])),
        ("envelope", points, lambda: [envelope.encode(piece) for piece in pieces]),
        ("split, compress", points, lambda: [codec.pack(piece) for _, piece in blocks.split(group)]),
        (
            "decompress",
            points,
            lambda: [codec.unpack(part, piece.rows) for part, piece in zip(packed, pieces, strict=True)],
        ),
    ):
        took = seconds(work)
        times = f"{took / count / (copying / points):.0f}x"
        rows.append((step, f"{took * 1e3:.1f} ms", rate(count, took), times))
    table(f"A batch of {points:,} points in 10 columns", ("step", "time", "points", "memcpy"), rows)


def stored_sizes(rows: int) -> None:
    """Bytes a value takes in a sealed segment."""
    rng = np.random.default_rng(0)
    walk = np.cumsum(rng.normal(size=rows))
    kinds = {
        "noisy float64": walk,
        "float64 that was a float32": walk.astype(np.float32).astype(np.float64),
        "three decimals": np.round(walk, 3),
        "random int64": rng.integers(-(2**63), 2**63 - 1, rows),
        "counter": np.arange(rows) * 64,
        "random bool": rng.random(rows) < 0.5,
        "constant": np.full(rows, 0.1),
    }
    made = []
    for name, values in kinds.items():
        part = codec.encode_part(values)
        encoding = seconds(partial(codec.encode_part, values))
        decoding = seconds(partial(codec.decode_part, part, values.dtype, rows))
        made.append((name, f"{len(part) / rows:.2f}", f"{encoding * 1e6:.0f} µs", f"{decoding * 1e6:.0f} µs"))
    axis = noisy(rows, 1).axis
    made.append(("axis (a second apart, jittered)", f"{len(codec.encode_axis(axis)) / rows:.2f}", "", ""))
    table(f"A column of {rows:,} rows", ("values", "bytes each", "encode", "decode"), made)


def many_metrics(metrics: int) -> None:
    """One row of very many metrics, sixteen times."""
    names = [f"layer/{number}/weight" for number in range(metrics)]
    body = wire.encode([noisy(1, metrics)], names)
    batches = [noisy(1, metrics, first_row=row) for row in range(16)]
    (merged,) = blocks.merge(batches)
    pieces = [piece for _, piece in blocks.split(merged)]
    packed = [codec.pack(piece) for piece in pieces]
    _, found = facts.from_groups(batches[:1])
    rows = [
        ("decode a row", lambda: decode(body)),
        ("decode a stored row", lambda: wire.decode_stored(body, "")),
        ("merge 16 rows", lambda: blocks.merge(batches)),
        ("split", lambda: list(blocks.split(merged))),
        ("compress", lambda: [codec.pack(piece) for piece in pieces]),
        ("decompress", lambda: [codec.unpack(part, 16) for part in packed]),
        ("facts of 16 rows", lambda: facts.from_groups([merged])),
        ("merge facts", lambda: facts.merge(found, found)),
        ("encode facts", lambda: [facts.encode(found[at : at + 256]) for at in range(0, metrics, 256)]),
    ]
    table(
        f"{metrics:,} metrics in a row",
        ("step", "time"),
        [(step, f"{seconds(work) * 1e3:.1f} ms") for step, work in rows],
    )


def tiles(points: int) -> None:
    """A tile of one metric from its points, and from its stored buckets."""
    group = noisy(points, 1)
    values, steps = group.columns[0].values[0], group.axis.step
    (buckets,) = envelope.from_group(group)
    rows = []
    for pixels in (300, 1500):
        window = downsample.Window(0, points - 1, pixels)
        from_points = seconds(partial(downsample.from_points, steps, values, window))
        from_buckets = seconds(partial(tile_of_buckets, buckets, window))
        rows.append((pixels, f"{from_points * 1e3:.2f} ms", f"{from_buckets * 1e3:.2f} ms"))
    table(
        f"A tile of {points:,} points",
        ("pixels", "all points", f"{len(buckets.spans):,} buckets"),
        rows,
    )


def tile_of_buckets(buckets: envelope.Buckets, window: downsample.Window) -> downsample.Marks:
    return downsample.tile([downsample.from_buckets(buckets, "step")], window)


def noisy(rows: int, metrics: int, *, first_row: int = 0) -> Group:
    """Random walks, logged about once a second."""
    rng = np.random.default_rng(first_row)
    count = np.arange(first_row, first_row + rows, dtype=np.int64)
    times = 1_700_000_000_000_000 + count * 1_000_000 + rng.integers(0, 500, rows)
    values = np.cumsum(rng.normal(size=(metrics, rows)), axis=1)
    return Group(
        Axis(count, times, np.zeros(rows, np.int32), count),
        (Columns("f64", np.arange(metrics, dtype=np.int32), values),),
    )


def decode(body: bytes, content_type: str = wire.MSGPACK) -> wire.Decoded:
    return wire.decode(body, content_type=content_type, content_encoding="", arrival_us=0)


def seconds(work: Callable[[], Any]) -> float:
    """Return the best of a few rounds: what the work costs when nothing else runs."""
    best = float("inf")
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - begun)
    return best


if __name__ == "__main__":
    main()
