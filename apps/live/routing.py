"""Which websocket addresses there are; `config.asgi` asks for `websockets`."""

from __future__ import annotations

from typing import Any

from channels.routing import URLRouter
from django.urls import re_path

from .consumers import BrowserConsumer, KeyConsumer

routes = [
    re_path(r"^live/v1$", BrowserConsumer.as_asgi(), name="live-browser"),
    re_path(r"^api/v1/live$", KeyConsumer.as_asgi(), name="live-key"),
]


async def nothing_here(scope: Any, receive: Any, send: Any) -> Any:
    """Close the handshake of an unknown address, as a browser would see a 403."""
    await receive()
    await send({"type": "websocket.close"})


websockets = URLRouter([*routes, re_path("", nothing_here)])
