"""The files for containers: no engine here runs them, so their shape and their commands are checked."""

import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml

from .server import ROOT
from .test_docs import commands, documented

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("prepare", "web", "worker", "beat")


def test_there_is_one_beat_and_two_of_web_and_worker():
    replicas = {name: SERVICES[name].get("deploy", {}).get("replicas", 1) for name in OURS}
    assert replicas == {"prepare": 1, "web": 2, "worker": 2, "beat": 1}


@pytest.mark.parametrize("name", OURS)
def test_a_container_runs_the_command_that_up_runs(name):
    """`tests/operations/test_up.py` runs each of them."""
    words = SERVICES[name]["command"].split()
    assert words[:3] == ["python", "manage.py", name]
    assert name in commands()


@pytest.mark.parametrize("name", OURS)
def test_a_container_is_told_only_settings_there_are(name):
    assert set(SERVICES[name]["environment"]) <= documented("settings.md")


def test_only_prepare_may_change_tables():
    assert [name for name in OURS if "DATABASE_OWNER_URL" in SERVICES[name]["environment"]] == ["prepare"]


def test_nothing_starts_before_the_tables_are_there():
    for name in ("web", "worker", "beat"):
        assert SERVICES[name]["depends_on"] == {"prepare": {"condition": "service_completed_successfully"}}


def test_the_images_are_official_and_their_major_version_is_pinned():
    images = {SERVICES[name]["image"] for name in ("postgres", "redis", "proxy")}
    assert images == {"postgres:18", "redis:8", "nginx:1.28"}


def test_init_1_no_secret_is_shipped():
    example = (ROOT / "deploy" / "example.env").read_text()
    names = set(re.findall(r"^(\w+)=$", example, re.MULTILINE))
    demanded = set(re.findall(r"\$\{(\w+):\?\}", (ROOT / "docker-compose.yml").read_text()))
    assert demanded == names


def test_what_is_mounted_and_copied_exists():
    mounts = [
        mount
        for service in SERVICES.values()
        for mount in service.get("volumes", ())
        if mount.startswith("./")
    ]
    copied = re.findall(r"^COPY (?!--from)(\S+) ", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert mounts
    assert copied
    for source in [mount.split(":")[0] for mount in mounts] + copied:
        assert (ROOT / source).exists(), source
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert {f"!{source}" for source in copied} <= set(ignored)


def test_scripts_have_no_syntax_errors():
    for script in (".ci/run", "deploy/postgres-roles.sh"):
        assert subprocess.run([shutil.which("bash") or "sh", "-n", script], cwd=ROOT).returncode == 0


def test_path_7_the_proxy_passes_addresses_on_as_they_are():
    """A slash after the upstream's name would make it rewrite them."""
    nginx = (ROOT / "deploy" / "nginx.conf").read_text()
    assert "proxy_pass http://isoline;" in nginx
    assert "merge_slashes off;" in nginx
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in nginx
    assert nginx.count("{") == nginx.count("}")
