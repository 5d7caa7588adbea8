"""What a metric is known by without reading its points: ends, extremes, sums, counts.

Facts are merged in any order and any grouping: everything but the three float sums comes out the same bit by
bit; those differ by rounding only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import zstandard
from numpy.typing import NDArray

from apps.metrics.blocks import in_order
from apps.metrics.codec import CorruptSegment
from apps.metrics.groups import Group, Ids, Ints, Kind, Values

# first, last, min and max are *ranks*: int64 that order as the values do (rank(), value()), so that
# merging needs no kinds. Points order by (step, time, value), NaN lowest; first is the least of them, last
# the greatest. min, max, sum, mean and m2 are over finite values; of equal extremes the least step counts.
# A record with count 0 is a metric nobody has logged.
FACT = np.dtype(
    [
        ("count", "<i8"),
        ("nan", "<i8"),
        ("pinf", "<i8"),
        ("ninf", "<i8"),
        ("first_step", "<i8"),
        ("first_time", "<i8"),
        ("first", "<i8"),
        ("last_step", "<i8"),
        ("last_time", "<i8"),
        ("last", "<i8"),
        ("min", "<i8"),
        ("min_step", "<i8"),
        ("max", "<i8"),
        ("max_step", "<i8"),
        ("sum", "<f8"),
        ("mean", "<f8"),
        ("m2", "<f8"),
    ]
)
Facts = NDArray[np.void]  # of FACT
_OPAQUE = np.dtype((np.void, FACT.itemsize))

VERSION = 1
_NAN_RANK = np.int64(-(2**63))
_ALL_BUT_SIGN = np.int64(2**63 - 1)


def rank(values: Values) -> Ints:
    """Return int64 that compare as the values of one kind do: −Inf < … < −0 < 0 < … < +Inf, NaN lowest.

    For float64 the bits of a negative number are flipped but for its sign; bit-exact but for NaN payloads.
    """
    if values.dtype.kind != "f":
        return values.astype(np.int64)
    bits = values.view(np.int64)
    ranks: Ints = bits ^ ((bits >> 63) & _ALL_BUT_SIGN)
    ranks[np.isnan(values)] = _NAN_RANK
    return ranks


def value(ranks: Ints, kind: Kind) -> Values:
    """Return the values of ranks: float64, int64 or bool."""
    if kind == "i64":
        return ranks
    if kind == "bool":
        return ranks.astype(np.bool_)
    bits = ranks ^ ((ranks >> 63) & _ALL_BUT_SIGN)
    return np.where(ranks == _NAN_RANK, np.nan, bits.view(np.float64))


def from_groups(groups: Sequence[Group]) -> tuple[Ids, Facts]:
    """Return the facts of all metrics in groups in any order: ids int32[m] ascending, facts FACT[m]."""
    ids = [np.empty(0, np.int32)]
    facts: list[Facts] = []
    for group in groups:
        if not group.rows:
            continue
        ordered = in_order(group)
        for part in ordered.columns:
            ids.append(part.ids)
            facts.append(_of_columns(part.values, ordered.axis.step, ordered.axis.time))
    return collapse(np.concatenate(ids), concat(facts))


def _of_columns(values: Values, step: Ints, time: Ints) -> Facts:
    """Return the facts of k columns on n ≥ 1 rows sorted by (step, time)."""
    made = np.zeros(len(values), FACT)
    ranks = rank(values)
    _set_ends(made, ranks, step, time)
    floats = values.astype(np.float64, copy=False)
    finite = np.isfinite(floats)
    made["count"] = len(step)
    with np.errstate(over="ignore", invalid="ignore"):
        if finite.all():
            least, greatest = ranks.argmin(axis=1), ranks.argmax(axis=1)
            finite_count = np.full(len(values), len(step))
            made["sum"] = floats.sum(axis=1)
            made["mean"] = made["sum"] / len(step)
            made["m2"] = np.square(floats - made["mean"][:, None]).sum(axis=1)
        else:
            made["nan"] = np.isnan(floats).sum(axis=1)
            made["pinf"] = np.isposinf(floats).sum(axis=1)
            made["ninf"] = np.isneginf(floats).sum(axis=1)
            finite_count = finite.sum(axis=1)
            # Not finite: past every finite rank on the side that loses.
            least = np.where(finite, ranks, _ALL_BUT_SIGN).argmin(axis=1)
            greatest = np.where(finite, ranks, _NAN_RANK).argmax(axis=1)
            made["sum"] = floats.sum(axis=1, where=finite)
            made["mean"] = made["sum"] / np.maximum(finite_count, 1)
            made["m2"] = np.square(floats - made["mean"][:, None]).sum(axis=1, where=finite)
    some = finite_count > 0
    at = np.arange(len(values))
    made["min"] = np.where(some, ranks[at, least], _NAN_RANK)
    made["max"] = np.where(some, ranks[at, greatest], _NAN_RANK)
    made["min_step"] = np.where(some, step[least], 0)
    made["max_step"] = np.where(some, step[greatest], 0)
    return made


def _set_ends(made: Facts, ranks: Ints, step: Ints, time: Ints) -> None:
    """Set first and last: among the rows tied at an end of (step, time), the least or greatest value."""
    tied = (step == step[0]) & (time == time[0])
    made["first_step"], made["first_time"] = step[0], time[0]
    made["first"] = ranks[:, : int(np.argmin(tied)) or len(tied)].min(axis=1)
    tied = ((step == step[-1]) & (time == time[-1]))[::-1]
    made["last_step"], made["last_time"] = step[-1], time[-1]
    made["last"] = ranks[:, len(tied) - (int(np.argmin(tied)) or len(tied)) :].max(axis=1)


def merge(one: Facts, other: Facts) -> Facts:
    """Return element by element the facts of both sets of points together; FACT[m] each."""
    made = one.copy()
    for field in ("count", "nan", "pinf", "ninf"):
        made[field] = one[field] + other[field]
    _merge_ends(made, one, other)
    _merge_extremes(made, one, other)
    _merge_sums(made, one, other)
    return made


def _merge_ends(made: Facts, one: Facts, other: Facts) -> None:
    absent, given = one["count"] == 0, other["count"] > 0
    for end in ("first", "last"):
        fields = (f"{end}_step", f"{end}_time", end)
        before, tied = np.zeros(len(one), np.bool_), np.ones(len(one), np.bool_)
        for field in fields:
            wins = other[field] < one[field] if end == "first" else other[field] > one[field]
            before |= tied & wins
            tied &= other[field] == one[field]
        chosen = given & (absent | before)
        for field in fields:
            made[field] = np.where(chosen, other[field], one[field])


def _merge_extremes(made: Facts, one: Facts, other: Facts) -> None:
    absent, given = finite_count(one) == 0, finite_count(other) > 0
    for field in ("min", "max"):
        wins = other[field] < one[field] if field == "min" else other[field] > one[field]
        tied = (other[field] == one[field]) & (other[f"{field}_step"] < one[f"{field}_step"])
        # Where neither has a finite value, the record that is there says so.
        chosen = np.where(given, absent | wins | tied, absent & (one["count"] == 0))
        for name in (field, f"{field}_step"):
            made[name] = np.where(chosen, other[name], one[name])


def _merge_sums(made: Facts, one: Facts, other: Facts) -> None:
    """Chan, Golub and LeVeque (1979), Updating Formulae and a Pairwise Algorithm, equation 2.1."""
    left, right = finite_count(one).astype(np.float64), finite_count(other).astype(np.float64)
    both = np.maximum(left + right, 1.0)
    with np.errstate(over="ignore", invalid="ignore"):
        apart = other["mean"] - one["mean"]
        made["sum"] = one["sum"] + other["sum"]
        # An empty side must not turn an infinite mean into NaN.
        made["mean"] = np.where(
            left == 0, other["mean"], np.where(right == 0, one["mean"], one["mean"] + apart * (right / both))
        )
        cross = np.where((left == 0) | (right == 0), 0.0, np.square(apart) * (left * right / both))
        made["m2"] = one["m2"] + other["m2"] + cross


def finite_count(facts: Facts) -> Ints:
    """Return how many of the values were finite."""
    count: Ints = facts["count"] - facts["nan"] - facts["pinf"] - facts["ninf"]
    return count


def concat(parts: Sequence[Facts]) -> Facts:
    """Return all records, one array after the other. NumPy's own way compares the fields of each pair of arrays."""
    if not parts:
        return np.empty(0, FACT)
    joined: Facts = np.concatenate([np.ascontiguousarray(part).view(_OPAQUE) for part in parts]).view(FACT)
    return joined


