"""What django-allauth asks of this site."""

from __future__ import annotations

from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse


class AccountAdapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Nobody makes themselves an account: the set-up link makes the first, `create_user` more."""
        return False

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("web:settings")

    def get_reset_password_from_key_url(self, key: str) -> str:
        """The link of a mail: its host is that of the settings, whatever Host the request came with (ACC-3)."""
        asked = urlsplit(super().get_reset_password_from_key_url(key))
        public = urlsplit(settings.PUBLIC_URL)
        return asked._replace(scheme=public.scheme, netloc=public.netloc).geturl()
