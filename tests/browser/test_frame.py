"""What every page has: palette, keys, menus, theme; and the one secret that is shown once."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect


def test_the_palette_finds_a_project_and_a_run_and_goes_there(page: Page, digits):
    page.goto("/")
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Search projects, runs and pages").fill("digi")
    expect(page.get_by_role("option", selected=True)).to_contain_text("digits")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{digits.path}")
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Search projects, runs and pages").fill("sgd-lr0.1")
    expect(page.get_by_role("option", name="sgd-lr0.1").first).to_be_visible()


def test_the_palette_moves_by_arrows_and_closes_by_escape(page: Page, digits):
    page.goto("/settings")
    page.get_by_role("button", name="Search or jump to").click()
    selected = page.get_by_role("option", selected=True)
    expect(selected).to_be_visible()
    # Projects are told by the server a little later; only then does the list stand still.
    page.wait_for_load_state("networkidle")
    first = selected.text_content() or ""
    page.keyboard.press("ArrowDown")
    expect(selected).not_to_have_text(first)
    page.keyboard.press("ArrowUp")
    expect(selected).to_have_text(first)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page).to_have_url(re.compile("/settings$"))


def test_g_and_a_letter_go_to_pages_and_slash_searches(page: Page, digits):
    page.goto("/")
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name="Search projects")).to_be_focused()
    page.keyboard.type("gs?")
    expect(page.get_by_role("searchbox")).to_have_value("gs?")
    page.get_by_role("heading", name="Projects", exact=True).click()
    page.keyboard.press("g")
    page.keyboard.press("s")
    page.wait_for_url("**/settings")
    page.goto(digits.path)
    page.keyboard.press("g")
    page.keyboard.press("r")
    page.wait_for_url(f"**{digits.path}/runs*")


def test_the_question_mark_shows_every_key(page: Page, digits):
    page.goto("/settings")
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys and gestures")
    for words in ("Search or jump to anything", "Show this run alone", "Zoom around the pointer"):
        expect(dialog).to_contain_text(words)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_a_menu_moves_by_arrows_and_closes_by_escape_and_elsewhere(page: Page, digits):
    page.goto("/settings")
    menu = page.locator(".topbar details.menu-hold")
    summary = menu.locator("summary")
    summary.focus()
    page.keyboard.press("ArrowDown")
    expect(menu.get_by_role("link", name="Profile")).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(menu.get_by_role("button", name="Sign out")).to_be_focused()
    page.keyboard.press("Escape")
    expect(summary).to_be_focused()
    expect(menu).not_to_have_attribute("open", "")
    summary.click()
    page.get_by_role("heading", name="Profile", exact=True).click()
    expect(menu).not_to_have_attribute("open", "")


def test_a_theme_is_kept_and_there_before_the_first_paint(page: Page, digits):
    page.goto("/settings/appearance")
    page.get_by_role("radio", name="Dark").check()
    page.get_by_role("radio", name="Roomy").check()
    page.reload(wait_until="commit")
    root = page.locator("html")
    expect(root).to_have_attribute("data-theme", "dark")
    expect(root).to_have_attribute("data-density", "roomy")
    expect(page.get_by_role("radio", name="Dark")).to_be_checked()
    page.get_by_role("radio", name="System").check()
    expect(root).not_to_have_attribute("data-theme", "dark")


def test_a_key_is_made_shown_once_and_revoked(page: Page, digits):
    page.goto("/settings/keys")
    page.get_by_role("link", name="New key").click()
    page.get_by_label("Name").fill("frame test")
    page.get_by_role("button", name="Create key").click()
    dialog = page.get_by_role("dialog", name="The key frame test")
    expect(dialog.locator("#secret")).to_have_text(re.compile(r"iso_\w{52}"))
    page.keyboard.press("Escape")
    expect(dialog).to_be_visible()
    page.reload()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("link", name="Revoke frame test").click()
    expect(page.get_by_role("dialog", name="Revoke frame test")).to_be_visible()
    page.get_by_role("button", name="Revoke key").click()
    expect(page.get_by_role("status")).to_contain_text("frame test has been revoked")
    expect(page.get_by_role("cell", name="frame test", exact=True)).to_have_count(0)


def test_without_scripts_a_key_can_be_made(context_of, digits):
    page = context_of(java_script_enabled=False).new_page()
    page.goto("/settings/keys/new")
    page.get_by_label("Name").fill("no scripts")
    page.get_by_role("button", name="Create key").click()
    expect(page.locator("#secret")).to_have_text(re.compile(r"iso_\w{52}"))
    page.get_by_role("link", name="I have copied it").click()
    expect(page.get_by_role("cell", name="no scripts", exact=True)).to_be_visible()
