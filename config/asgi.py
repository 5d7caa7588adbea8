"""The ASGI application: HTTP to Django behind the byte limiter, websockets to `live`."""

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("ISOLINE_PROCESS", "web")

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

# Apps are loaded before anything is imported that has models in it.
_http: Any = get_asgi_application()

from apps.api.batch_app import BatchApp  # noqa: E402
from apps.api.body_limit import BodyLimit  # noqa: E402
from apps.live.routing import websockets  # noqa: E402

application = ProtocolTypeRouter({"http": BodyLimit(BatchApp(_http)), "websocket": websockets})
