"""The ASGI application: HTTP to Django, websockets to `live`."""

import os
from importlib.util import find_spec

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("ISOLINE_PROCESS", "web")

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

# Apps are loaded before anything is imported that has models in it.
_http = get_asgi_application()

from apps.api.body_limit import BodyLimit  # noqa: E402

_protocols = {"http": BodyLimit(_http)}
if find_spec("apps.live.routing"):
    from apps.live.routing import websockets

    _protocols["websocket"] = websockets

application = ProtocolTypeRouter(_protocols)
