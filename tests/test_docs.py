"""Each setting, command and error code has its line in docs/reference/, and none that is gone keeps one."""

import ast
import re
from collections.abc import Iterator

import pytest
from django.core.management import get_commands

from .server import ROOT

_READ = re.compile(r'(?:env\.\w+|environ\.get|_database_url)\(\s*"([A-Z_]+)"')
# Said by our own processes to one another, or by every shell to every program.
_NOT_SETTINGS = {"ISOLINE_PROCESS", "PATH"}


def settings_read() -> set[str]:
    sources = [*ROOT.glob("config/*.py"), *ROOT.glob("apps/operations/*.py"), ROOT / "manage.py"]
    names = {name for source in sources for name in _READ.findall(source.read_text())}
    owners = {name.replace("DATABASE_URL", "DATABASE_OWNER_URL") for name in names}
    return (names | owners) - _NOT_SETTINGS


def commands() -> set[str]:
    return {name for name, app in get_commands().items() if app.startswith("apps.")} | {"up"}


def error_codes() -> Iterator[str]:
    """Every `code="…"` and `default_code = "…"` under apps/."""
    for source in ROOT.glob("apps/**/*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.keyword) and node.arg == "code":
                value: ast.AST | None = node.value
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                is_code = isinstance(target, ast.Name) and target.id == "default_code"
                value = node.value if is_code else None
            else:
                continue
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield value.value


def documented(page: str) -> set[str]:
    """What stands first in a row of a table."""
    text = (ROOT / "docs" / "reference" / page).read_text()
    return set(re.findall(r"^\| `(?:make )?([\w-]+)[ `]", text, re.MULTILINE))


def test_each_setting_has_its_line():
    assert settings_read() == documented("settings.md")


def test_each_command_has_its_line():
    targets = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert targets
    assert commands() | set(targets[1].split()) == documented("commands.md")


def test_each_error_code_has_its_line():
    assert set(error_codes()) == documented("errors.md")


@pytest.mark.parametrize(
    "page", [*sorted(ROOT.glob("docs/**/*.md")), ROOT / "README.md"], ids=lambda page: page.name
)
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target
