"""Other people's code is what its list says, and its licence lies beside it."""

from __future__ import annotations

import json

from apps.web.vendor import BUNDLES, FOLDER, sha256_of


def test_each_file_has_the_hash_it_is_listed_with():
    assert {bundle.file: sha256_of(bundle.file) for bundle in BUNDLES} == {
        bundle.file: bundle.sha256 for bundle in BUNDLES
    }


def test_nothing_lies_there_unlisted():
    there = {file.name for file in FOLDER.iterdir() if file.suffix in {".js", ".css"}}
    assert there == {bundle.file for bundle in BUNDLES}


def test_versions_are_those_that_are_bundled():
    pinned = json.loads((FOLDER / "package.json").read_text())["dependencies"]
    assert {bundle.package: bundle.version for bundle in BUNDLES} == pinned


def test_each_package_has_its_licence():
    there = {file.stem for file in (FOLDER / "licences").glob("*.txt")}
    assert {bundle.package.removesuffix(".org") for bundle in BUNDLES} <= there
