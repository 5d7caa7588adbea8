"""The page of a run: its console while it is printed, and stopping it."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from .site import SiteProject


def test_lines_come_as_they_are_printed_in_colour_and_never_as_markup(
    page: Page, project: SiteProject
) -> None:
    run = project.make_run("talks")
    run.log_lines("begin")
    page.goto(f"{run.path}/logs")
    lines = page.locator(".log-line")
    expect(lines).to_have_count(1)

    run.log_lines("\x1b[31mred\x1b[0m <img src=x onerror=alert(1)>", "oh", fd="stderr")

    expect(lines).to_have_count(3)
    expect(lines.nth(1).locator(".ansi-1")).to_have_text("red")
    expect(lines.nth(1).locator("code")).to_have_text("red <img src=x onerror=alert(1)>")
    expect(page.locator(".log-line img")).to_have_count(0)
    page.get_by_role("button", name="stderr").click()
    expect(lines).to_have_count(2)


def test_a_search_jumps_to_what_it_finds(page: Page, project: SiteProject) -> None:
    run = project.make_run("long")
    run.log_lines(*(f"step {number}" + (" needle" if number == 40 else "") for number in range(3000)))
    run.end()
    page.goto(f"{run.path}/logs")
    expect(page.locator("#L3000")).to_be_in_viewport()

    page.get_by_placeholder("Search 3,000 lines").fill("NEEDLE")

    expect(page.locator(".log-line.at")).to_contain_text("step 40 needle")
    expect(page.locator("#L41")).to_be_in_viewport()
    expect(page.get_by_text("1 of 1")).to_be_visible()


def test_a_run_is_stopped_once_that_is_confirmed(page: Page, project: SiteProject) -> None:
    run = project.make_run("on and on")
    page.goto(run.path)

    page.locator("summary", has_text="Stop").click()
    page.get_by_role("button", name="Stop the run").click()

    expect(page.get_by_text("Asked to stop", exact=True)).to_be_visible()
    expect(page.locator("summary", has_text="Stop")).to_have_count(0)


def test_the_end_of_a_run_is_shown_without_a_reload(page: Page, project: SiteProject) -> None:
    run = project.make_run("ends")
    run.log_points({"loss": [0.5, 0.25]})
    page.goto(run.path)
    expect(page.locator("[data-part=state]")).to_have_text("Running")

    run.log_lines("Traceback (most recent call last):", "ValueError: no", fd="stderr")
    run.end("failed", 2)

    expect(page.locator("[data-part=state]")).to_have_text("Failed, exit code 2")
    expect(page.get_by_role("heading", name="The run failed with exit code 2")).to_be_visible()


def test_a_run_is_renamed_in_place(page: Page, project: SiteProject) -> None:
    run = project.make_run("before")
    page.goto(run.path)

    page.get_by_role("button", name="Rename this run").click()
    page.get_by_role("textbox", name="Name of the run").fill("after")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text("after")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("after")
