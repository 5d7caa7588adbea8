"""Delivering a spool by hand: the sender, run in the foreground (`isoline sync`)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from isoline._delivery import Delivery
from isoline._sender import Sender
from isoline._transport import Transport

# So many tries without an answer, and a sync that does not watch gives up.
TRIES = 3


class Outcome(NamedTuple):
    """How a sync ended. `problems` says what stands in the way of streams that wait, by run."""

    rows_sent: int
    points_sent: int
    waiting_streams: int
    problems: dict[str, str]


def sync(
    spool: Path,
    transport: Transport,
    *,
    key_for: Callable[[str], str],
    server: str | None = None,
    watches: bool = False,
    on_progress: Callable[[list[Delivery]], None] = lambda deliveries: None,
) -> Outcome:
    """Send what waits in a spool, also what was logged offline or on other machines that share the folder.

    key_for: the key for a server's address.
    server: where to send what was logged offline, if not to the address it was given then.
    watches: go on for as long as trainings log, and whatever happens to the network; ends by
    KeyboardInterrupt. on_progress: called some ten times a second with the streams under way.

    Streams that a running sender delivers are left to it.
    """
    sender = Sender(spool, transport, key_for=key_for, includes_offline=True, server=server)

    def is_done(deliveries: list[Delivery]) -> bool:
        on_progress(deliveries)
        return not watches and all(
            each.is_caught_up or each.tries >= TRIES or each.waits_for_a_person for each in deliveries
        )

    with contextlib.suppress(KeyboardInterrupt):
        sender.run(is_done=is_done)
    return Outcome(sender.rows_sent, sender.points_sent, sender.waiting_streams, sender.problems)
