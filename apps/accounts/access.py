"""The one door: every row of a tenant is fetched here, every list starts from `visible_to(principal)`.

A tenant model says how it reaches its team, `team_path = "project__team"`, and its queryset has
`visible_to(principal)`: the rows whose existence the principal may know of. Inside a project that is
`project__in=Project.objects.visible_to(principal)`, so that a rule on projects is written once.

What is not visible is NotFound, with one message, whether it is elsewhere, deleted or was never there.
What is visible and not allowed is Denied, and says what is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, Self, TypeVar

from django.db import models

from apps.base.errors import Denied, NotFound

from .models import ApiKey
from .principal import Principal
from .roles import Role
from .scopes import LEAST_ROLE, ON_TEAM_WHEN_BOUND, VERB_OF_ROLE, Verb

Row = TypeVar("Row", bound=models.Model)


class _Visible(Protocol):
    def visible_to(self, principal: Principal) -> Self: ...


def fetch(
    source: type[Row] | models.QuerySet[Row],
    principal: Principal,
    needs: Role | None = None,
    verb: Verb | None = None,
    **lookup: Any,
) -> Row:
    """Return the one row of that lookup, if the principal may do this to it. One query.

    source: a tenant model, or a queryset of one (with its own select_related, or locked).
    needs, verb: the least role in the row's team and the kind of act. Either follows from the other;
        with neither it is looking.

    Raises NotFound, or Denied.
    """
    queryset: Any = source if isinstance(source, models.QuerySet) else source._default_manager.all()
    parents = queryset.model.team_path.rpartition("__")[0]
    if parents:
        queryset = queryset.select_related(parents)
    # PostgreSQL takes no NUL in a text, so no row has one in its name.
    if any(isinstance(value, str) and "\0" in value for value in lookup.values()):
        raise _not_found()
    row: Row | None = queryset.visible_to(principal).filter(**lookup).first()
    if row is None:
        raise _not_found()
    demand(principal, row, needs=needs, verb=verb)
    return row


def fetch_all(
    source: type[Row] | models.QuerySet[Row], principal: Principal, verb: Verb, public_ids: Sequence[str]
) -> list[Row]:
    """Return the rows of these public ids, in that order and each once: all of them, or none. One query.

    Raises NotFound if a single one is not to be seen, and Denied if the act is not allowed on one.
    """
    wanted = list(dict.fromkeys(public_ids))
    queryset: Any = source if isinstance(source, models.QuerySet) else source._default_manager.all()
    if any("\0" in public_id for public_id in wanted):
        raise _not_found()
    parents = queryset.model.team_path.rpartition("__")[0]
    if parents:
        queryset = queryset.select_related(parents)
    rows = {row.public_id: row for row in queryset.visible_to(principal).filter(public_id__in=wanted)}
    if len(rows) < len(wanted):
        raise NotFound("At least one of these is not there, or nothing that you may see.")
    for row in rows.values():
        demand(principal, row, verb=verb)
    return [rows[public_id] for public_id in wanted]


def demand(
    principal: Principal, row: models.Model, *, needs: Role | None = None, verb: Verb | None = None
) -> None:
    """Refuse an act on a row that is already at hand, and visible.

    Raises Denied.
    """
    if needs is None:
        needs = LEAST_ROLE[verb or Verb.READ]
    if verb is None:
        verb = VERB_OF_ROLE[needs]
    if verb not in principal.verbs:
        raise missing_scope(principal, verb)
    if principal.project_id is not None and verb not in ON_TEAM_WHEN_BOUND and _is_of_team(row):
        raise Denied("This key acts on one project only, not on its team.", code="key_bound_to_project")
    # Who sees a row without being in its team (it is public, or a link was given) looks and no more.
    role = principal.role_in(team_id_of(row)) or Role.VIEWER
    if role < needs:
        raise Denied(
            f"Your role in this team is {role.word}; this takes {needs.word}.",
            code="role_too_low",
            details={"role": role.word, "needs": needs.word},
        )


def team_id_of(row: models.Model) -> int:
    """Follow the row's `team_path`; no query for a row that was fetched here."""
    thing: Any = row
    *parents, last = row.team_path.split("__")  # type: ignore[attr-defined]
    for parent in parents:
        thing = getattr(thing, parent)
    team_id: int = thing.pk if last == "pk" else getattr(thing, f"{last}_id")
    return team_id


def missing_scope(principal: Principal, verb: Verb) -> Denied:
    held = ", ".join(sorted(principal.scopes)) or "none"
    return Denied(
        f"This credential's scopes ({held}) do not include what this takes: {verb}.",
        code="scope_missing",
        details={"verb": str(verb)},
    )


def _is_of_team(row: models.Model) -> bool:
    """Whether the row hangs off its team, not off one of its projects."""
    project_model = ApiKey._meta.get_field("project").related_model
    return "__" not in row.team_path and not isinstance(row, project_model)  # type: ignore[attr-defined]


def _not_found() -> NotFound:
    return NotFound("There is nothing here, or nothing that you may see.")
