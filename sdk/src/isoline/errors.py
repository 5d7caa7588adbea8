"""What can go wrong, as one tree. `log()` raises none of these: what it cannot take it counts and tells.

IsolineError
├── SettingsInvalid        a setting, argument or environment variable makes no sense
├── NotSignedIn            online, and no API key is known for the server
├── RunRefused             the server said no to the run, and said why
│   ├── RunExists          resume="never", and the project holds a run of this id
│   └── RunMissing         resume="must", and the project holds none
├── RequestRefused         the server said no to what `Api` or the command line asked, and said why
│   ├── NotFound           nothing is there, or nothing this key may see
│   ├── AccessDenied       visible, but the key's role or scopes do not reach
│   └── QueryInvalid       the query could not be read
├── ExtraMissing           a library that an extra of this package brings is not installed
├── ServerAway             the answer was needed now, and the server could not be reached
└── RunEnded               the run has been finished; it takes nothing more
"""

from __future__ import annotations

from typing import Any


class IsolineError(Exception):
    """Any refusal of this library."""


class SettingsInvalid(IsolineError, ValueError):
    """A setting, argument or environment variable makes no sense."""


class NotSignedIn(IsolineError):
    """The run is to be online, and no API key is known for the server."""


class RunRefused(IsolineError):
    """The server said no to the run. `code` is its stable word for why."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class RunExists(RunRefused):
    """The id is taken, and the run was not to be resumed."""


class RunMissing(RunRefused):
    """There is no run of this id to resume."""


class ServerAway(IsolineError):
    """An answer was needed before going on, and the server could not be reached."""


class RequestRefused(IsolineError):
    """The server said no to a request. `code` is its stable word for why, `status` the HTTP status, `details`
    what else it tells.
    """

    def __init__(
        self, message: str, *, code: str, status: int, details: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.details = details or {}


class NotFound(RequestRefused):
    """Nothing is there, or nothing that this key may see."""


class AccessDenied(RequestRefused):
    """It is visible, but the key's role or scopes do not reach."""


class QueryInvalid(RequestRefused):
    """The query could not be read."""

    @property
    def position(self) -> int | None:
        """Where, counted in characters; None if it is all of it."""
        position = self.details.get("position")
        return position if isinstance(position, int) else None


class ExtraMissing(IsolineError, ImportError):
    """A library that an extra of this package brings is not installed."""
