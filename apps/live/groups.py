"""The Redis channels hints travel on, and what a hint looks like there.

Hints carry row numbers and public ids of this server's own rows; they never leave for a client
without having been turned into a frame of `messages`.
"""

from __future__ import annotations

import msgspec

ACCESS = "isoline:live:access"
# Beyond this a batch's bytes stay out of its hint: the reader fetches a tile instead.
MAX_PAYLOAD_BYTES = 8 * 1024


def run_group(run: int) -> str:
    return f"isoline:live:run:{run}"


def project_group(project: int) -> str:
    return f"isoline:live:project:{project}"


class Hint(msgspec.Struct, array_like=True, tag=True, kw_only=True):
    pass


class BatchAppended(Hint):
    """payload: the stored body, if it is small enough to be pushed."""

    run: int
    stream: int
    seq: int
    version: str
    points: int
    payload: bytes
    encoding: str


class RunHint(Hint):
    """The run itself has changed, beside its points."""

    run: int
    state: str


class RecordsHint(Hint):
    """Console lines, values or alerts can be read."""

    run: int
    kinds: list[str]


class Dirty(Hint):
    """Runs of a project with news: public id → (version, state); either may be empty."""

    project: int
    runs: dict[str, tuple[str, str]]


class AccessChanged(Hint):
    """Some rights are less than they were: of a key, a service account, a person."""

    api_key_id: int | None = None
    service_account_id: int | None = None
    user_id: int | None = None


class ProjectChanged(Hint):
    """A project is another than before: perhaps private, perhaps deleted."""

    project: int


AnyHint = BatchAppended | RunHint | RecordsHint | Dirty | AccessChanged | ProjectChanged
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(AnyHint)


def pack(hint: Hint) -> bytes:
    return _encoder.encode(hint)


def unpack(message: bytes) -> AnyHint:
    """Raises msgspec.DecodeError for what another version of this server wrote."""
    decoded: AnyHint = _decoder.decode(message)
    return decoded
