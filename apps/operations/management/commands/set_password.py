from __future__ import annotations

import sys
from getpass import getpass
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from ._account import AccountCommand, user_with


class Command(AccountCommand):
    help = "Set the password of an account; its sessions end."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True)

    def handle(self, *, email: str, **options: Any) -> None:
        user = user_with(email)
        password = getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
        try:
            validate_password(password, user)
        except ValidationError as refusal:
            raise CommandError(" ".join(refusal.messages)) from None
        # Sessions carry a hash of the password: from here on they are nobody's.
        user.set_password(password)
        user.save(update_fields=["password"])
