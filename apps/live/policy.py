"""What each websocket message asks for; a test compares it with the messages there are."""

from __future__ import annotations

from apps.accounts.policy import ANYONE, READ, register, required_rule
from apps.accounts.principal import Principal

from .messages import ClientFrame


def register_messages() -> None:
    register("live:subscribe_project", MESSAGE=READ)
    register("live:unsubscribe_project", MESSAGE=ANYONE)
    register("live:subscribe_run", MESSAGE=READ)
    register("live:unsubscribe_run", MESSAGE=ANYONE)
    register("live:ping", MESSAGE=ANYONE)


def address_of(message: type[ClientFrame]) -> str:
    return f"live:{message.__struct_config__.tag}"


def demand(principal: Principal, message: ClientFrame) -> None:
    """Raises Unauthenticated or Denied."""
    required_rule(address_of(type(message)), "MESSAGE").demand(principal)
