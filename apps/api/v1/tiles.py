"""Tiles: what charts draw, of many runs × metrics in one call, as JSON or as plain columns of bytes."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from numpy.typing import NDArray
from rest_framework import serializers
from rest_framework.views import APIView

from apps.base.errors import TooLarge
from apps.metrics import latest, tiles
from apps.metrics.downsample import Marks
from apps.tracking.models import Run

from ..conditional import etag_of, unchanged
from ..json_values import answer, column
from ..request import Request
from ..shapes import Asked
from .metrics import MOST_NAMES
from .runs import MOST_FETCHED, found_runs

MOST_SERIES = 1000
MOST_MARKS = 4_000_000
MOST_PIXELS = 8192
BINARY = "application/vnd.isoline.tile"
COLUMNS = ("x_first", "x_last", "y_first", "y_last", "y_min", "y_max", "sum", "count", "nan", "pinf", "ninf")
_COUNTS = frozenset({"count", "nan", "pinf", "ninf"})


class TilesAsked(Asked):
    runs = serializers.ListField(
        child=serializers.CharField(max_length=64), min_length=1, max_length=MOST_FETCHED
    )
    metrics = serializers.ListField(
        child=serializers.CharField(max_length=1024), min_length=1, max_length=MOST_NAMES
    )
    x = serializers.CharField(
        default="step", max_length=1024, help_text="`step`, `time`, `relative`, or the name of a metric."
    )
    x_min = serializers.FloatField(required=False, allow_null=True)
    x_max = serializers.FloatField(required=False, allow_null=True)
    pixels = serializers.IntegerField(default=1000, min_value=1, max_value=MOST_PIXELS)
    columns = serializers.ListField(
        child=serializers.ChoiceField(choices=COLUMNS), required=False, min_length=1, help_text="Else all."
    )
    format = serializers.ChoiceField(choices=["json", "binary"], default="json")


class TilesQuery(TilesAsked):
    """The same for GET, where lists are repeated parameters."""

    run = serializers.ListField(child=serializers.CharField(max_length=64), min_length=1, max_length=100)
    metric = serializers.ListField(child=serializers.CharField(max_length=1024), min_length=1, max_length=100)
    column = serializers.ListField(child=serializers.ChoiceField(choices=COLUMNS), required=False)
    runs = metrics = columns = None  # type: ignore[assignment]


class TileSeriesOut(serializers.Serializer[Any]):
    run = serializers.CharField()
    metric = serializers.CharField()
    kind = serializers.ChoiceField(
        choices=["f64", "i64", "bool"], help_text="Of the values; f64 if the metric has had several."
    )
    marks = serializers.IntegerField()
    points = serializers.IntegerField(help_text="How many the marks stand for.")
    columns = serializers.DictField(
        help_text="Lists of one value a mark; a number where all are equal; `=name` where it is that column."
    )


class MissingOut(serializers.Serializer[Any]):
    run = serializers.CharField()
    metric = serializers.CharField()


class TilesOut(serializers.Serializer[Any]):
    x = serializers.CharField()
    x_min = serializers.FloatField(allow_null=True, help_text="The range shown; null if there is no point.")
    x_max = serializers.FloatField(allow_null=True)
    versions = serializers.DictField(child=serializers.CharField())
    origins = serializers.DictField(
        child=serializers.IntegerField(),
        required=False,
        help_text="Where `relative` time begins in each run, in µs since the epoch; only with that x.",
    )
    series = TileSeriesOut(many=True)
    missing = MissingOut(many=True, help_text="Asked for, and without a point in the range.")


_RESPONSES = {200: TilesOut, (200, BINARY): OpenApiTypes.BINARY, 304: None}


class TilesView(APIView):
    """GET, POST /tiles"""

    @extend_schema(
        summary="What a chart draws", tags=["metrics"], parameters=[TilesQuery], responses=_RESPONSES
    )
    def get(self, request: Request) -> HttpResponse:
        asked = TilesQuery(data=request.query_params)
        asked.is_valid(raise_exception=True)
        wanted = dict(asked.validated_data)
        wanted |= {
            "runs": wanted.pop("run"),
            "metrics": wanted.pop("metric"),
            "columns": wanted.pop("column", []),
        }
        return _answer(request, wanted)

    @extend_schema(
        summary="What many charts draw", tags=["metrics"], request=TilesAsked, responses=_RESPONSES
    )
    def post(self, request: Request) -> HttpResponse:
        asked = TilesAsked(data=request.data)
        asked.is_valid(raise_exception=True)
        return _answer(request, dict(asked.validated_data))


def _answer(request: Request, wanted: dict[str, Any]) -> HttpResponse:
    ids, names = list(dict.fromkeys(wanted["runs"])), list(dict.fromkeys(wanted["metrics"]))
    _check_size(len(ids) * len(names), wanted["pixels"])
    runs = {run.pk: run for run in found_runs(request.principal, ids)}
    origins = {pk: round(run.started_at.timestamp() * 1e6) for pk, run in runs.items()}

    def etag_at(versions: Mapping[int, str]) -> str:
        begun = sorted(origins.items()) if wanted["x"] == "relative" else None
        return etag_of("tiles", sorted(wanted.items()), begun, [(pk, versions[pk]) for pk in sorted(runs)])

    if (same := unchanged(request, etag_at(latest.versions(list(runs))))) is not None:
        return same
    made = tiles.tiles(
        list(runs),
        names,
        x=wanted["x"],
        x_min=wanted.get("x_min"),
        x_max=wanted.get("x_max"),
        pixels=wanted["pixels"],
        origins=origins,
    )
    content = _content(made, runs, names, wanted)
    if wanted["x"] == "relative":
        content["origins"] = {run.public_id: origins[pk] for pk, run in runs.items()}
    # Batches may have come since: the ETag is that of what is in the body.
    etag = etag_at(made.versions)
    if wanted["format"] == "binary":
        response = HttpResponse(packed(content), content_type=BINARY)
        response["ETag"] = etag
        return response
    return answer(content, etag=etag)


def _check_size(series: int, pixels: int) -> None:
    """Raises TooLarge."""
    if series > MOST_SERIES or series * pixels * 2 > MOST_MARKS:
        raise TooLarge(
            f"A call answers at most {MOST_SERIES:,} series and {MOST_MARKS // 2:,} pixels over all of them:"
            " ask for fewer runs, metrics or pixels.",
            code="tile_too_large",
        )


def _content(
    made: tiles.Tiles, runs: Mapping[int, Run], names: list[str], wanted: dict[str, Any]
) -> dict[str, Any]:
    columns = [name for name in COLUMNS if not wanted.get("columns") or name in wanted["columns"]]
    there = {(each.run, each.name) for each in made.series}
    return {
        "x": wanted["x"],
        "x_min": made.window.x_min if made.window else None,
        "x_max": made.window.x_max if made.window else None,
        "versions": {run.public_id: made.versions[pk] for pk, run in runs.items()},
        "series": [
            {
                "run": runs[each.run].public_id,
                "metric": each.name,
                "kind": each.kind,
                "marks": len(each.marks),
                "points": int(each.marks.count.sum()),
                "columns": short_columns(each.marks, columns),
            }
            for each in made.series
        ],
        "missing": [
            {"run": run.public_id, "metric": name}
            for pk, run in runs.items()
            for name in names
            if (pk, name) not in there
        ],
    }


def short_columns(marks: Marks, names: list[str]) -> dict[str, Any]:
    """Return the columns; one that says nothing new as the one value it has, or the name of its twin."""
    short: dict[str, Any] = {}
    full: dict[str, NDArray[Any]] = {}
    for name in names:
        values: NDArray[Any] = getattr(marks, name)
        twin = next((other for other, held in full.items() if _is_same(values, held)), None)
        if twin is not None:
            short[name] = f"={twin}"
        elif len(values) > 1 and np.isfinite(values[0]) and (_bits(values) == _bits(values[:1])).all():
            short[name] = values[0].item()
        else:
            full[name] = values
            short[name] = column(values)
    return short


def _is_same(one: NDArray[Any], other: NDArray[Any]) -> bool:
    return one.dtype == other.dtype and np.array_equal(_bits(one), _bits(other))


def _bits(values: NDArray[Any]) -> NDArray[Any]:
    """Return what tells -0.0 and 0.0 apart, and a NaN the same as itself."""
    return np.ascontiguousarray(values).view(np.int64) if values.dtype.kind == "f" else values


def packed(content: dict[str, Any]) -> bytes:
    """Return a tile as docs/reference/rest.md lays it out: a JSON header, then columns on 8-byte borders."""
    parts: list[bytes] = []
    offset = 0
    for series in content["series"]:
        for name, values in series["columns"].items():
            if isinstance(values, list):
                values = np.array([float(value) for value in values])
            if not isinstance(values, np.ndarray):
                continue
            is_count = name in _COUNTS and int(values.max(initial=0)) < 2**32
            part = values.astype("<u4" if is_count else "<f8").tobytes()
            series["columns"][name] = [offset, len(values), "u32" if is_count else "f64"]
            part += bytes(-len(part) % 8)
            parts.append(part)
            offset += len(part)
    header = orjson.dumps(content)
    header += b" " * (-(len(header) + 12) % 8)
    return b"".join([struct.pack("<4sII", b"ISOT", 1, len(header)), header, *parts])
