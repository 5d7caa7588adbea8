"""The workspace: eyes, the address, full screen, smoothing, hover and what arrives while one looks."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from .site import SiteProject


def row(page: Page, name: str) -> Locator:
    return page.locator("run-list .run-row", has_text=name)


def panel(page: Page, metric: str) -> Locator:
    return page.locator(f'panel-card[data-panel="metric:{metric}"]')


def opened(page: Page, project: SiteProject) -> None:
    page.goto(project.path)
    expect(panel(page, "train/loss").locator(".panel-meta")).to_contain_text("points")


def test_eyes_hide_and_solo_and_the_address_says_so(page: Page, digits: SiteProject) -> None:
    opened(page, digits)
    eye = page.get_by_role("button", name="Show sgd-lr0.1", exact=True)
    shown = page.locator(".side-cols b")

    eye.click()
    expect(shown).to_have_text("5")
    page.get_by_role("button", name="Show sgd-lr0.3", exact=True).click(modifiers=["Alt"])
    expect(shown).to_have_text("1")
    page.get_by_role("button", name="Show sgd-lr0.3", exact=True).click(modifiers=["Alt"])
    expect(shown).to_have_text("5")

    expect(page).to_have_url(re.compile(r"[?&]s="))
    page.goto(page.url)
    expect(shown).to_have_text("5")
    expect(eye).to_have_attribute("aria-pressed", "false")


def test_smoothing_goes_into_the_address_and_is_undone(page: Page, digits: SiteProject) -> None:
    opened(page, digits)
    amount = page.get_by_label("Amount of smoothing")
    amount.fill("0.6")
    amount.press("Enter")

    expect(page).to_have_url(re.compile(r"[?&]s="))
    page.reload()
    expect(page.get_by_label("Amount of smoothing")).to_have_value("0.6")
    page.get_by_label("Amount of smoothing").fill("0.7")
    page.get_by_label("Amount of smoothing").press("Enter")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_label("Amount of smoothing")).to_have_value("0.6")


def test_a_panel_fills_the_screen_and_keys_go_on_and_close(page: Page, digits: SiteProject) -> None:
    opened(page, digits)
    panel(page, "train/acc").hover()
    panel(page, "train/acc").get_by_role("button", name="Full screen").click()
    stage = page.locator("dialog.stage")
    expect(stage).to_be_visible()
    expect(page).to_have_url(re.compile(r"panel=metric:train/acc"))

    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(re.compile(r"panel=metric:train/loss"))
    expect(stage.locator(".panel-title")).to_have_text("train/loss")
    page.keyboard.press("Escape")
    expect(stage).to_have_count(0)
    expect(page).not_to_have_url(re.compile("panel="))


def test_a_run_under_the_pointer_is_lit_in_the_charts(page: Page, digits: SiteProject) -> None:
    opened(page, digits)
    row(page, "sgd-lr0.3").hover()
    expect(panel(page, "train/loss").locator(".plot-lines.faded")).to_have_count(1)


def test_selected_runs_are_compared_and_deleted_and_come_back(page: Page, project: SiteProject) -> None:
    for number in range(3):
        run = project.make_run(f"run-{number}")
        run.log_points({"train/loss": [1.0, 0.5]})
        run.end()
    opened(page, project)
    row(page, "run-0").click(modifiers=["Control"], position={"x": 2, "y": 2})
    row(page, "run-1").click(modifiers=["Shift"], position={"x": 2, "y": 2})

    bar = page.get_by_role("toolbar", name="2 runs selected")
    expect(bar.get_by_role("link", name="Compare")).to_have_attribute(
        "href", re.compile(r"/compare\?runs=\w+,\w+")
    )
    bar.get_by_role("button", name="Delete").click()
    expect(page.locator("run-list .run-row")).to_have_count(1)
    page.get_by_role("button", name="Undo", exact=True).last.click()
    expect(page.locator("run-list .run-row")).to_have_count(3)


def test_runs_and_metrics_appear_while_one_looks(page: Page, project: SiteProject) -> None:
    first = project.make_run("first")
    first.log_points({"train/loss": [1.0, 0.5]})
    opened(page, project)
    expect(page.locator("[data-live]")).to_have_text("1 run live")

    second = project.make_run("second")
    second.log_points({"train/loss": [0.9, 0.4], "val/acc": [0.1, 0.2]})
    expect(row(page, "second")).to_be_visible()
    expect(panel(page, "val/acc")).to_be_visible()


def test_a_saved_view_is_what_the_workspace_opens_with(page: Page, project: SiteProject) -> None:
    project.make_run("first").log_points({"train/loss": [1.0, 0.5]})
    opened(page, project)
    page.get_by_role("button", name="Log y").click()
    expect(page.get_by_text("Edited", exact=True)).to_be_visible()
    page.get_by_role("button", name="Save view").click()
    page.get_by_label("Name of a new view").fill("Logarithmic")
    page.get_by_role("button", name="Save as").click()
    expect(page.get_by_text("Edited", exact=True)).to_have_count(0)
    page.locator("view-menu summary").click()
    page.get_by_role("button", name="Open with it by default").click()
    expect(page.get_by_role("button", name="No longer open with it")).to_be_visible()

    page.goto(project.path)
    expect(page.get_by_role("button", name="Log y")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("view-menu summary")).to_contain_text("Logarithmic")
