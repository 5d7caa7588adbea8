"""What can be refused. Raised once, in the domain; each interface puts it into its own words.

    DomainError
    ├── Malformed        400  the request could not be read
    ├── Unauthenticated  401  no credential, or not a valid one
    ├── Denied           403  visible, but not allowed
    ├── NotFound         404  not there, or not yours: one answer for both
    ├── Conflict         409  the state of the thing speaks against it
    ├── Gone             410  it was there and has been deleted or has expired
    ├── TooLarge         413  over a stated limit
    ├── Unsupported      415  a media type or encoding that is not accepted
    ├── Invalid          422  readable, but a value is not acceptable
    ├── TooMany          429  over a rate; says when to come back
    └── Unavailable      503  nothing was written; says when to come back

The numbers are those of our own REST; foreign dialects have theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class DomainError(Exception):
    """A refusal. The message says what was refused and what would be accepted.

    code: a stable word clients may branch on; one per reason, narrower than the class.
    details: small JSON-able facts beside the message (`expected`, `position`); never raw input.
    """

    status: ClassVar[int] = 400
    default_code: ClassVar[str] = "refused"

    def __init__(
        self, message: str, *, code: str | None = None, details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.details = dict(details or {})


class Malformed(DomainError):
    status = 400
    default_code = "malformed"


class Unauthenticated(DomainError):
    status = 401
    default_code = "unauthenticated"


class Denied(DomainError):
    status = 403
    default_code = "denied"


class NotFound(DomainError):
    status = 404
    default_code = "not_found"


class Conflict(DomainError):
    status = 409
    default_code = "conflict"


class Gone(DomainError):
    status = 410
    default_code = "gone"


class TooLarge(DomainError):
    status = 413
    default_code = "too_large"


class Unsupported(DomainError):
    status = 415
    default_code = "unsupported"


class Invalid(DomainError):
    status = 422
    default_code = "invalid"


class _ComeBack(DomainError):
    """A refusal that passes. retry_after_s: seconds until a repeat may succeed."""

    def __init__(self, message: str, *, retry_after_s: float, **more: Any) -> None:
        super().__init__(message, **more)
        self.retry_after_s = retry_after_s


class TooMany(_ComeBack):
    status = 429
    default_code = "too_many"


class Unavailable(_ComeBack):
    status = 503
    default_code = "unavailable"
