"""The server in memory behind real HTTP, for tests in which several processes take part."""

from __future__ import annotations

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec

from isoline._memory import MemoryTransport
from isoline._transport import Answer, Request


class HttpServer:
    """Answers on a free port of the loopback until `stop`; `start` again on the same port."""

    def __init__(self) -> None:
        self.memory = MemoryTransport()
        self._port = 0
        self._server: ThreadingHTTPServer | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        memory = self.memory

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                lost = self.headers.get("Isoline-Lost")
                request = Request(
                    self.command,
                    "",
                    self.path,
                    self.headers.get("Authorization", "").removeprefix("Bearer "),
                    body,
                    self.headers.get("Content-Type", ""),
                    {"Isoline-Lost": lost} if lost else {},
                )
                self._reply(memory.send(request))

            do_PUT = do_POST = _serve

            def _reply(self, answer: Answer) -> None:
                if answer.is_away:
                    self.close_connection = True
                    return
                body = msgspec.json.encode(answer.body)
                self.send_response(answer.status)
                self.send_header("Content-Length", str(len(body)))
                if answer.retry_after_s is not None:
                    self.send_header("Retry-After", str(int(answer.retry_after_s)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            disable_nagle_algorithm = True
            allow_reuse_address = True

        Handler.disable_nagle_algorithm = True
        Handler.wbufsize = -1
        self._server = Server(("127.0.0.1", self._port), Handler)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
