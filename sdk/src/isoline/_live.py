"""A websocket to the server, as far as following a run needs one (RFC 6455, without extensions).

What arrives is a hint that there is news (docs/reference/live.md); so a reader that gets none loses time and
nothing else.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import socket
import ssl
import struct
import time
from typing import Any
from urllib.parse import urlsplit

import msgspec

from isoline.errors import IsolineError

CONNECT_TIMEOUT_S = 10.0
MESSAGE_MAX_BYTES = 1024 * 1024

_MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
_TEXT, _CLOSE, _PING, _PONG = 0x1, 0x8, 0x9, 0xA


class LiveEnded(IsolineError):
    """There is no websocket, or none any more. `code` is the close code, 0 without one."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class Live:
    """A connection to `/api/v1/live`. For one thread."""

    def __init__(self, url: str, key: str) -> None:
        """Connect. Raises LiveEnded if that fails, for whatever reason."""
        self._buffer = bytearray()
        self._text = bytearray()
        try:
            self._socket = _connect(url)
        except OSError as error:
            raise LiveEnded(str(error)) from None
        try:
            self._shake_hands(url, key)
        except (OSError, LiveEnded) as error:
            self._socket.close()
            raise LiveEnded(str(error)) from None

    def send(self, message: dict[str, Any]) -> None:
        """Send one message. Raises LiveEnded."""
        self._send(_TEXT, msgspec.json.encode(message))

    def receive(self, timeout_s: float) -> dict[str, Any] | None:
        """Return the next message; None if none comes in time. Raises LiveEnded."""
        deadline = time.monotonic() + timeout_s
        while True:
            frame = self._next_frame()
            if frame is None:
                patience_s = deadline - time.monotonic()
                if patience_s <= 0 or not self._fill(patience_s):
                    return None
                continue
            message = self._take(*frame)
            if message is not None:
                return message

    def close(self) -> None:
        """Say goodbye and hang up."""
        with contextlib.suppress(LiveEnded):
            self._send(_CLOSE, struct.pack(">H", 1000))
        self._socket.close()

    def __enter__(self) -> Live:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def _shake_hands(self, url: str, key: str) -> None:
        nonce = base64.b64encode(os.urandom(16)).decode()
        parts = urlsplit(url)
        self._socket.sendall(
            f"GET {parts.path.rstrip('/')}/api/v1/live HTTP/1.1\r\n"
            f"Host: {parts.netloc.rpartition('@')[2]}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {nonce}\r\nAuthorization: Bearer {key}\r\n\r\n".encode()
        )
        deadline = time.monotonic() + CONNECT_TIMEOUT_S
        while b"\r\n\r\n" not in self._buffer:
            if len(self._buffer) > MESSAGE_MAX_BYTES or not self._fill(deadline - time.monotonic()):
                raise LiveEnded("The server does not answer the handshake of a websocket.")
        head, _, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        self._buffer = bytearray(rest)
        status, *lines = head.decode("latin-1").split("\r\n")
        fields = {
            name.strip().lower(): value.strip() for name, _, value in (each.partition(":") for each in lines)
        }
        accept = base64.b64encode(hashlib.sha1((nonce + _MAGIC).encode()).digest()).decode()  # noqa: S324
        if " 101 " not in f"{status} " or fields.get("sec-websocket-accept") != accept:
            raise LiveEnded(f"The server opens no websocket: {status}")

    def _fill(self, timeout_s: float) -> bool:
        """Read what comes within the time; False if nothing does."""
        self._socket.settimeout(max(timeout_s, 0.001))
        try:
            data = self._socket.recv(65536)
        except (TimeoutError, ssl.SSLWantReadError):
            return False
        except OSError as error:
            raise LiveEnded(str(error)) from None
        if not data:
            raise LiveEnded("The server has hung up.")
        self._buffer += data
        return True

    def _next_frame(self) -> tuple[bool, int, bytes] | None:
        """Return whether it is final, the opcode, and the payload; None while it is not all there."""
        held = self._buffer
        if len(held) < 2:
            return None
        size, start = held[1] & 0x7F, 2
        if size >= 126:
            width, letter = (2, ">H") if size == 126 else (8, ">Q")
            if len(held) < 2 + width:
                return None
            (size,) = struct.unpack_from(letter, held, 2)
            start += width
        if held[1] & 0x80 or size > MESSAGE_MAX_BYTES:
            raise LiveEnded("The server sends what a websocket does not allow.")
        if len(held) < start + size:
            return None
        is_final, opcode, payload = bool(held[0] & 0x80), held[0] & 0x0F, bytes(held[start : start + size])
        del held[: start + size]
        return is_final, opcode, payload

    def _take(self, is_final: bool, opcode: int, payload: bytes) -> dict[str, Any] | None:
        if opcode == _PING:
            self._send(_PONG, payload)
        elif opcode == _CLOSE:
            code = struct.unpack(">H", payload[:2])[0] if len(payload) >= 2 else 0
            raise LiveEnded(f"The server has ended the connection ({code}).", code)
        elif opcode in (0x0, _TEXT):
            self._text += payload
            if len(self._text) > MESSAGE_MAX_BYTES:
                raise LiveEnded("A message is too long.")
            if is_final:
                text, self._text = bytes(self._text), bytearray()
                try:
                    return msgspec.json.decode(text, type=dict[str, Any])
                except msgspec.MsgspecError as error:
                    raise LiveEnded(f"A message could not be read: {error}") from None
        return None

    def _send(self, opcode: int, payload: bytes) -> None:
        mask = os.urandom(4)
        size = len(payload)
        if size < 126:
            head = struct.pack(">BB", 0x80 | opcode, 0x80 | size)
        else:
            head = struct.pack(">BBH", 0x80 | opcode, 0x80 | 126, size)
        masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))
        self._socket.settimeout(CONNECT_TIMEOUT_S)
        try:
            self._socket.sendall(head + mask + masked)
        except OSError as error:
            raise LiveEnded(str(error)) from None


def _connect(url: str) -> socket.socket:
    parts = urlsplit(url)
    is_secure = parts.scheme == "https"
    host = parts.hostname or ""
    plain = socket.create_connection((host, parts.port or (443 if is_secure else 80)), CONNECT_TIMEOUT_S)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return ssl.create_default_context().wrap_socket(plain, server_hostname=host) if is_secure else plain
