"""What a view may say: which runs, in which order, shown how, and which panels; the URL of a workspace says the same.

Every field may be absent, and is then as in the automatic view. `static/js/models/view.js` is its other half.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from apps.base.errors import TooLarge

from .panel_spec import PanelChange, PanelId, PanelSettings, checked

MOST_BYTES = 256 * 1024

RunId = Annotated[str, Meta(min_length=1, max_length=64)]
Path = Annotated[str, Meta(min_length=1, max_length=1100)]
SectionName = Annotated[str, Meta(max_length=1024)]


class Search(Struct, forbid_unknown_fields=True):
    """regex: the text is one."""

    text: Annotated[str, Meta(max_length=1000)]
    regex: bool = False


class Eyes(Struct, forbid_unknown_fields=True):
    """Which runs are drawn: all but these, or none but these."""

    all: bool
    but: Annotated[list[RunId], Meta(max_length=10_000)] = []


class Section(Struct, forbid_unknown_fields=True):
    folded: bool | UnsetType = UNSET
    settings: PanelSettings | UnsetType = UNSET


class ViewState(Struct, forbid_unknown_fields=True, kw_only=True):
    """lines: how many are drawn in a chart at most; null is all.

    panels: by id; "metric:NAME" is the one that is there by itself. order: of a section's panels, those named first.
    """

    v: Literal[1] = 1
    q: Annotated[str, Meta(max_length=10_000)] | UnsetType = UNSET
    sort: Annotated[str, Meta(max_length=2000)] | UnsetType = UNSET
    search: Search | UnsetType = UNSET
    group: Annotated[str, Meta(max_length=1100)] | UnsetType = UNSET
    eyes: Eyes | UnsetType = UNSET
    pinned: Annotated[list[RunId], Meta(max_length=100)] | UnsetType = UNSET
    baseline: RunId | UnsetType | None = UNSET
    columns: Annotated[list[Path], Meta(max_length=8)] | UnsetType = UNSET
    lines: Annotated[int, Meta(ge=1, le=10000)] | UnsetType | None = UNSET
    settings: PanelSettings | UnsetType = UNSET
    sections: Annotated[dict[SectionName, Section], Meta(max_length=1000)] | UnsetType = UNSET
    panels: Annotated[dict[PanelId, PanelChange], Meta(max_length=5000)] | UnsetType = UNSET
    order: (
        Annotated[dict[SectionName, Annotated[list[PanelId], Meta(max_length=5000)]], Meta(max_length=1000)]
        | UnsetType
    ) = UNSET
    panel_search: Search | UnsetType = UNSET
    sync_zoom: bool | UnsetType = UNSET


def check_view(state: Any) -> dict[str, Any]:
    """Return the state as it is stored.

    Raises Invalid `bad_view`, saying which field does not fit, and TooLarge.
    """
    plain = checked(state, ViewState, code="bad_view", what="view")
    if len(msgspec.json.encode(plain)) > MOST_BYTES:
        raise TooLarge(f"A view holds at most {MOST_BYTES // 1024} KiB.", code="view_too_large")
    return plain
