"""The options that say which server is meant."""

from __future__ import annotations

import argparse
from typing import Any

from isoline.api import Api


def add_server(parser: Any) -> None:
    """Add `--url`. A key is never an option: command lines are seen by everybody on the machine."""
    parser.add_argument(
        "--url", help="the server; by default ISOLINE_URL, or that of the last `isoline login`"
    )


def open_api(asked: argparse.Namespace) -> Api:
    """Return the server that is meant. Raises NotSignedIn, SettingsInvalid."""
    return Api(asked.url)
