from .api_key import ApiKey
from .membership import Membership
from .service_account import ServiceAccount
from .team import Team
from .user import User

__all__ = ["ApiKey", "Membership", "ServiceAccount", "Team", "User"]
