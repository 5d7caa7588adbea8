"""Log experiments to an Isoline server.

import isoline

run = isoline.init(project="digits", config={"lr": 0.1})
run.log({"loss": 0.5})
run.finish()
"""

from isoline.api import Api
from isoline.config import Config
from isoline.errors import (
    AccessDenied,
    ExtraMissing,
    IsolineError,
    NotFound,
    NotSignedIn,
    QueryInvalid,
    RequestRefused,
    RunExists,
    RunMissing,
    RunRefused,
    ServerAway,
    SettingsInvalid,
)
from isoline.history import History, Row
from isoline.run import Run, current_run, finish, init, log
from isoline.settings import Settings
from isoline.stored import MetricFacts, Project, StoredRun, Team
from isoline.summary import Summary

__version__ = "0.1.0"

__all__ = [
    "AccessDenied",
    "Api",
    "Config",
    "ExtraMissing",
    "History",
    "IsolineError",
    "MetricFacts",
    "NotFound",
    "NotSignedIn",
    "Project",
    "QueryInvalid",
    "RequestRefused",
    "Row",
    "Run",
    "RunExists",
    "RunMissing",
    "RunRefused",
    "ServerAway",
    "Settings",
    "SettingsInvalid",
    "StoredRun",
    "Summary",
    "Team",
    "__version__",
    "current_run",
    "finish",
    "init",
    "log",
]
