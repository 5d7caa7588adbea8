"""GET and POST /setup/<token>: the first account, while there is none; whoever makes it is signed in."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth import login
from django.contrib.auth.password_validation import validate_password
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods

from apps.accounts.models import User
from apps.base.errors import DomainError, NotFound

from .models import SetupLink


class FirstAccount(forms.Form):
    email = forms.EmailField(max_length=254)
    password = forms.CharField(
        max_length=4096, strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if {"email", "password"} <= cleaned.keys():
            try:
                validate_password(cleaned["password"], User(email=cleaned["email"]))
            except forms.ValidationError as refusal:
                self.add_error("password", refusal)
        return cleaned


@never_cache
@csrf_protect
@require_http_methods(["GET", "HEAD", "POST"])
def setup(request: HttpRequest, token: str) -> HttpResponse:
    if not SetupLink.objects.is_open(token):
        raise Http404
    asked = FirstAccount(request.POST if request.method == "POST" else None)
    if asked.is_valid():
        try:
            user = SetupLink.objects.redeem(token, **asked.cleaned_data)
        except NotFound:
            raise Http404 from None
        except DomainError as refusal:
            asked.add_error(None, refusal.message)
        else:
            login(request, user)
            return redirect("web:home")
    return render(request, "pages/setup.html", {"form": asked}, status=422 if asked.errors else 200)
