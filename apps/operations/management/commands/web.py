"""One web process: HTTP and websockets on uvloop. `up` runs two; docker-compose.yml as many as are wanted."""

from __future__ import annotations

import socket
from typing import Any

import uvicorn
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.utils.module_loading import import_string

from apps.operations.readiness import wait_for_migrations
from apps.operations.request_head import LimitedHeadProtocol


class Command(BaseCommand):
    help = "Run one web process."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        where = parser.add_mutually_exclusive_group()
        where.add_argument("--port", type=int, default=8000, help="listen on this port of every address")
        where.add_argument("--fd", type=int, help="accept from this listening socket, inherited")

    def handle(self, *, port: int, fd: int | None, **options: Any) -> None:
        listener = (
            socket.socket(fileno=fd) if fd is not None else socket.create_server(("", port), backlog=2048)
        )
        server = uvicorn.Server(
            uvicorn.Config(
                import_string(settings.ASGI_APPLICATION),
                loop="uvloop",
                http=LimitedHeadProtocol,
                ws="websockets-sansio",
                lifespan="off",
                # A forwarded address is believed from a configured proxy only (ACC-1).
                proxy_headers=bool(settings.TRUSTED_PROXIES),
                forwarded_allow_ips=settings.TRUSTED_PROXIES,
                server_header=False,
                # Messages on the socket are small; what a client sends is smaller.
                ws_max_size=256 * 1024,
                # A sender keeps its connection between two batches.
                timeout_keep_alive=75,
                timeout_graceful_shutdown=10,
                log_config=None,
                access_log=settings.LOG_LEVEL == "DEBUG",
            )
        )
        wait_for_migrations()
        server.run(sockets=[listener])
