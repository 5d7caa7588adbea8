"""What a person may be in a team. Roles are ordered: each may do what the one below may.

OWNER    deletes the team, makes owners; a team always has one
ADMIN    people, service accounts, everyone's keys, limits
MEMBER   creates and edits projects, runs and what hangs off them
VIEWER   looks
"""

from __future__ import annotations

from django.db import models


class Role(models.IntegerChoices):
    """Numbers leave room between, and are stored; the outside says `word`."""

    VIEWER = 10, "viewer"
    MEMBER = 20, "member"
    ADMIN = 30, "admin"
    OWNER = 40, "owner"

    @property
    def word(self) -> str:
        return str(self.label)

    @classmethod
    def of(cls, word: str) -> Role:
        """Return the role of that word. Raises ValueError for any other."""
        for role in cls:
            if role.label == word:
                return role
        raise ValueError(f"There is no role {word!r}.")
