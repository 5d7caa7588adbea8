"""The websocket: what a server may send, frame by frame, over a pair of sockets."""

from __future__ import annotations

import base64
import hashlib
import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from isoline import _live
from isoline._live import Live, LiveEnded


class Peer:
    """The server's end."""

    def __init__(self, end: socket.socket, status: str = "101 Switching Protocols") -> None:
        self.end = end
        self.head = b""
        self._status = status
        self.thread = threading.Thread(target=self._shake_hands)
        self.thread.start()

    def _shake_hands(self) -> None:
        while b"\r\n\r\n" not in self.head:
            self.head += self.end.recv(4096)
        key = self.head.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
        accept = base64.b64encode(hashlib.sha1(key + _live._MAGIC.encode()).digest()).decode()
        self.end.sendall(f"HTTP/1.1 {self._status}\r\nSec-WebSocket-Accept: {accept}\r\n\r\n".encode())

    def frame(self, opcode: int, payload: bytes, *, is_final: bool = True) -> bytes:
        size = len(payload)
        length = (
            bytes([size])
            if size < 126
            else struct.pack(">BH", 126, size)
            if size < 65536
            else struct.pack(">BQ", 127, size)
        )
        return bytes([0x80 * is_final | opcode]) + length + payload

    def read(self) -> tuple[int, bytes]:
        head = self.end.recv(2)
        size = head[1] & 0x7F
        if size == 126:
            (size,) = struct.unpack(">H", self.end.recv(2))
        mask = self.end.recv(4)
        data = self.end.recv(size) if size else b""
        return head[0] & 0x0F, bytes(byte ^ mask[n % 4] for n, byte in enumerate(data))


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Live, Peer]]:
    ours, theirs = socket.socketpair()
    monkeypatch.setattr(_live, "_connect", lambda url: ours)
    peer = Peer(theirs)
    with Live("http://isoline.example/lab", "iso_key") as live:
        peer.thread.join(5)
        yield live, peer
    theirs.close()


def test_the_handshake_names_the_address_and_the_key(pair: tuple[Live, Peer]) -> None:
    head = pair[1].head.decode()
    assert head.startswith("GET /lab/api/v1/live HTTP/1.1\r\nHost: isoline.example\r\n")
    assert "Authorization: Bearer iso_key\r\n" in head


def test_what_is_sent_arrives_masked(pair: tuple[Live, Peer]) -> None:
    live, peer = pair
    for ref in ("short", "x" * 200):
        live.send({"ref": ref})
        assert peer.read() == (1, f'{{"ref":"{ref}"}}'.encode())


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536])
def test_messages_of_every_length_are_read(pair: tuple[Live, Peer], size: int) -> None:
    live, peer = pair
    data = peer.frame(1, f'{{"text":"{"x" * size}"}}'.encode())
    sending = threading.Thread(target=peer.end.sendall, args=(data,))
    sending.start()
    assert live.receive(5) == {"text": "x" * size}
    sending.join()


def test_a_message_in_pieces_is_put_together_and_a_ping_between_them_answered(
    pair: tuple[Live, Peer],
) -> None:
    live, peer = pair
    pieces = peer.frame(1, b'{"a"', is_final=False) + peer.frame(9, b"hey") + peer.frame(0, b":1}")
    for byte in pieces:
        peer.end.sendall(bytes([byte]))
    assert live.receive(5) == {"a": 1}
    assert peer.read() == (10, b"hey")


def test_silence_is_no_message(pair: tuple[Live, Peer]) -> None:
    assert pair[0].receive(0.02) is None


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x88\x02\x11\x31", 4401),
        (b"\x88\x00", 0),
        (b"\x81\x80....", 0),  # masked, which a server's never are
        (b"\x81\x7f" + b"\x7f" * 8, 0),  # longer than anything is
        (b"\x81\x01{", 0),
        (b"\x81\x02[]", 0),
        (b"", 0),
    ],
)
def test_an_end_or_nonsense_ends_it(pair: tuple[Live, Peer], data: bytes, code: int) -> None:
    live, peer = pair
    peer.end.sendall(data)
    peer.end.shutdown(socket.SHUT_WR)
    with pytest.raises(LiveEnded) as ended:
        live.receive(5)
    assert ended.value.code == code


def test_a_server_that_opens_none_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair()
    monkeypatch.setattr(_live, "_connect", lambda url: ours)
    peer = Peer(theirs, "403 Forbidden")
    with pytest.raises(LiveEnded, match="403"):
        Live("http://isoline.example", "iso_key")
    peer.thread.join(5)
    theirs.close()
