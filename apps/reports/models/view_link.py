from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Self

import msgspec
from django.db import models
from django.utils.timezone import now

from apps.base.ids import ALPHABET
from apps.tracking.models import Project

from ..view_state import check_view

if TYPE_CHECKING:
    from apps.accounts.principal import Principal

KEY_LENGTH = 12


class ViewLinkQuerySet(models.QuerySet["ViewLink"]):
    def visible_to(self, principal: Principal) -> Self:
        return self.filter(project__in=Project.objects.visible_to(principal))

    def keep(self, project: Project, state: Any) -> ViewLink:
        """Keep a state under a short key; the same state has the same key. One or two queries.

        Raises Invalid `bad_view`, TooLarge `view_too_large`.
        """
        state = check_view(state)
        link, _ = self.get_or_create(project=project, key=_key(state), defaults={"state": state})
        return link


class ViewLink(models.Model):
    """A state of a workspace that is too long for an address: `?v=KEY` says it instead."""

    team_path = "project__team"

    project = models.ForeignKey("tracking.Project", on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=KEY_LENGTH)
    state = models.JSONField()
    created_at = models.DateTimeField(default=now, editable=False)

    objects = ViewLinkQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "key"], name="view_link_once")]

    def __str__(self) -> str:
        return self.key


def _key(state: dict[str, Any]) -> str:
    """60 bits of the state's hash."""
    digest = hashlib.blake2b(msgspec.json.encode(state, order="deterministic"), digest_size=8).digest()
    number = int.from_bytes(digest)
    return "".join(ALPHABET[(number >> 5 * place) & 31] for place in range(KEY_LENGTH))
