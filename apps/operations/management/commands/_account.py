"""What the commands about people share: whom they name, and how they refuse."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, ProgrammingError

from apps.accounts.models import Team, User
from apps.base.errors import DomainError


class AccountCommand(BaseCommand):
    """Runs beside `up`, on the same databases; every refusal is one line."""

    requires_system_checks = ()

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except DomainError as refusal:
            raise CommandError(refusal.message) from None
        except (OperationalError, ProgrammingError) as failure:
            if isinstance(failure, OperationalError) or "does not exist" in str(failure):
                raise CommandError(
                    f"Isoline is not running on the home {settings.HOME}: its database does not answer,"
                    " or has no tables yet. Start it with `manage.py up`."
                ) from None
            raise


def user_with(email: str) -> User:
    try:
        return User.objects.get_by_natural_key(email)
    except User.DoesNotExist:
        raise CommandError(f"Nobody has the e-mail address {email}.") from None


def team_of(user: User, slug: str) -> Team:
    try:
        team: Team = Team.objects.get(slug=slug, memberships__user=user)
    except Team.DoesNotExist:
        raise CommandError(f"{user.email} is in no team {slug}.") from None
    return team
