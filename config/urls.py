"""Every address of the site; each interface app brings its own."""

from django.urls import URLPattern, URLResolver, include, path

from apps.operations import health
from apps.operations.setup import setup

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.alive, name="healthz"),
    path("readyz", health.ready, name="readyz"),
    path("api/v1/", include("apps.api.urls")),
    path("setup/<str:token>", setup, name="setup"),
    path("", include("apps.web.entry")),
    path("", include("apps.web.urls")),
]

handler400 = "apps.api.errors.bad_request"
handler403 = "apps.api.errors.permission_denied"
handler404 = "apps.api.errors.page_not_found"
handler500 = "apps.api.errors.server_error"
