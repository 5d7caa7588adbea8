"""Modules find one another by name, and never in a circle."""

from __future__ import annotations

import json
import re
from graphlib import TopologicalSorter

from apps.web import assets

_IMPORT = re.compile(r"""(?:\bfrom|\bimport)\s*\(?\s*["']([^"']+)["']""")
_LATER = re.compile(r"""\bimport\(\s*["']([^"']+)["']""")


def imports(*, but: re.Pattern[str] | None = None) -> dict[str, set[str]]:
    """Each module of ours that is served, by name, with what it imports. but: what of it does not count."""
    folder = assets.root() / "js"
    return {
        f"#js/{file.relative_to(folder).as_posix()}": set(_IMPORT.findall(code := code_of(file.read_text())))
        - set(but.findall(code) if but else ())
        for file in folder.rglob("*.js")
        if not file.name.endswith(".test.js")
    }


def code_of(text: str) -> str:
    """Without comments, in which imports are only talked about."""
    return re.sub(r"/\*.*?\*/|^\s*//.*$", "", text, flags=re.DOTALL | re.MULTILINE)


def test_every_import_leads_somewhere():
    known = json.loads(assets.import_map())["imports"]
    lost = {(module, name) for module, names in imports().items() for name in names if name not in known}
    assert lost == set()


def test_no_module_imports_itself_by_a_detour():
    TopologicalSorter(imports()).prepare()


def test_what_a_page_needs_at_first_is_told_at_once():
    needed = imports(but=_LATER)
    known = json.loads(assets.import_map())["imports"]
    told = set(assets.modules_of("pages/frame.js"))
    wanted, seen = ["#js/pages/frame.js"], set()
    while wanted:
        name = wanted.pop()
        if name not in seen:
            seen.add(name)
            wanted += needed.get(name, set())
    assert told == {known[name] for name in seen}


def test_the_policy_allows_exactly_this_map(db, client):
    answer = client.get("/login")
    assert assets.import_map() in answer.content.decode()
    assert assets.import_map_hash() in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
