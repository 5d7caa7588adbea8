"""Invite people into a team, by e-mail; take it back; accept.

The address in the row is what counts: who holds the link but not the address gets nothing (ACC-5).
"""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.utils.timezone import now

from apps.base.errors import Conflict, Denied, Gone

from . import audit
from .mail import send_mail
from .models import Invitation, Membership, Team, User
from .models.invitation import digest_of_token
from .models.user import canonical_email
from .principal import Principal
from .remembered import forget
from .roles import Role


def invite(principal: Principal, team: Team, *, email: str, role: Role) -> Invitation:
    """Offer a place in the team and send the mail. An open offer to the same address is replaced.

    Raises Invalid for what is no address, Denied for a role above one's own, Conflict `already_member`,
    `personal_team`.
    """
    email = canonical_email(email)
    if team.personal_of_id is not None:
        raise Conflict("A personal team has one member. Found a team to work together.", code="personal_team")
    if role > (principal.role_in(team.pk) or Role.VIEWER):
        raise Denied("You cannot invite somebody to a role above yours.", code="role_too_low")
    if Membership.objects.filter(team=team, user__email=email).exists():
        raise Conflict("This person is in the team already.", code="already_member")
    invitation = Invitation(team=team, email=email, role=role, invited_by=principal.user)
    token = invitation.renew()
    try:
        with transaction.atomic():
            Invitation.objects.filter(team=team, email=email, accepted_at=None, revoked_at=None).update(
                revoked_at=now()
            )
            invitation.save()
            audit.record("member.invited", team=team, about=invitation, role=role.word)
            _send(invitation, token, principal)
    except IntegrityError:
        raise Conflict("Somebody else has just invited this person.", code="invited_already") from None
    return invitation


def send_again(principal: Principal, invitation: Invitation) -> None:
    """Send the mail once more, with a new link and seven days from now. Raises Conflict `not_pending`."""
    with transaction.atomic():
        row = Invitation.objects.select_for_update().get(pk=invitation.pk)
        if row.accepted_at or row.revoked_at:
            raise Conflict("This invitation is not open any more. Invite again.", code="not_pending")
        token = row.renew()
        row.save(update_fields=["digest", "expires_at"])
        audit.record("invitation.sent_again", team=row.team_id, about=row)
        _send(row, token, principal)
    invitation.refresh_from_db()


def revoke(invitation: Invitation) -> None:
    """Take the offer back. Idempotent; one that was accepted stays so."""
    with transaction.atomic():
        taken_back = Invitation.objects.filter(pk=invitation.pk, accepted_at=None, revoked_at=None)
        if taken_back.update(revoked_at=now()):
            audit.record("invitation.revoked", team=invitation.team_id, about=invitation)
    invitation.refresh_from_db(fields=["revoked_at"])


def opened(token: str) -> Invitation:
    """Return the open invitation of a link. Raises Gone for one that is used, revoked, too old or none."""
    found = (
        Invitation.objects.pending()
        .select_related("team", "invited_by")
        .filter(digest=digest_of_token(token))
    )
    invitation = found.first()
    if invitation is None:
        raise Gone(
            "This invitation has been used, taken back or has expired. Ask for a new one.", code="expired"
        )
    return invitation


def accept(token: str, user: User) -> Membership:
    """Join the team with the role of the row. Of two who accept at once, one does.

    Raises Gone as `opened`, Denied `other_address` if it was sent to somebody else.
    """
    with transaction.atomic():
        row = (
            Invitation.objects.select_for_update(of=("self",))
            .select_related("team")
            .filter(digest=digest_of_token(token))
            .first()
        )
        if row is None or not row.is_pending:
            raise Gone(
                "This invitation has been used, taken back or has expired. Ask for a new one.", code="expired"
            )
        if row.email != user.email:
            raise Denied(
                "This invitation was sent to another address. Sign in with that one, or ask for a new one.",
                code="other_address",
            )
        row.accepted_at = now()
        row.save(update_fields=["accepted_at"])
        membership, is_new = Membership.objects.get_or_create(
            team=row.team, user=user, defaults={"role": row.role}
        )
        if is_new:
            audit.record("member.joined", team=row.team, about=user, role=Role(row.role).word)
        transaction.on_commit(forget)
    return membership


def accept_as_new(token: str, *, name: str, password: str) -> User:
    """Make the account the invitation is for, and join. The mail has proved the address.

    Raises Gone as `opened`, Conflict if the address has an account: then it signs in and accepts.
    """
    with transaction.atomic():
        invitation = opened(token)
        user = User.objects.create_user(invitation.email, password, name=name)
        accept(token, user)
    return user


def _send(invitation: Invitation, token: str, principal: Principal) -> None:
    send_mail(
        "invitation",
        to=invitation.email,
        team=invitation.team.name,
        inviter=str(principal.actor or ""),
        role=Role(invitation.role).word,
        path=f"/invite/{token}",
    )
