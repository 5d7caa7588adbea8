"""A bad network between a client and a server: a TCP proxy that a test makes slow, lossy or silent."""

from __future__ import annotations

import contextlib
import random
import select
import socket
import struct
import threading
import time
from urllib.parse import urlsplit

PACKET_BYTES = 1460
RETRANSMITTED_AFTER_S = 0.2
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with RST


class BadNetwork:
    """Stands before `server` under an address of its own. Set the attributes at any time.

    latency_s: what each piece takes, in each direction.
    bytes_per_s: what passes in each direction of a connection; None for all.
    lost: the share of packets that TCP has to send again, which is all that a program sees of a loss.
    is_cut: nothing passes, in either direction, and nobody is told. Connections of that time stay dead.
    loses_answers: what is sent arrives, and what is answered does not.
    resets_answered: a connection is reset in place of its first answer.
    """

    def __init__(self, server: str, *, seed: int = 0) -> None:
        parts = urlsplit(server)
        assert parts.hostname
        assert parts.port
        self._behind = (parts.hostname, parts.port)
        self.latency_s = 0.0
        self.bytes_per_s: float | None = None
        self.lost = 0.0
        self.is_cut = self.loses_answers = self.resets_answered = False
        self.faults = 0
        self._random = random.Random(seed)
        self._is_open = True
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._is_open = False
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for each in (self._listener, *self._sockets):
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._behind)
                for each in (near, far):
                    each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._sockets += (near, far)
                threading.Thread(target=self._carry, args=(near, far), daemon=True).start()

    def _carry(self, near: socket.socket, far: socket.socket) -> None:
        """Carry both directions of a connection, until one side hangs up or the network fails it."""
        is_dead = False
        with contextlib.suppress(OSError, ValueError), near, far:
            while self._is_open:
                ready, _, _ = select.select([near, far], [], [], 0.1)
                is_dead = is_dead or self.is_cut
                for source in ready:
                    data = source.recv(PACKET_BYTES)
                    if not data:
                        return
                    is_answer = source is far
                    if is_dead or (is_answer and self.loses_answers):
                        self.faults += 1
                        continue
                    if is_answer and self.resets_answered:
                        self.faults += 1
                        near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                        return
                    self._delay(len(data))
                    (near if is_answer else far).sendall(data)

    def _delay(self, size: int) -> None:
        delay_s = self.latency_s
        if self.bytes_per_s is not None:
            delay_s += size / self.bytes_per_s
        while self._random.random() < self.lost:
            self.faults += 1
            delay_s += RETRANSMITTED_AFTER_S
        time.sleep(delay_s)
