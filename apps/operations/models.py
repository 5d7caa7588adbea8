"""The one-time link by which the first account is made."""

from __future__ import annotations

import secrets
from hashlib import sha256
from typing import ClassVar

from django.db import models, transaction

from apps.accounts.models import User
from apps.base.errors import NotFound


class SetupLinkManager(models.Manager["SetupLink"]):
    def issue(self) -> str | None:
        """Replace the link by a new one and return its token; None once somebody has an account.

        Only the token's hash is kept, so a lost link is replaced by the next start.
        """
        with transaction.atomic():
            self.all().delete()
            if User.objects.exists():
                return None
            token = secrets.token_urlsafe(32)
            self.create(digest=_digest(token))
            return token

    def is_open(self, token: str) -> bool:
        return self.filter(digest=_digest(token)).exists() and not User.objects.exists()

    def redeem(self, token: str, *, email: str, password: str) -> User:
        """Make the first account, who runs the installation. A link works once.

        Raises NotFound for a token that is wrong, used, or too late because somebody has an account.
        """
        with transaction.atomic():
            # The deletion locks the row: of two who redeem at once, the second finds nothing.
            deleted, _ = self.filter(digest=_digest(token)).delete()
            if not deleted or User.objects.exists():
                raise NotFound("This set-up link has been used or replaced.")
            return User.objects.create_user(email, password, is_superuser=True)


class SetupLink(models.Model):
    digest = models.BinaryField(max_length=32, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[SetupLinkManager] = SetupLinkManager()

    def __str__(self) -> str:
        return f"set-up link of {self.created_at:%Y-%m-%d %H:%M}"


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()
