"""Who acts at this moment, and from where: said by whoever let a request in, read by the audit log.

Outside of a request nobody has said anything: then it is the installation itself, on the command line or by
the clock.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass

from .principal import NOBODY, Principal


@dataclass(frozen=True)
class Acting:
    """address: the peer's, as the trusted proxies tell it; empty where there is none."""

    principal: Principal = NOBODY
    address: str = ""
    is_request: bool = False

    @property
    def credential(self) -> str:
        """What proved it, without a secret in it."""
        if self.principal.key is not None:
            return f"key {self.principal.key.hint}"
        if self.principal.is_somebody:
            return "session"
        return "none" if self.is_request else "installation"


_acting: ContextVar[Acting] = ContextVar("acting", default=Acting())  # noqa: B039  frozen


def let_in(principal: Principal, address: str | None) -> None:
    """Say who acts from here on, until the next request."""
    _acting.set(Acting(principal, address or "", is_request=True))


def nobody_acts() -> None:
    _acting.set(Acting())


def acting() -> Acting:
    return _acting.get()
