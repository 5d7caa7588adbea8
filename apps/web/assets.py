"""Static files under addresses that change with their content, and the import map that names them.

A file's address carries the beginning of its hash (`/static/js/lib/scale.js?v=1f0c…`): whoever asks with it
may keep the answer for ever. Nothing is collected or rewritten; a process reads each file once.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from functools import cache
from pathlib import Path

from django.conf import settings
from django.templatetags.static import static

from .vendor import BUNDLES

_IMPORTED_SHEET = re.compile(r'@import "([^"]+)"')
_IMPORTED_MODULE = re.compile(r'(?:from|import)\s+"(#js/[^"]+|[a-z]+)"')


def root() -> Path:
    return Path(settings.STATICFILES_DIRS[0])


@cache
def address(name: str) -> str:
    """Return where a file is served, with its fingerprint: `address("css/base.css")`.

    Raises FileNotFoundError.
    """
    fingerprint = hashlib.sha256((root() / name).read_bytes()).hexdigest()[:12]
    return f"{static(name)}?v={fingerprint}"


@cache
def sheets() -> tuple[str, ...]:
    """Return the addresses of all style sheets, in the order app.css has them."""
    names = _IMPORTED_SHEET.findall((root() / "css" / "app.css").read_text())
    return tuple(address(_inside(f"css/{name}")) for name in names)


@cache
def import_map() -> str:
    """Return the JSON by which modules import one another by name."""
    imports = {bundle.name: address(f"vendor/{bundle.file}") for bundle in BUNDLES if bundle.name}
    for file in sorted((root() / "js").rglob("*.js")):
        if not file.name.endswith(".test.js"):
            name = file.relative_to(root() / "js").as_posix()
            imports[f"#js/{name}"] = address(f"js/{name}")
    return json.dumps({"imports": imports}, separators=(",", ":"))


@cache
def import_map_hash() -> str:
    """Return the source expression that allows exactly this import map in a Content-Security-Policy."""
    digest = hashlib.sha256(import_map().encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


@cache
def modules_of(entry: str) -> tuple[str, ...]:
    """Return the addresses of all that a module needs, itself first, so that none is found out late.

    entry: below js/, "pages/workspace.js".
    """
    wanted, found = [f"#js/{entry}"], dict.fromkeys([f"#js/{entry}"])
    imports: dict[str, str] = json.loads(import_map())["imports"]
    while wanted:
        name = wanted.pop()
        if not name.startswith("#js/"):
            continue
        for other in _IMPORTED_MODULE.findall((root() / "js" / name[4:]).read_text()):
            if other in imports and other not in found:
                found[other] = None
                wanted.append(other)
    return tuple(imports[name] for name in found)


def _inside(name: str) -> str:
    return (root() / name).resolve().relative_to(root().resolve()).as_posix()
