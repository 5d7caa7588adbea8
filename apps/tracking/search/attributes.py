"""The run's own attributes that a query may name: the whole list, nothing else is reachable."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from django.db.models import DurationField, F, Value
from django.db.models.functions import Coalesce, Greatest

Kind = Literal["text", "time", "number", "duration", "tags"]


@dataclass(frozen=True)
class Attribute:
    """column: an expression over Run. aliases: what other trackers call it. words: the only values it has.

    nullable, may_be_empty: how its absence shows.
    """

    name: str
    kind: Kind
    column: Any
    nullable: bool = False
    may_be_empty: bool = False
    aliases: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


_DURATION = Greatest(
    Coalesce(F("ended_at"), F("last_seen_at")) - F("started_at"),
    Value(timedelta(0)),
    output_field=DurationField(),
)

_LIST = (
    Attribute("id", "text", F("public_id"), aliases=("run_id",)),
    Attribute("client_id", "text", F("client_id")),
    Attribute("name", "text", F("name"), aliases=("run_name", "display_name", "displayname")),
    Attribute(
        "state",
        "text",
        F("state"),
        aliases=("status",),
        words=("running", "finished", "failed", "killed", "crashed"),
    ),
    Attribute(
        "user",
        "text",
        Coalesce(F("created_by__email"), F("created_by_service__name")),
        nullable=True,
        aliases=("user_id", "username", "created_by"),
    ),
    Attribute("project", "text", F("project__slug")),
    Attribute("group", "text", F("group"), may_be_empty=True),
    Attribute("job_type", "text", F("job_type"), may_be_empty=True, aliases=("jobtype",)),
    Attribute("sweep", "text", F("sweep"), may_be_empty=True),
    Attribute("host", "text", F("host"), may_be_empty=True),
    Attribute("commit", "text", F("git_commit"), may_be_empty=True, aliases=("git_commit",)),
    Attribute("notes", "text", F("notes"), may_be_empty=True),
    Attribute("parent", "text", F("parent__public_id"), nullable=True),
    Attribute("created", "time", F("created_at"), aliases=("created_at", "createdat")),
    Attribute("started", "time", F("started_at"), aliases=("started_at", "start_time")),
    Attribute("ended", "time", F("ended_at"), nullable=True, aliases=("ended_at", "end_time")),
    Attribute("seen", "time", F("last_seen_at"), aliases=("last_seen_at", "heartbeat_at", "heartbeatat")),
    Attribute("updated", "time", F("updated_at"), aliases=("updated_at",)),
    Attribute("duration", "duration", _DURATION, aliases=("runtime",)),
    Attribute("step", "number", F("last_step"), nullable=True, aliases=("last_step", "_step")),
    Attribute("exit_code", "number", F("exit_code"), nullable=True),
    Attribute("tags", "tags", F("tags")),
)

ATTRIBUTES = {attribute.name: attribute for attribute in _LIST}
_BY_ALIAS = {alias: attribute for attribute in _LIST for alias in (attribute.name, *attribute.aliases)}


def attribute_named(name: str) -> Attribute | None:
    return _BY_ALIAS.get(name.lower())
