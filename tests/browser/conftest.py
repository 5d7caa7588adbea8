"""A browser before a real server. A page that complains fails its test, whatever the test asked.

`page` is signed in as ada; `project` is the test's own, made through REST; `digits` is everybody's, to look at.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.server import Server

from .chromium import HOW_TO_GET_IT, Complaints, found, launch
from .site import EMAIL, PASSWORD, Site, SiteProject, seed_digits

_PATIENCE_MS = 30_000
_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test of a session also waits for its server's first start, beside whatever else runs."""
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.timeout(300))


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """For this folder only: while Playwright runs, its event loop is the thread's, and no other can be."""
    if not found():
        # Where everything is to be checked, nothing is skipped.
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(HOW_TO_GET_IT)
    expect.set_options(timeout=_PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Server(tmp_path_factory.mktemp("site") / "home") as server:
        site = Site(server)
        yield site
        site.close()


@pytest.fixture(scope="session")
def digits(site: Site) -> SiteProject:
    """Six runs; see seed_digits. Tests only look at it."""
    return seed_digits(site)


@pytest.fixture
def project(site: Site, request: pytest.FixtureRequest) -> SiteProject:
    """An empty project of the test's own."""
    return site.make_project(f"{request.node.name[:80]} {os.urandom(3).hex()}")


@pytest.fixture(scope="package")
def session_of(chromium: Browser, site: Site) -> Callable[[str], str]:
    """Sign somebody in by the form, once; return the file that holds their cookies."""
    files: dict[str, str] = {}

    def session_of(email: str) -> str:
        if email not in files:
            context = chromium.new_context(base_url=site.url)
            context.set_default_timeout(_PATIENCE_MS)
            page = context.new_page()
            page.goto("/login")
            page.fill("[name=login]", email)
            page.fill("[name=password]", PASSWORD)
            page.click("button[type=submit]")
            page.wait_for_url(lambda address: "/login" not in address)
            files[email] = str(site.server.home.parent / f"{len(files)}.json")
            context.storage_state(path=files[email])
            context.close()
        return files[email]

    return session_of


@pytest.fixture
def complaints(site: Site) -> Iterator[Complaints]:
    """What pages complained of; a test that provokes something says `complaints.allow("net::ERR_")`."""
    complaints, heard = Complaints(site.url), len(site.server.err)
    yield complaints
    if unexpected := complaints.unexpected():
        # What the server said meanwhile: a page's complaint is often its.
        pytest.fail("\n".join([*unexpected, "", *site.server.err[heard:][-60:]]))


@pytest.fixture
def context_of(
    chromium: Browser, site: Site, session_of: Callable[[str], str], complaints: Complaints
) -> Iterator[Callable[..., BrowserContext]]:
    """Make a browser of somebody: `context_of("vera@lab.org", color_scheme="dark")`; of nobody: `context_of("")`."""
    contexts: list[BrowserContext] = []

    def context_of(email: str = EMAIL, **options: object) -> BrowserContext:
        options = {"viewport": {"width": 1280, "height": 800}, **options}
        context = chromium.new_context(
            base_url=site.url,
            storage_state=session_of(email) if email else None,
            **options,  # type: ignore[arg-type]
        )
        context.set_default_timeout(_PATIENCE_MS)
        context.on("page", complaints.watch)
        contexts.append(context)
        return context

    yield context_of
    for context in contexts:
        context.close()


@pytest.fixture
def page(context_of: Callable[..., BrowserContext]) -> Page:
    """A page of ada's, 1280 × 800, light."""
    return context_of().new_page()
