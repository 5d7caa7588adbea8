"""The table of runs: sorting, the query bar, picking, deleting and taking it back."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from .chromium import Complaints, wait_for
from .site import SiteProject


@pytest.fixture
def runs(project: SiteProject) -> SiteProject:
    for number in range(4):
        optimizer = "sgd" if number % 2 else "adam"
        run = project.make_run(f"run-{number}", config={"optimizer": optimizer, "lr": 0.1 * number})
        run.log_points({"loss": [1.0 - number / 10]})
        run.end()
    return project


def rows(page: Page):
    return page.locator("tbody tr[data-run]")


def test_a_click_on_a_head_sorts_and_the_address_says_so(page: Page, runs: SiteProject) -> None:
    head = page.get_by_role("button", name="loss", exact=True)

    def has_column() -> bool:
        """A value is searched and sorted by about a second after it came."""
        page.goto(f"{runs.path}/runs")
        return head.count() > 0

    wait_for(page, has_column)
    head.click()

    expect(rows(page).first).to_contain_text("run-3")
    expect(page).to_have_url(re.compile("sort=metrics.loss"))
    page.reload()
    expect(rows(page).first).to_contain_text("run-3")


def test_a_query_is_completed_and_counted(page: Page, runs: SiteProject) -> None:
    page.goto(f"{runs.path}/runs")
    bar = page.get_by_role("combobox", name="Query")
    bar.press_sequentially("optim")
    expect(page.get_by_role("option").first).to_contain_text("config.optimizer")
    bar.press("Tab")
    bar.press_sequentially('= "sgd"')
    bar.press("Enter")

    expect(rows(page)).to_have_count(2)
    expect(page.locator("query-bar .q-n")).to_have_text("2 of 4")


def test_an_error_is_shown_at_its_spot(page: Page, runs: SiteProject, complaints: Complaints) -> None:
    complaints.allow("400")
    page.goto(f"{runs.path}/runs")
    bar = page.get_by_role("combobox", name="Query")
    bar.fill("config.lr < and")
    bar.press("Enter")

    expect(page.locator(".q-wrong")).to_have_text("and")
    expect(page.get_by_role("alert")).to_contain_text("Expected")
    expect(rows(page)).to_have_count(4)


def test_a_name_is_edited_in_place_and_escape_leaves_it(page: Page, runs: SiteProject) -> None:
    page.goto(f"{runs.path}/runs")
    row = rows(page).filter(has_text="run-2")
    row.hover()
    row.get_by_role("button", name="Edit name").click()
    field = page.get_by_role("textbox", name="name of run-2")
    field.fill("never")
    field.press("Escape")
    expect(row).to_have_count(1)

    row.hover()
    row.get_by_role("button", name="Edit name").click()
    field.fill("the best")
    field.press("Enter")
    expect(page.get_by_role("link", name="the best")).to_be_visible()


def test_runs_are_tagged_together(page: Page, runs: SiteProject) -> None:
    page.goto(f"{runs.path}/runs")
    page.get_by_role("checkbox", name="Pick run-3").check()
    page.get_by_role("checkbox", name="Pick run-1").click(modifiers=["Shift"])
    page.get_by_role("button", name="Tag", exact=True).click()
    page.get_by_role("textbox", name="Tags, with commas between").fill("best")
    page.get_by_role("button", name="Add", exact=True).click()

    expect(page.locator("tbody .chip", has_text="best")).to_have_count(3)


def test_deleted_runs_come_back_by_undo_and_from_the_trash(page: Page, runs: SiteProject) -> None:
    page.goto(f"{runs.path}/runs")
    page.get_by_role("checkbox", name="Pick run-0").check()
    page.get_by_role("button", name="Delete").click()
    expect(rows(page)).to_have_count(3)
    page.get_by_role("button", name="Undo").click()
    expect(rows(page)).to_have_count(4)

    page.get_by_role("checkbox", name="Pick run-0").check()
    page.get_by_role("button", name="Delete").click()
    expect(rows(page)).to_have_count(3)
    page.goto(f"{runs.path}/runs/trash")
    page.get_by_role("button", name="Restore", exact=True).click()
    page.goto(f"{runs.path}/runs")
    expect(rows(page)).to_have_count(4)


def test_picked_columns_survive_a_reload(page: Page, runs: SiteProject) -> None:
    page.goto(f"{runs.path}/runs")
    page.locator("column-picker summary").click()
    page.get_by_role("checkbox", name="Notes").check()
    expect(page.get_by_role("columnheader", name="Notes")).to_be_visible()
    page.reload()
    expect(page.get_by_role("columnheader", name="Notes")).to_be_visible()
