"""What the first load of a page may weigh, gzipped: pages are to be there at once."""

from __future__ import annotations

import gzip
from urllib.parse import urlsplit

import pytest

from apps.web import assets

KIB = 1024
JS_BYTES = 120 * KIB
CSS_BYTES = 30 * KIB
PAGES = sorted(page.name for page in (assets.root() / "js" / "pages").glob("*.js"))


def weight(addresses: set[str]) -> int:
    files = [urlsplit(address).path.removeprefix("/static/") for address in addresses]
    return sum(len(gzip.compress((assets.root() / file).read_bytes(), mtime=0)) for file in files)


@pytest.mark.parametrize("page", [page for page in PAGES if not page.endswith(".test.js")])
def test_scripts_of_a_page(page):
    needed = {*assets.modules_of(f"pages/{page}"), *assets.modules_of("pages/frame.js")}
    assert weight(needed | {assets.address("js/theme.js")}) <= JS_BYTES


def test_style_sheets():
    assert weight(set(assets.sheets())) <= CSS_BYTES
