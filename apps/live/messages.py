"""The frames of docs/reference/live.md: what a client may say, what the server says, and nothing else."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from apps.base.errors import Malformed

MAX_FRAME_BYTES = 64 * 1024
MAX_METRICS = 1_000
MAX_POINTS_BYTES = 16 * 1024

Ref = Annotated[str, msgspec.Meta(max_length=64)] | int | None
Id = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]


class ClientFrame(msgspec.Struct, forbid_unknown_fields=True, tag_field="type", kw_only=True):
    ref: Ref = None


class SubscribeProject(ClientFrame, tag="subscribe_project"):
    project: Id


class UnsubscribeProject(ClientFrame, tag="unsubscribe_project"):
    project: Id


class SubscribeRun(ClientFrame, tag="subscribe_run"):
    """metrics: the names whose points are wanted, "*" for all, empty for none."""

    run: Id
    metrics: Annotated[list[Name], msgspec.Meta(max_length=MAX_METRICS)] | Literal["*"] = []


class UnsubscribeRun(ClientFrame, tag="unsubscribe_run"):
    run: Id


class Ping(ClientFrame, tag="ping"):
    pass


FromClient = SubscribeProject | UnsubscribeProject | SubscribeRun | UnsubscribeRun | Ping
CLIENT_FRAMES: tuple[type[ClientFrame], ...] = (
    SubscribeProject,
    UnsubscribeProject,
    SubscribeRun,
    UnsubscribeRun,
    Ping,
)


class ServerFrame(msgspec.Struct, tag_field="type", kw_only=True, omit_defaults=True):
    pass


class Hello(ServerFrame, tag="hello"):
    protocol: int
    limits: dict[str, int]


class Subscribed(ServerFrame, tag="subscribed"):
    ref: Ref = None
    project: str = ""
    run: str = ""
    version: str = ""
    state: str = ""
    streams: dict[int, int] | None = None


class Unsubscribed(ServerFrame, tag="unsubscribed"):
    ref: Ref = None
    project: str = ""
    run: str = ""


class Points(ServerFrame, tag="points"):
    """groups: [{"step": […], "time": […], "columns": [{"metric", "kind", "values"}]}], ready for JSON."""

    run: str
    stream: int
    seq: int
    version: str
    groups: list[dict[str, Any]]


class Changed(ServerFrame, tag="changed"):
    """stream, seq: the one batch it is about; left out when it is about several, or about none."""

    run: str
    version: str
    many: int
    stream: int | None = None
    seq: int | None = None


class RunChanged(ServerFrame, tag="run"):
    run: str
    state: str


class RecordsAdded(ServerFrame, tag="records"):
    run: str
    kinds: list[str]


class TickRun(msgspec.Struct, omit_defaults=True):
    run: str
    version: str = ""
    state: str = ""


class Tick(ServerFrame, tag="tick"):
    project: str
    runs: list[TickRun]
    more: int = 0


class Pong(ServerFrame, tag="pong"):
    ref: Ref = None


class Error(ServerFrame, tag="error"):
    code: str
    message: str
    ref: Ref = None


_decoder = msgspec.json.Decoder(FromClient)
_encoder = msgspec.json.Encoder()
_Envelope = msgspec.defstruct("_Envelope", [("ref", Any, None)])
_envelope = msgspec.json.Decoder(_Envelope)


def parse(frame: str | bytes) -> FromClient:
    """Return the message in a text frame.

    Raises Malformed, with details {"ref"} where the frame had a usable one.
    """
    try:
        message: FromClient = _decoder.decode(frame)
        return message
    except (msgspec.DecodeError, RecursionError) as refused:
        raise Malformed(_what(str(refused)), details={"ref": _ref(frame)}) from None


def _what(refusal: str) -> str:
    """Name the field that did not fit, and never what it held."""
    _, _, path = refusal.partition(" - at `$")
    if path:
        return f"The field {path.rstrip('`').lstrip('.') or 'type'} of the message does not fit."
    return "The message is not one of those in docs/reference/live.md."


def _ref(frame: str | bytes) -> str | int | None:
    try:
        ref = _envelope.decode(frame).ref  # type: ignore[attr-defined]
    except (msgspec.DecodeError, RecursionError):
        return None
    return ref if isinstance(ref, int) or (isinstance(ref, str) and len(ref) <= 64) else None


def render(frame: ServerFrame) -> str:
    return _encoder.encode(frame).decode()
