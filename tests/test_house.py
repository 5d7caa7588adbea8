"""Rules of the repository that no tool knows."""

import re
import subprocess

import pytest

from .server import ROOT

FILES = [
    ROOT / name
    for name in subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    if name and (ROOT / name).is_file()
]


def test_no_file_has_a_name_that_says_nothing():
    empty_words = {"utils", "util", "helpers", "helper", "common", "misc", "services"}
    assert [file for file in FILES if file.stem in empty_words] == []


def test_an_apps_init_stays_empty():
    assert [file for file in ROOT.glob("apps/*/__init__.py") if file.read_text().strip()] == []


def test_no_file_names_a_package_index():
    names = re.compile(
        rb"--(extra-)?index-url|--find-links|--registry|^registry ?=|\"resolved\": ?\"http", re.MULTILINE
    )
    ours = [file for file in FILES if file.name != "test_house.py"]
    assert [file for file in ours if names.search(file.read_bytes())] == []


@pytest.mark.parametrize("name", ["base.txt", "dev.txt"])
def test_every_requirement_is_pinned_with_hashes(name):
    blocks = re.split(r"\n(?=\S)", (ROOT / "requirements" / name).read_text())
    pins = [block for block in blocks if not block.startswith(("#", "-"))]
    assert pins
    assert all(
        re.match(r"[\w.\[\],-]+==\S+ ", pin) and "--hash=sha256:" in pin for pin in pins if pin.strip()
    )
