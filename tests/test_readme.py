"""The ten lines of the README, run as they stand there."""

import re
import subprocess

import pytest

from .server import ROOT, Server, environment

pytestmark = pytest.mark.slow


def test_the_ten_lines_run(tmp_path):
    readme = (ROOT / "README.md").read_text()
    (section,) = re.findall(r"## Ten lines that run\n(.*?)\n## ", readme, re.DOTALL)
    lines = re.findall(r"^    (.*)$", section, re.MULTILINE)
    assert len(lines) == 10
    with Server(tmp_path / "home") as server:
        script = "\n".join(lines).replace("http://localhost:8000", server.url)
        ran = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=ROOT,
            env=environment(ISOLINE_HOME=str(server.home)),
            capture_output=True,
            text=True,
        )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "acked" in ran.stdout
    assert "0.9" in ran.stdout.rsplit("\n", 1)[-1]
