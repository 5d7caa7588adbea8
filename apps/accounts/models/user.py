"""A person. Known by an e-mail address; there are no user names."""

from __future__ import annotations

import unicodedata
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import models, transaction
from django.db.models.functions import Lower

from apps.accounts.names import clean_name
from apps.base.errors import Conflict, Invalid
from apps.base.ids import public_id

# Hashing costs by length; nobody's password is longer (DOS-4).
LONGEST_PASSWORD_BYTES = 4096


def canonical_email(email: str) -> str:
    """Return the one spelling an address is stored and looked up by: NFC, lower case, no spaces around.

    Raises Invalid if it is no address.
    """
    canonical = unicodedata.normalize("NFC", email.strip()).lower()
    try:
        validate_email(canonical)
    except ValidationError:
        raise Invalid("That is not an e-mail address.", code="bad_email") from None
    if len(canonical) > 254:
        raise Invalid("An e-mail address has at most 254 characters.", code="bad_email")
    return canonical


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, *, name: str = "", **fields: Any) -> User:
        """Create a person and their own team, both or neither.

        password: None leaves the account without one; its owner comes in another way.

        Raises Invalid for what is no e-mail address, Conflict if it is taken.
        """
        from .team import Team

        email = canonical_email(email)
        if password is not None and len(password.encode()) > LONGEST_PASSWORD_BYTES:
            raise Invalid("A password has at most 4096 bytes.", code="password_too_long")
        user = self.model(email=email, name=name, **fields)
        user.set_password(password)
        with transaction.atomic(using=self._db):
            if self.filter(email=email).exists():
                raise Conflict("An account with that e-mail address exists.", code="email_taken")
            user.save(using=self._db)
            Team.objects.create_personal_team(user)
        return user

    def get_by_natural_key(self, email: str | None) -> User:
        try:
            return self.get(email=canonical_email(email or ""))
        except Invalid:
            raise self.model.DoesNotExist from None


class User(AbstractBaseUser):
    public_id = models.CharField(max_length=26, unique=True, default=public_id, editable=False)
    email = models.EmailField(max_length=254, unique=True)
    name = models.CharField(max_length=200, blank=True)
    is_active = models.BooleanField(default=True)
    # Runs the installation. It opens no team's data by itself.
    is_superuser = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("email"), name="user_email_unique_whatever_case"),
        ]

    def __str__(self) -> str:
        return self.name or self.email

    def rename(self, name: str) -> None:
        """Change the display name; without one the e-mail address stands for it. Raises Invalid."""
        self.name = clean_name(name, longest=200) if name.strip() else ""
        self.save(update_fields=["name"])
