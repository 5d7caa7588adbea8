from __future__ import annotations

import sys
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from apps.accounts.models import User

from ._account import AccountCommand


class Command(AccountCommand):
    help = "Make an account with a team of its own, and print the team's slug."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True)
        parser.add_argument(
            "--password-stdin",
            action="store_true",
            help="read the password from the first line of standard input; without it the account has none",
        )

    def handle(self, *, email: str, password_stdin: bool, **options: Any) -> None:
        password = None
        if password_stdin:
            password = sys.stdin.readline().rstrip("\r\n")
            try:
                validate_password(password, User(email=email))
            except ValidationError as refusal:
                raise CommandError(" ".join(refusal.messages)) from None
        user = User.objects.create_user(email, password)
        self.stdout.write(user.personal_team.slug)
