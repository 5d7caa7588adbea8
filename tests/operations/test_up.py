"""`manage.py up` as whole processes: the operating contract, and what happens when something is killed."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.server import ROOT, Server, environment, manage, wait_until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("up") / "home") as server:
        yield server


def is_alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def processes_of(home: Path) -> list[psutil.Process]:
    """Every process that was told of this home, or works in it."""
    found = []
    for process in psutil.process_iter():
        try:
            if str(home) in " ".join(
                [*process.cmdline(), process.cwd(), process.environ().get("ISOLINE_HOME", "")]
            ):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found


def refusal(*argv: str, **more: str) -> str:
    """What `up` says when it does not start: exactly one line on standard error besides its log."""
    ended = manage("up", "--port", "0", *argv, **more)
    assert ended.returncode != 0
    assert ended.stdout == ""
    told = [line for line in ended.stderr.splitlines() if not line.startswith("20")]
    assert len(told) == 1, ended.stderr
    return told[0]


# A start


def test_it_says_once_that_it_is_ready_and_where_the_first_account_is_made(server):
    assert server.get("/readyz").json() == {"status": "ready", "database": "ok", "redis": "ok"}
    wait_until(lambda: len(server.out) > 1)
    assert server.out[0] == f"Isoline is ready at {server.url}"
    assert len([line for line in server.out if "is ready" in line]) == 1
    link = server.out[1].rsplit(" ", 1)[1]
    assert re.fullmatch(rf"http://localhost:{server.url.rsplit(':', 1)[1]}/setup/[\w-]+", link)
    assert "Set up Isoline" in httpx.get(link).text


def test_the_home_is_closed_to_others(server):
    assert stat.S_IMODE(server.home.stat().st_mode) == 0o700
    assert stat.S_IMODE((server.home / "secret_key").stat().st_mode) == 0o600
    assert stat.S_IMODE((server.home / "engines").stat().st_mode) == 0o700
    assert len((server.home / "secret_key").read_text().strip()) >= 50


def test_the_engines_listen_on_no_network(server):
    engines = {server.pids()[name] for name in ("postgres", "redis")}
    for process in server.processes():
        with contextlib.suppress(psutil.NoSuchProcess):  # PostgreSQL's helpers come and go
            if process.pid in engines or process.ppid() in engines:
                assert process.net_connections("inet") == []


def test_host_1_an_unknown_host_is_refused(server):
    assert server.get("/healthz", headers={"Host": "evil.example"}).status_code == 400
    assert server.get("/healthz", headers={"Host": "localhost"}).status_code == 200


def test_an_answer_takes_a_few_milliseconds(server):
    """The plain asyncio loop of the server adds 44 ms to each."""
    with httpx.Client(base_url=server.url) as client:
        client.get("/healthz")
        fastest_s = min(client.get("/healthz").elapsed.total_seconds() for _ in range(20))
    assert fastest_s < 0.02


def test_the_supervisor_does_not_load_django():
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, config.home, apps.operations.up; print(*sys.modules)"],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
    ).stdout.split()
    assert "apps.operations.supervisor" in loaded
    assert not [name for name in loaded if name.split(".")[0] in {"django", "celery", "psycopg"}]


# Refusals


def test_a_second_up_on_the_same_home_is_refused(server):
    assert "already runs on the home" in refusal("--home", str(server.home))


def test_a_port_in_use_is_refused(server, tmp_path):
    port = server.url.rsplit(":", 1)[1]
    assert f"Port {port} on 127.0.0.1 is in use" in refusal("--home", str(tmp_path / "home"), "--port", port)


def test_an_unwritable_home_is_refused(tmp_path):
    (tmp_path / "file").touch()
    assert "Cannot write to the home" in refusal("--home", str(tmp_path / "file" / "home"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgresql://somebody:hunter2@127.0.0.1:9/isoline"),
        ("REDIS_URL", "redis://127.0.0.1:9/0"),
    ],
)
def test_an_unreachable_engine_of_ones_own_is_refused(tmp_path, name, value):
    told = refusal("--home", str(tmp_path / "home"), **{name: value})
    assert f"{name} cannot be reached" in told
    assert "hunter2" not in told
    assert len(told.splitlines()) == 1
    assert not (tmp_path / "home").exists()
    assert processes_of(tmp_path / "home") == []


def test_a_cluster_of_another_version_is_refused(tmp_path):
    cluster = tmp_path / "home" / "engines" / "data"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("17\n")
    assert "postgres does not start: " in refusal("--home", str(tmp_path / "home"))
    assert processes_of(tmp_path / "home") == []


@pytest.mark.parametrize("key", ["short", "django-insecure-" + "k3y" * 30, "a" * 64])
def test_init_1_a_weak_secret_key_is_refused(tmp_path, key):
    assert "SECRET_KEY" in refusal("--home", str(tmp_path / "home"), SECRET_KEY=key)


# Accidents


@pytest.mark.parametrize("name", ["worker", "beat", "web 2", "redis", "postgres", "web 1"])
def test_what_is_killed_is_started_again(server, name):
    pid = server.kill(name)
    server.wait_for_successor(name, pid)
    wait_until(
        lambda: server.is_ready() and server.get("/readyz").json()["redis"] == "ok", what="ready again"
    )
    assert any(f"process {pid} was killed by SIGKILL; starting it again now" in line for line in server.err)


def test_fail_3_the_worker_takes_up_work_again_after_redis_was_killed(server):
    asked = "from celery import current_app; print(current_app.control.ping(timeout=2))"
    pid = server.kill("redis")
    server.wait_for_successor("redis", pid)
    wait_until(
        lambda: "pong" in server.manage("shell", "--no-imports", "-c", asked).stdout, what="the worker"
    )


def test_no_connection_is_refused_while_both_web_processes_are_killed(server):
    pids = {name: server.pids()[name] for name in ("web 1", "web 2")}
    for name in pids:
        server.kill(name)
    answers = [server.get("/healthz", headers={"Connection": "close"}).status_code for _ in range(20)]
    assert answers == [200] * 20
    for name, pid in pids.items():
        server.wait_for_successor(name, pid)


def test_a_killed_worker_leaves_no_child_behind(server):
    children = wait_until(
        lambda: psutil.Process(server.pids()["worker"]).children(), what="the worker's children"
    )
    pid = server.kill("worker")
    wait_until(lambda: not any(is_alive(child.pid) for child in children), timeout_s=10)
    server.wait_for_successor("worker", pid)


# Commands beside it


def test_people_teams_and_keys_are_made_on_the_command_line(server):
    assert server.manage("create_user", "--email", "alice@example.org").returncode == 0
    assert (
        server.manage("create_team", "--slug", "vision", "--owner", "alice@example.org").stdout == "vision\n"
    )
    made = server.manage("create_key", "--email", "alice@example.org", "--team", "vision", "--scope", "write")
    assert made.returncode == 0
    assert made.stderr == ""
    prefix, _, secret = made.stdout.strip().rpartition("_")
    assert prefix
    assert len(secret) >= 40


def test_a_command_refuses_in_one_line(server):
    refused = server.manage("create_team", "--slug", "vision2", "--owner", "nobody@example.org")
    assert refused.returncode != 0
    assert refused.stderr.splitlines() == ["CommandError: Nobody has the e-mail address nobody@example.org."]


def test_a_command_without_a_running_server_says_so(tmp_path):
    refused = manage("create_user", "--email", "alice@example.org", "--home", str(tmp_path / "home"))
    assert refused.returncode != 0
    assert "Isoline is not running on the home" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


# An end


def test_sigterm_ends_everything_and_it_starts_again(tmp_path):
    """On a home whose sockets have too long a path of their own, which must work as well."""
    home = tmp_path / ("long-" * 20) / "home"
    with Server(home) as server:
        pids = [process.pid for process in server.processes()]
        assert len(pids) > 8
        assert server.stop() == 0
    assert not any(is_alive(pid) for pid in pids)
    assert processes_of(home) == []
    with Server(home) as again:
        assert again.get("/readyz").json()["status"] == "ready"
        assert again.stop() == 0


def test_a_killed_supervisor_leaves_no_process_and_its_home_is_usable(tmp_path):
    home = tmp_path / "home"
    with Server(home) as server:
        pids = [process.pid for process in server.processes()]
        server.process.send_signal(signal.SIGKILL)
        wait_until(lambda: not any(is_alive(pid) for pid in pids), timeout_s=20, what="the end of all")
    # What a crash of the machine leaves, where the number has since gone to somebody else.
    (home / "engines" / "data" / "postmaster.pid").write_text(f"{os.getpid()}\n")
    with Server(home) as again:
        assert again.is_ready()


def test_a_stop_during_the_start_is_obeyed(tmp_path):
    server = Server(tmp_path / "home")
    wait_until(lambda: "web 1" in server.pids())
    assert server.stop() == 0
    assert processes_of(tmp_path / "home") == []


def test_it_listens_where_it_is_told(tmp_path):
    options = ("--host", "0.0.0.0", "--public-url", "http://isoline.test/lab")
    with Server(tmp_path / "home", *options, LOG_FORMAT="json") as server:
        port = int(server.url.rsplit(":", 1)[1])
        asked = f"http://127.0.0.1:{port}/lab/healthz"
        assert httpx.get(asked, headers={"Host": "isoline.test"}).status_code == 200
        assert " http://isoline.test/lab/setup/" in wait_until(lambda: server.out[1:])[0]
        assert all(line.startswith('{"time": ') for line in server.err)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
