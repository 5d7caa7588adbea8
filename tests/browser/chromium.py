"""Debian's Chromium, driven by Playwright, and what a page may not do unnoticed."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, Request

NAMES = ("chromium", "google-chrome", "chromium-browser", "google-chrome-stable")
HOW_TO_GET_IT = (
    "There is no Chromium. `make test` installs it where it may (root, or sudo without a password, with apt);"
    " elsewhere install it by hand (apt install chromium), or set ISOLINE_CHROMIUM to where one is."
)

# Nothing of a browser's own traffic; root, as in a container, has no sandbox.
_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def found() -> str:
    """Return where a Chromium is, or ""."""
    given = os.environ.get("ISOLINE_CHROMIUM", "")
    return given or next((path for name in NAMES if (path := shutil.which(name))), "")


def launch(playwright: Playwright) -> Browser:
    return playwright.chromium.launch(executable_path=found(), args=[*_OPTIONS])


class Complaints:
    """What went wrong in a page: console errors (refusals by the policy are such), exceptions, foreign requests."""

    def __init__(self, home: str) -> None:
        self._host = urlsplit(home).netloc
        self._allowed: list[re.Pattern[str]] = []
        self._all: list[str] = []

    def allow(self, pattern: str) -> None:
        """Expect complaints that match: a test that cuts the line hears of it."""
        self._allowed.append(re.compile(pattern))

    def watch(self, page: Page) -> None:
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self._all.append(f"exception: {error.stack or error}"))
        page.on("request", self._asked)

    def unexpected(self) -> list[str]:
        return [text for text in self._all if not any(each.search(text) for each in self._allowed)]

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._all.append(f"console: {message.text} ({message.location.get('url', '')})")

    def _asked(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob", "about") and address.netloc != self._host:
            self._all.append(f"asked a foreign host: {request.url}")


def wait_for(page: Page, condition: Callable[[], Any], *, timeout_s: float = 30, what: str = "") -> Any:
    """Return the condition's first true value. The page goes on meanwhile, which it would not while we sleep."""
    waited_ms = 0
    while not (value := condition()):
        assert waited_ms < timeout_s * 1000, f"not within {timeout_s} s: {what or condition}"
        page.wait_for_timeout(50)
        waited_ms += 50
    return value
