"""GET /healthz and /readyz: for load balancers, `up`, and whoever is woken at night."""

from django.http import HttpRequest, JsonResponse


def alive(request: HttpRequest) -> JsonResponse:
    """200 as long as this process answers at all."""
    return JsonResponse({"status": "alive"})


def ready(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ready"})
