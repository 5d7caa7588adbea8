"""An empty project: the lines it shows work as they are, and it turns into the live workspace."""

from __future__ import annotations

import subprocess

from playwright.sync_api import Page, expect

from .site import SiteProject


def test_the_lines_for_curl_make_the_page_the_live_workspace(page: Page, project: SiteProject):
    page.goto(project.path)
    expect(page.get_by_text("listening since")).to_be_visible()
    expect(page.locator("#here-curl")).to_be_hidden()
    page.get_by_role("tab", name="curl").click()
    expect(page.locator("#here-sdk")).to_be_hidden()
    page.locator("#with-curl").get_by_role("button", name="Make a key").click()
    expect(page.get_by_text("listening since")).to_be_visible()
    page.get_by_role("tab", name="Isoline SDK").click()
    expect(page.locator("#here-sdk")).to_contain_text("iso_")
    page.get_by_role("tab", name="curl").click()
    lines = [page.locator(f"#{part}-curl").inner_text() for part in ("here", "begin", "send")]

    done = subprocess.run(
        ["bash", "-euc", "\n".join(lines)], capture_output=True, text=True, timeout=120, check=False
    )

    assert done.returncode == 0, done.stderr
    page.wait_for_url(lambda address: address.split("?")[0].endswith(project.path))
    expect(page.locator("run-list")).to_be_visible()
