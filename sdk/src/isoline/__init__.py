"""Log experiments to an Isoline server.

import isoline

run = isoline.init(project="digits", config={"lr": 0.1})
run.log({"loss": 0.5})
run.finish()
"""

from isoline.config import Config
from isoline.errors import (
    IsolineError,
    NotSignedIn,
    RunExists,
    RunMissing,
    RunRefused,
    ServerAway,
    SettingsInvalid,
)
from isoline.run import Run, current_run, finish, init, log
from isoline.settings import Settings
from isoline.summary import Summary

__version__ = "0.1.0"

__all__ = [
    "Config",
    "IsolineError",
    "NotSignedIn",
    "Run",
    "RunExists",
    "RunMissing",
    "RunRefused",
    "ServerAway",
    "Settings",
    "SettingsInvalid",
    "Summary",
    "__version__",
    "current_run",
    "finish",
    "init",
    "log",
]
