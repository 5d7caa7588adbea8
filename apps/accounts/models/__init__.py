from .api_key import ApiKey
from .audit_event import AuditEvent
from .invitation import Invitation
from .membership import Membership
from .outgoing_mail import OutgoingMail
from .service_account import ServiceAccount
from .team import Team
from .user import User

__all__ = [
    "ApiKey",
    "AuditEvent",
    "Invitation",
    "Membership",
    "OutgoingMail",
    "ServiceAccount",
    "Team",
    "User",
]
