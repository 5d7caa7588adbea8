"""From what a caller shows to the principal it proves: used by HTTP, websockets and every dialect.

Authorization: Bearer iso_…
Authorization: Basic base64(anything:iso_…)      what the `wandb` and `mlflow` clients send
"""

from __future__ import annotations

import base64
import binascii
from datetime import timedelta
from types import MappingProxyType

from asgiref.sync import sync_to_async
from django.db import DatabaseError, models, transaction
from django.utils.timezone import now

from apps.base.errors import Unauthenticated

from .models import ApiKey, Membership, User
from .models.api_key import PREFIX, SECRET_LENGTH, digest_of
from .principal import Kind, Principal
from .remembered import recall, remember
from .roles import Role
from .scopes import ALL_SCOPES, Scope

_NOTE_USE_EVERY = timedelta(minutes=1)


def authenticate(header: str) -> Principal:
    """Return whom an Authorization header proves. No query if it was seen in the last two seconds.

    Raises Unauthenticated, with one message for every reason.
    """
    digest = digest_of(_secret_in(header))
    principal = recall(digest)
    if principal is None:
        principal = _look_up(digest)
        remember(digest, principal)
    return principal


def recalled(header: str) -> Principal | None:
    """Return whom the header proved in the last two seconds, without asking the database.

    Raises Unauthenticated for a header that is none of ours.
    """
    return recall(digest_of(_secret_in(header)))


async def aauthenticate(header: str) -> Principal:
    """As `authenticate`, for async callers: a thread is used only when there is something to look up."""
    return recalled(header) or await sync_to_async(authenticate)(header)


def principal_of_user(user: User) -> Principal:
    """Return the principal of a signed-in person: every scope, every team of theirs. One query."""
    return Principal(Kind.USER, user=user, scopes=ALL_SCOPES, roles=_roles_of(user.pk))


def renewed(principal: Principal) -> Principal:
    """Return the principal as it is by now, past every cache: for whoever holds one for long.

    Raises Unauthenticated if the key, the account or the person has been shut out.
    """
    if principal.key is not None:
        return _look_up(bytes(principal.key.digest))
    if principal.user is not None:
        user = User.objects.filter(pk=principal.user.pk, is_active=True).first()
        if user is None:
            raise _unauthenticated()
        return principal_of_user(user)
    return principal


def _secret_in(header: str) -> str:
    scheme, _, value = header.partition(" ")
    value = value.strip()
    if scheme.lower() == "basic" and len(value) < 1024:
        try:
            value = base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError, ValueError):
            value = ""
    elif scheme.lower() != "bearer":
        value = ""
    if len(value) != len(PREFIX) + SECRET_LENGTH or not value.startswith(PREFIX) or not value.isascii():
        raise _unauthenticated()
    return value


def _look_up(digest: bytes) -> Principal:
    key = (
        ApiKey.objects.alive()
        .select_related("owner", "service_account")
        .filter(digest=digest)
        .filter(
            models.Q(owner__is_active=True)
            | models.Q(service_account__isnull=False, service_account__disabled_at=None)
        )
        .first()
    )
    if key is None:
        raise _unauthenticated()
    _note_use(key)
    if key.owner is not None:
        kind, roles = Kind.USER, _roles_of(key.owner.pk, team_id=key.team_id)
    else:
        assert key.service_account is not None
        kind = Kind.SERVICE_ACCOUNT
        roles = MappingProxyType({key.service_account.team_id: Role(key.service_account.role)})
    return Principal(
        kind,
        user=key.owner,
        service_account=key.service_account,
        key=key,
        scopes=frozenset(Scope(word) for word in key.scopes),
        roles=roles,
        project_id=key.project_id,
    )


def _roles_of(user_id: int, *, team_id: int | None = None) -> MappingProxyType[int, Role]:
    memberships = Membership.objects.filter(user=user_id)
    if team_id is not None:
        memberships = memberships.filter(team=team_id)
    return MappingProxyType({team: Role(role) for team, role in memberships.values_list("team_id", "role")})


def _note_use(key: ApiKey) -> None:
    """Write `last_used_at`, at most once a minute. A database that cannot write refuses nobody."""
    moment = now()
    due = models.Q(last_used_at=None) | models.Q(last_used_at__lt=moment - _NOTE_USE_EVERY)
    if key.last_used_at is not None and key.last_used_at >= moment - _NOTE_USE_EVERY:
        return
    try:
        with transaction.atomic():
            ApiKey.objects.filter(due, pk=key.pk).update(last_used_at=moment)
    except DatabaseError:
        return


def _unauthenticated() -> Unauthenticated:
    return Unauthenticated("Send a valid API key as `Authorization: Bearer iso_…`, or sign in.")
