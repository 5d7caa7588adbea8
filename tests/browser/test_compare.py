"""Runs side by side: from the table of runs to what differs between them."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from .site import SiteProject


def test_picked_runs_are_compared_by_what_differs(page: Page, project: SiteProject) -> None:
    for number in range(3):
        run = project.make_run(f"run-{number}", config={"lr": 0.1 * (number + 1), "data": "digits"})
        run.log_points({"loss": [1.0, 0.9 - number / 10]})
        run.end()
    page.goto(f"{project.path}/runs")
    page.get_by_role("checkbox", name="Pick run-0").check()
    page.get_by_role("checkbox", name="Pick run-2").check()
    page.get_by_role("link", name="Compare", exact=True).click()

    expect(page.get_by_role("heading", name="Compare 2 runs")).to_be_visible()
    rows = page.locator("tr[data-key]:visible")
    expect(page.locator('tr[data-key="lr"]')).to_be_visible()
    expect(page.locator('tr[data-key="data"]')).to_have_count(0)
    expect(page.locator("line-chart canvas.plot-lines").first).to_be_visible()

    page.get_by_role("searchbox", name="Search keys").fill("loss")
    expect(rows).to_have_count(1)
    expect(page.get_by_text("No key contains that.")).to_be_hidden()
    page.get_by_role("searchbox", name="Search keys").fill("no such key")
    expect(page.get_by_text("No key contains that.")).to_be_visible()
    page.get_by_role("searchbox", name="Search keys").fill("")
    page.get_by_role("button", name="Fold Config").click()
    expect(page.locator('tr[data-key="lr"]')).to_be_hidden()

    page.get_by_role("link", name="All", exact=True).click()
    expect(page).to_have_url(re.compile("all=1"))
    expect(page.locator('tr[data-key="data"]')).to_be_visible()

    page.locator(".cmp-add summary").click()
    page.get_by_role("link", name="run-1", exact=True).click()
    expect(page.get_by_role("heading", name="Compare 3 runs")).to_be_visible()
    page.get_by_role("link", name="Remove run-1").click()
    expect(page.get_by_role("heading", name="Compare 2 runs")).to_be_visible()
