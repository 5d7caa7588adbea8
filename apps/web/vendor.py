"""Other people's browser code: what is bundled into static/vendor/, at which version, under which licence.

`make vendor` bundles and prints the lines below; a test compares the hashes with the files.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "static" / "vendor"


@dataclass(frozen=True)
class Bundle:
    """name: as own modules import it, None for a sheet. package: on npm. sha256: of the file."""

    file: str
    name: str | None
    package: str
    version: str
    licence: str
    sha256: str


BUNDLES = (
    Bundle(
        "htmx.js",
        "htmx",
        "htmx.org",
        "2.0.11",
        "0BSD",
        "361a766c092d000b099ef5833b38b87b00425d00a7515b8947f3953eb32cb057",
    ),
    Bundle(
        "lit.js",
        "lit",
        "lit",
        "3.3.3",
        "BSD-3-Clause",
        "c22215e576d38170124e21347d930dc2c346e092a59c736fafcf82baed847379",
    ),
    Bundle(
        "uplot.js",
        "uplot",
        "uplot",
        "1.6.32",
        "MIT",
        "7365868a70c6b57904cd48266372eae6997f7bb609df274929a98ed774a44c14",
    ),
    Bundle(
        "uplot.css",
        None,
        "uplot",
        "1.6.32",
        "MIT",
        "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
    ),
)


def bundle() -> None:
    """Install the pinned packages into a folder of no lasting, bundle them, and say what came out."""
    pinned = json.loads((FOLDER / "package.json").read_text())["dependencies"]
    with tempfile.TemporaryDirectory() as kept:
        work = Path(kept)
        shutil.copy(FOLDER / "package.json", work)
        shutil.copytree(FOLDER / "entries", work / "entries")
        _run("npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", at=work)
        for entry in sorted((work / "entries").glob("*.js")):
            _run(
                "node_modules/.bin/esbuild",
                f"entries/{entry.name}",
                "--bundle",
                "--format=esm",
                "--minify",
                "--target=es2022",
                "--legal-comments=none",
                f"--outfile={FOLDER / entry.name}",
                at=work,
            )
        shutil.copy(work / "node_modules/uplot/dist/uPlot.min.css", FOLDER / "uplot.css")
    for made in BUNDLES:
        sys.stdout.write(f"{made.file} {pinned[made.package]} {sha256_of(made.file)}\n")


def sha256_of(file: str) -> str:
    return hashlib.sha256((FOLDER / file).read_bytes()).hexdigest()


def _run(*argv: str, at: Path) -> None:
    subprocess.run(argv, cwd=at, check=True)


if __name__ == "__main__":
    bundle()
