"""The commands of docs/guides/quickstart-curl.md, run as a reader would, against a real `up`."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from .server import ROOT, Server, environment

GUIDE = ROOT / "docs" / "guides" / "quickstart-curl.md"


@pytest.fixture(scope="module")
def said(tmp_path_factory) -> list[str]:
    """What each block of the guide prints, in order."""
    folder = tmp_path_factory.mktemp("reader")
    (folder / ".venv").symlink_to(ROOT / ".venv")
    blocks = re.findall(r"```sh\n(.*?)```", GUIDE.read_text(), flags=re.DOTALL)
    script = "set -euo pipefail\n" + "".join(f"{block}\nprintf '\\0'\n" for block in blocks)
    with Server(tmp_path_factory.mktemp("home")) as server:
        server.manage(
            "create_user", "--email", "ada@example.org", "--password-stdin", stdin="curl and nothing else\n"
        )
        server.manage("create_team", "--slug", "lab", "--owner", "ada@example.org")
        key = server.manage(
            "create_key", "--email", "ada@example.org", "--team", "lab", "--scope", "write"
        ).stdout
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=folder,
            env=environment(URL=server.url, KEY=key.strip()),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    tile = json.loads((folder / "tile.json").read_text())
    lines = (folder / "loss.csv").read_text().splitlines()
    return [*done.stdout.split("\0")[:-1], json.dumps(tile), "\n".join(lines)]


def answers(text: str) -> list[dict]:
    """The JSON values that stand one behind the other in a text."""
    decoder, found, at = json.JSONDecoder(), [], 0
    text = text.strip()
    while at < len(text):
        value, at = decoder.raw_decode(text, at)
        found.append(value)
        while at < len(text) and text[at].isspace():
            at += 1
    return found


def test_a_run_is_begun_fed_described_read_searched_followed_and_ended(said):
    begun, first, repeated, columns, described, read, searched, live, ended, tile, csv = said

    assert answers(begun)[0]["client_id"] == "first"
    assert [answers(text)[0]["status"] for text in (first, repeated, columns)] == [
        "acked",
        "duplicate",
        "acked",
    ]
    assert answers(described)[1]["tags"] == ["best"]
    run, history, logs, rows = answers(read)
    assert run["config"] == {"lr": 0.1, "model": {"depth": 3}}
    assert history["series"][0]["values"] == [0.31, 0.62]
    assert [line["text"] for line in logs["lines"]] == ["epoch 1 of 2", "the learning rate is high"]
    assert [row["values"] for row in rows["items"]] == [
        {"loss": 0.9, "acc": 0.31},
        {"loss": 0.5, "acc": 0.62},
    ]
    assert len(csv.splitlines()) == 1 + 10_002
    (series,) = json.loads(tile)["series"]
    assert series["points"] == 10_002
    assert series["marks"] <= 2 * 400 + 2
    assert [each["fields"]["config.lr"] for each in answers(searched)[0]["items"]] == [0.1]
    assert answers(live)[-1]["type"] == "points"
    assert answers(live)[-1]["groups"][0]["columns"][0]["values"] == [0.01]
    end, ledger = answers(ended)
    assert end["state"] == "finished"
    assert (ledger["batches"], ledger["points"], ledger["rejected"]) == (3, 10_005, 0)
