"""One websocket: its credential, its subscriptions, its outbox."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
import weakref
from collections import Counter
from typing import Any

import msgspec
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer

from apps.base.errors import Denied, DomainError, Malformed, NotFound, TooMany

from . import admission, policy, reads
from .groups import AccessChanged, ProjectChanged
from .hub import Hub
from .messages import (
    MAX_FRAME_BYTES,
    MAX_METRICS,
    MAX_POINTS_BYTES,
    ClientFrame,
    Error,
    Hello,
    Ping,
    Pong,
    ServerFrame,
    Subscribed,
    SubscribeProject,
    SubscribeRun,
    Unsubscribed,
    UnsubscribeProject,
    UnsubscribeRun,
    parse,
)
from .outbox import CUT_BYTES, Letter, Outbox, TooSlow

PROTOCOL = 1
RECHECK_S = 30.0
# Rights that could not be checked for so long count as ended; until then every RETRY_S is a new attempt.
UNCHECKED_S = 35.0
RETRY_S = 1.0
MAX_SUBSCRIPTIONS = 1_000
MAX_CONNECTIONS = 200
MESSAGES_PER_S, MESSAGE_BURST = 50, 200

CLOSE_UNAUTHENTICATED = 4401
CLOSE_NO_LONGER_YOURS = 4403
CLOSE_TOO_SLOW = 4408
CLOSE_TOO_BIG = 1009
CLOSE_TRY_AGAIN = 1013

logger = logging.getLogger(__name__)

_hubs: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = weakref.WeakKeyDictionary()
_connections: Counter[str] = Counter()


def hub_of_this_loop() -> Hub:
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub(progress=in_thread(reads.progress), news=in_thread(reads.news))
    return _hubs[loop]


def in_thread(read: Any) -> Any:
    """Database work beside the loop; connections of one process do not queue behind one another."""
    return database_sync_to_async(read, thread_sensitive=False)


class LiveConsumer(AsyncWebsocketConsumer):
    """What both addresses have in common; they differ in how a connection is admitted."""

    # Hints come through the hub, which unpacks them once for all connections of the process.
    channel_layer_alias = "none: see hub.py"
    admit: Any = None
    readmit: Any = None

    async def connect(self) -> None:
        try:
            self.principal = await in_thread(self.admit)(self.scope)
            self._owner = admission.owner(self.principal)
            if _connections[self._owner] >= MAX_CONNECTIONS:
                raise TooMany("Too many connections are open. Close some first.", retry_after_s=5)
        except DomainError as refused:
            await self._refuse(refused)
            return
        _connections[self._owner] += 1
        self._runs: dict[str, int] = {}
        self._projects: dict[str, int] = {}
        self._outbox = Outbox()
        self._allowance, self._allowed_at = float(MESSAGE_BURST), time.monotonic()
        self._check_asked = asyncio.Event()
        self._hub = hub_of_this_loop()
        self._hub.enter(self)
        await self.accept()
        self._post(Hello(protocol=PROTOCOL, limits=_limits()))
        self._tasks = [asyncio.create_task(self._write()), asyncio.create_task(self._watch())]

    async def disconnect(self, code: int) -> None:
        if not hasattr(self, "_tasks"):
            return
        _connections[self._owner] -= 1
        for task in self._tasks:
            task.cancel()
        await self._hub.leave(self)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        frame = text_data if text_data is not None else bytes_data or b""
        if len(frame) > MAX_FRAME_BYTES:
            await self.close(CLOSE_TOO_BIG)
            return
        ref = None
        try:
            self._count_message()
            message = parse(frame)
            ref = message.ref
            policy.demand(self.principal, message)
            await self._answer(message)
        except DomainError as refused:
            if isinstance(refused, Malformed):
                ref = refused.details.get("ref", ref)
            self._post(Error(code=refused.code, message=refused.message, ref=ref))

    # --- what a client may ask -----------------------------------------------------------------

    async def _answer(self, message: ClientFrame) -> None:
        match message:
            case SubscribeRun():
                await self._subscribe_run(message)
            case SubscribeProject():
                await self._subscribe_project(message)
            case UnsubscribeRun():
                if message.run in self._runs:
                    await self._hub.leave_run(self, self._runs.pop(message.run))
                self._post(Unsubscribed(ref=message.ref, run=message.run))
            case UnsubscribeProject():
                if message.project in self._projects:
                    await self._hub.leave_project(self, self._projects.pop(message.project))
                self._post(Unsubscribed(ref=message.ref, project=message.project))
            case Ping():
                self._post(Pong(ref=message.ref))

    async def _subscribe_run(self, message: SubscribeRun) -> None:
        self._count_subscription(message.run, self._runs)
        run = await in_thread(reads.run_number)(self.principal, message.run)
        wanted = None if message.metrics == "*" else frozenset(message.metrics)
        await self._hub.join_run(self, run, public_id=message.run, wanted=wanted)
        self._runs[message.run] = run
        # Read after joining: what is newer than this version arrives as a hint.
        now = (await in_thread(reads.progress)([run]))[run]
        self._hub.saw(run, now.streams)
        self._post(
            Subscribed(
                ref=message.ref, run=message.run, version=now.version, state=now.state, streams=now.streams
            )
        )

    async def _subscribe_project(self, message: SubscribeProject) -> None:
        self._count_subscription(message.project, self._projects)
        project = await in_thread(reads.project_number)(self.principal, message.project)
        await self._hub.join_project(self, project, public_id=message.project)
        self._projects[message.project] = project
        self._post(Subscribed(ref=message.ref, project=message.project))

    def _count_subscription(self, id: str, subscribed: dict[str, int]) -> None:
        if id not in subscribed and len(self._runs) + len(self._projects) >= MAX_SUBSCRIPTIONS:
            raise TooMany(
                f"A connection follows at most {MAX_SUBSCRIPTIONS} runs and projects. Unsubscribe from some.",
                code="too_many_subscriptions",
                retry_after_s=0,
            )

    def _count_message(self) -> None:
        now = time.monotonic()
        self._allowance += (now - self._allowed_at) * MESSAGES_PER_S
        self._allowance, self._allowed_at = min(self._allowance, float(MESSAGE_BURST)) - 1, now
        if self._allowance < 0:
            self._allowance = 0
            raise TooMany(
                f"At most {MESSAGES_PER_S} messages a second.", code="too_many_messages", retry_after_s=1
            )

    # --- what it is told (hub.Listener) --------------------------------------------------------

    def tell(self, letter: Letter) -> None:
        try:
            self._outbox.put(letter)
        except TooSlow:
            self._end(CLOSE_TOO_SLOW)

    def is_concerned(self, change: AccessChanged | ProjectChanged) -> bool:
        if isinstance(change, ProjectChanged):
            # Which runs lie in it is not kept here; projects change rarely.
            return bool(self._runs) or change.project in self._projects.values()
        return admission.is_concerned(self.principal, change)

    def recheck(self) -> None:
        self._check_asked.set()

    def _post(self, frame: ServerFrame) -> None:
        self.tell(Letter.of(frame))

    async def _write(self) -> None:
        while True:
            text = await self._outbox.take()
            # Waits while the socket's buffer is full; meanwhile the outbox coalesces.
            await self.send(text_data=text)
            self._outbox.delivered()

    # --- rights that end -----------------------------------------------------------------------

    async def _watch(self) -> None:
        """Check the rights again when told to, and every RECHECK_S anyway."""
        checked_at = time.monotonic()
        while True:
            with contextlib.suppress(TimeoutError):
                wait_s = random.uniform(0.8, 1) * RECHECK_S  # noqa: S311
                await asyncio.wait_for(self._check_asked.wait(), wait_s)
            self._check_asked.clear()
            try:
                code = await self._check()
                checked_at = time.monotonic()
            except Exception as error:
                # The database does not answer, most likely. Whoever watches must not stop watching for it.
                logger.warning("Rights on a websocket could not be checked, trying again: %s", error)
                code = None if time.monotonic() - checked_at < UNCHECKED_S else CLOSE_TRY_AGAIN
                self._check_asked.set()
                await asyncio.sleep(RETRY_S)
            if code is not None:
                self._end(code)
                return

    async def _check(self) -> int | None:
        """Return the code to close with, or None while all is as it was."""
        try:
            self.principal = await in_thread(self.readmit)(self.scope, self.principal)
            is_all_visible = await in_thread(reads.is_all_visible)(
                self.principal, runs=list(self._runs.values()), projects=list(self._projects.values())
            )
        except (Denied, NotFound):
            return CLOSE_NO_LONGER_YOURS
        except DomainError:
            return CLOSE_UNAUTHENTICATED
        return None if is_all_visible else CLOSE_NO_LONGER_YOURS

    def _end(self, code: int) -> None:
        """Stop telling at once, then close. A reader that takes nothing is not waited for."""
        if getattr(self, "_ending", None) is None:
            self._ending = asyncio.create_task(self._leave_and_close(code))

    async def _leave_and_close(self, code: int) -> None:
        self._tasks[0].cancel()
        await self._hub.leave(self)
        await self.close(code)

    async def _refuse(self, refused: DomainError) -> None:
        """Answer the handshake with a status and a reason, where the server can; else with 403."""
        if "websocket.http.response" not in self.scope.get("extensions", {}):
            await self.close()
            return
        error = {"code": refused.code, "message": refused.message}
        body = msgspec.json.encode({"error": error})
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await self.base_send(
            {"type": "websocket.http.response.start", "status": refused.status, "headers": headers}
        )
        await self.base_send({"type": "websocket.http.response.body", "body": body})


class BrowserConsumer(LiveConsumer):
    """/live/v1"""

    admit = staticmethod(admission.by_session)
    readmit = staticmethod(admission.again_by_session)


class KeyConsumer(LiveConsumer):
    """/api/v1/live"""

    admit = staticmethod(admission.by_key)
    readmit = staticmethod(admission.again_by_key)


def _limits() -> dict[str, int]:
    return {
        "frame_bytes": MAX_FRAME_BYTES,
        "points_bytes": MAX_POINTS_BYTES,
        "metrics": MAX_METRICS,
        "subscriptions": MAX_SUBSCRIPTIONS,
        "messages_per_s": MESSAGES_PER_S,
        "owed_bytes": CUT_BYTES,
    }
