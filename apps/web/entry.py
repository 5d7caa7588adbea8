"""The addresses of django-allauth that this site has, under the names it knows them by."""

from __future__ import annotations

from allauth.account import views
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, re_path


def password_reset(request: HttpRequest) -> HttpResponse:
    """GET, POST /account/password/reset: a server that sends no mail says who can help instead."""
    if not settings.EMAIL_HOST:
        return render(request, "account/password_reset.html", {"form": None})
    answer: HttpResponse = views.password_reset(request)
    return answer


urlpatterns = [
    path("login", views.login, name="account_login"),
    path("logout", views.logout, name="account_logout"),
    path("signup", views.signup, name="account_signup"),
    path("account/inactive", views.account_inactive, name="account_inactive"),
    path("account/confirm", views.reauthenticate, name="account_reauthenticate"),
    path("account/password", views.password_change, name="account_change_password"),
    path("account/password/set", views.password_set, name="account_set_password"),
    path("account/password/reset", password_reset, name="account_reset_password"),
    path("account/password/reset/sent", views.password_reset_done, name="account_reset_password_done"),
    path(
        "account/password/reset/done",
        views.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    re_path(
        r"^account/password/reset/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)$",
        views.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
]
