from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import BrowserContext, Page, expect

from .site import EMAIL, PASSWORD, Site, SiteProject


def test_a_stranger_signs_in_and_is_where_they_wanted_to_be(
    context_of: Callable[..., BrowserContext], digits: SiteProject
) -> None:
    page = context_of("").new_page()
    page.goto(digits.path)
    expect(page).to_have_url(re.compile("/login"))

    page.fill("[name=login]", EMAIL)
    page.fill("[name=password]", PASSWORD)
    page.click("button[type=submit]")

    expect(page).to_have_url(re.compile(f"{digits.path}$"))
    expect(page.get_by_role("navigation", name="Where you are")).to_contain_text("digits")


def test_a_page_has_its_session(page: Page, project: SiteProject) -> None:
    page.goto(project.path)

    expect(page).to_have_url(re.compile(f"{project.path}$"))


def test_a_viewer_of_the_team_sees_its_project(
    site: Site, context_of: Callable[..., BrowserContext], project: SiteProject
) -> None:
    page = context_of(site.make_person("vera@lab.org", role="viewer")).new_page()
    page.goto(project.path)

    expect(page).to_have_url(re.compile(f"{project.path}$"))
