"""isoline login: remember a server and a key for it."""

from __future__ import annotations

import argparse
import getpass
import sys
from typing import Any

from isoline.api import Api
from isoline.errors import SettingsInvalid
from isoline.settings import Settings, clean_url, credentials_path, store_key


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "login",
        help="remember a server and a key for it",
        description="Ask for an API key, try it, and keep it in a file that only you can read. "
        "The key is read from the terminal, or from standard input if that is no terminal.",
    )
    parser.add_argument("url", nargs="?", help="the server; by default the one in use")
    parser.set_defaults(run=run)


def run(asked: argparse.Namespace) -> int:
    url = clean_url(asked.url) if asked.url else Settings.read().url
    key = _read_key(url)
    if not key:
        raise SettingsInvalid("No key was given.")
    with Api(url, key) as api:
        me = api.me()
    store_key(url, key)
    who = me["user"]["email"] if me["user"] else me["service_account"]["name"]
    teams = ", ".join(team["slug"] for team in me["teams"]) or "none"
    sys.stdout.write(f"Signed in to {url} as {who}; teams: {teams}.\nThe key is in {credentials_path()}.\n")
    return 0


def _read_key(url: str) -> str:
    if sys.stdin.isatty():
        return getpass.getpass(f"API key for {url} (make one under your account's keys): ").strip()
    return sys.stdin.readline().strip()
