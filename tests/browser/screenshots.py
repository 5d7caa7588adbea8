"""`make screenshots`: every page × light and dark × three widths, into build/screenshots.

A page joins by its line in PAGES.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.server import ROOT, Server

from .chromium import HOW_TO_GET_IT, found, launch
from .site import EMAIL, PASSWORD, Site, seed_digits

FOLDER = ROOT / "build" / "screenshots"
SIZES = ((1280, 800), (1920, 1080), (390, 844))

# {project}: one with six runs. {run}: of these the one that still runs. {failed}: the one that diverged.
PAGES = {
    "sign-in": "/login",
    "home": "/",
    "team": "/{team}",
    "workspace": "{project}",
    "workspace-empty": "{empty}",
    "runs": "{project}/runs",
    "trash": "{project}/runs/trash",
    "compare": "{project}/compare?runs={run},{failed}",
    "project-settings": "{project}/settings",
    "run": "{project}/runs/{run}",
    "run-failed": "{project}/runs/{failed}",
    "settings": "/settings",
    "keys": "/settings/keys",
    "not-found": "/{team}/no-such-project",
}


def main(names: list[str]) -> int:
    if unknown := set(names) - set(PAGES):
        print(f"No page {', '.join(sorted(unknown))}; there are: {', '.join(PAGES)}", file=sys.stderr)
        return 2
    if not found():
        print(HOW_TO_GET_IT, file=sys.stderr)
        return 1
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="isoline-") as home, Server(Path(home) / "home") as server:
        site = Site(server)
        words = _seeded(site)
        pages = {name: path.format(**words) for name, path in PAGES.items() if name in names or not names}
        with sync_playwright() as playwright:
            browser = launch(playwright)
            for theme in ("light", "dark"):
                _shoot(browser, site, pages, theme)
            browser.close()
        site.close()
    print(f"{len(pages) * len(SIZES) * 2} pictures in {FOLDER.relative_to(ROOT)}")
    return 0


def _seeded(site: Site) -> dict[str, str]:
    project, empty = seed_digits(site), site.make_project("empty")
    runs = {run["name"]: run["id"] for run in site.ask("GET", f"/projects/{project.id}/runs")["items"]}
    return {
        "team": site.team,
        "project": project.path,
        "empty": empty.path,
        "run": runs["sgd-live"],
        "failed": runs["sgd-lr3"],
    }


def _shoot(browser: Browser, site: Site, pages: dict[str, str], theme: str) -> None:
    context = browser.new_context(base_url=site.url, color_scheme=theme)  # type: ignore[arg-type]
    page = context.new_page()
    is_signed_in = False
    # The sign-in is taken before anybody has signed in; it comes first.
    for name, path in pages.items():
        if name != "sign-in" and not is_signed_in:
            page.goto("/login")
            page.fill("[name=login]", EMAIL)
            page.fill("[name=password]", PASSWORD)
            page.click("button[type=submit]")
            page.wait_for_url(lambda address: "/login" not in address)
            is_signed_in = True
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            page.goto(path)
            # Charts ask once they are in view; what still moves after this is live.
            page.wait_for_load_state("load")
            page.wait_for_timeout(1500)
            page.screenshot(path=FOLDER / f"{name}-{theme}-{width}.png")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
