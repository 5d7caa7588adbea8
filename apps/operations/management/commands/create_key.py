from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from apps.accounts.models import ApiKey
from apps.accounts.scopes import Scope

from ._account import AccountCommand, team_of, user_with


class Command(AccountCommand):
    help = "Make an API key, and print it and nothing else. It is never shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True, help="whom the key acts for")
        parser.add_argument(
            "--team", metavar="SLUG", help="the only team it acts in (default: all of theirs)"
        )
        parser.add_argument(
            "--scope",
            action="append",
            choices=list(Scope),
            help="what it may be used for; may be given more than once (default: write)",
        )

    def handle(self, *, email: str, team: str | None, scope: list[str] | None, **options: Any) -> None:
        user = user_with(email)
        _, secret = ApiKey.objects.issue(
            owner=user,
            team=team_of(user, team) if team else None,
            scopes=scope or [Scope.WRITE],
            name="made on the command line",
        )
        self.stdout.write(secret)
