"""Every address of the site; each interface app brings its own."""

from importlib.util import find_spec

from django.urls import URLPattern, URLResolver, include, path

from apps.operations import health

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.alive, name="healthz"),
    path("readyz", health.ready, name="readyz"),
]
if find_spec("apps.api.urls"):
    urlpatterns.append(path("api/v1/", include("apps.api.urls")))
