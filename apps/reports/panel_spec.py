"""What a panel may say: the small JSON that workspaces, links and reports store and an element draws.

docs/design/browser.md tells what the fields mean; `static/js/models/panel.js` resolves what is inherited.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from apps.base.errors import Invalid

MOST_METRICS = 20

Metric = Annotated[str, Meta(min_length=1, max_length=1024)]
PanelId = Annotated[str, Meta(min_length=1, max_length=1100)]
# "step", "relative", "time", or a metric's name behind "metric:".
X = Annotated[str, Meta(pattern=r"^(step|relative|time|metric:.+)$", max_length=1031)]
Scale = Literal["linear", "log"]
Range = Annotated[list[float], Meta(min_length=2, max_length=2)] | None


class Smoothing(Struct, forbid_unknown_fields=True):
    """amount: the weight of the past for "ema", in [0, 1); a width in points for the others."""

    kind: Literal["none", "ema", "gaussian", "mean"]
    amount: Annotated[float, Meta(ge=0, le=10_000)]

    def __post_init__(self) -> None:
        if self.kind == "ema" and self.amount >= 1:
            raise ValueError("an average with a weight below 1 is expected")


class PanelSettings(Struct, forbid_unknown_fields=True, kw_only=True):
    """What a workspace sets for all panels, a section for its own, a panel for itself. Unset: inherited."""

    x: X | UnsetType = UNSET
    x_scale: Scale | UnsetType = UNSET
    y_scale: Scale | UnsetType = UNSET
    smoothing: Smoothing | UnsetType = UNSET
    outliers: Literal["show", "ignore"] | UnsetType = UNSET
    x_range: Range | UnsetType = UNSET
    y_range: Range | UnsetType = UNSET

    def __post_init__(self) -> None:
        for name in ("x_range", "y_range"):
            held = getattr(self, name)
            if held and not (all(map(math.isfinite, held)) and held[0] < held[1]):
                raise ValueError(f"{name} goes from a smaller to a greater number")


class PanelChange(PanelSettings, kw_only=True):
    """What a view changes about a panel that is there by itself; with `metrics`, a panel of its own."""

    kind: Literal["line"] | UnsetType = UNSET
    metrics: Annotated[list[Metric], Meta(min_length=1, max_length=MOST_METRICS)] | UnsetType = UNSET
    title: Annotated[str, Meta(max_length=200)] | UnsetType = UNSET
    width: Annotated[int, Meta(ge=1, le=4)] | UnsetType = UNSET
    height: Annotated[int, Meta(ge=1, le=4)] | UnsetType = UNSET
    section: Annotated[str, Meta(max_length=1024)] | UnsetType = UNSET
    removed: bool | UnsetType = UNSET


class PanelSpec(PanelSettings, kw_only=True):
    """A panel that stands by itself, in a report or behind a link."""

    v: Literal[1]
    id: PanelId
    kind: Literal["line"]
    metrics: Annotated[list[Metric], Meta(min_length=1, max_length=MOST_METRICS)]
    title: Annotated[str, Meta(max_length=200)] = ""
    width: Annotated[int, Meta(ge=1, le=4)] = 1
    height: Annotated[int, Meta(ge=1, le=4)] = 1


def check_panel(spec: Any) -> dict[str, Any]:
    """Return the spec as it is stored. Raises Invalid `bad_panel`, saying which field does not fit."""
    return checked(spec, PanelSpec, code="bad_panel", what="panel")


def checked(value: Any, shape: type[Struct], *, code: str, what: str) -> dict[str, Any]:
    """Return a JSON object that has this shape, in plain types. Raises Invalid; the value is not quoted."""
    try:
        plain: dict[str, Any] = msgspec.to_builtins(msgspec.convert(value, shape))
    except (msgspec.ValidationError, RecursionError) as refused:
        reason, _, path = str(refused).partition(" - at `$")
        field = path.rstrip("`").lstrip(".")
        raise Invalid(
            f"The {what} does not fit{f' at {field}' if field else ''}: {reason}.",
            code=code,
            details={"field": field},
        ) from None
    return plain