def collapse(ids: Ids, facts: Facts) -> tuple[Ids, Facts]:
    """Return one record per id, ascending: all records of an id merged.

    Neighbours are merged in pairs, all ids at once, until none has two: log2(most records of an id) rounds.
    """
    order = np.argsort(ids, kind="stable")
    ids, facts = ids[order], facts[order]
    while len(ids) > 1 and (ids[1:] == ids[:-1]).any():
        starts = np.append(True, ids[1:] != ids[:-1])
        place = np.arange(len(ids)) - np.flatnonzero(starts)[np.cumsum(starts) - 1]
        left = np.flatnonzero(place % 2 == 0)
        has_right = np.append(place[1:] % 2 == 1, False)[left]
        merged = facts[left]
        merged[has_right] = merge(merged[has_right], facts[left[has_right] + 1])
        ids, facts = ids[left], merged
    return ids, facts


def encode(facts: Facts) -> bytes:
    """Return the facts of a block (FACT[m], at most 256, in order of metric number) as bytes.

    Zstandard level 1 over the fields one after the other, with its own checksum.
    """
    columns = b"".join(np.ascontiguousarray(facts[name]).tobytes() for name in FACT.names or ())
    return bytes([VERSION]) + zstandard.ZstdCompressor(level=1, write_checksum=True).compress(columns)


def decode(stored: bytes | memoryview) -> Facts:
    """Return the facts of a block. Raises CorruptSegment."""
    view = memoryview(stored)
    if not len(view) or view[0] != VERSION:
        raise CorruptSegment("Facts have another version.")
    try:
        if zstandard.frame_content_size(view[1:]) > 256 * FACT.itemsize:
            raise CorruptSegment("Facts are longer than a block of them can be.")
        columns = zstandard.ZstdDecompressor().decompress(view[1:], max_output_size=256 * FACT.itemsize)
    except zstandard.ZstdError as error:
        raise CorruptSegment(f"Facts cannot be decoded: {error}") from error
    count, rest = divmod(len(columns), FACT.itemsize)
    if rest:
        raise CorruptSegment("Facts are cut off.")
    made = np.empty(count, FACT)
    for number, name in enumerate(FACT.names or ()):
        made[name] = np.frombuffer(columns, FACT[name], count, offset=number * 8 * count)
    return made


def at_numbers(ids: Ids, facts: Facts, size: int) -> Facts:
    """Return facts as an array indexed by number: FACT[size], with count 0 where ids has none."""
    made: NDArray[Any] = np.zeros(size, FACT)
    made[ids] = facts
    return made
