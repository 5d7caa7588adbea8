from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from apps.accounts.models import Team

from ._account import AccountCommand, user_with


class Command(AccountCommand):
    help = "Make a team, and print its slug."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--slug", required=True)
        parser.add_argument("--owner", required=True, metavar="EMAIL")

    def handle(self, *, slug: str, owner: str, **options: Any) -> None:
        team = Team.objects.create_team(slug=slug, owner=user_with(owner))
        self.stdout.write(team.slug)
