"""DOS-3: no question costs the database more than five seconds, whoever asks and however."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psycopg
import pytest

from apps.operations.layout import OWNER_ROLE, Layout
from tests.server import Server


@pytest.mark.slow
def test_DOS_3_a_web_process_waits_for_no_statement_longer_than_five_seconds(tmp_path: Path):
    with Server(tmp_path / "home") as server:
        server.manage("create_user", "--email", "ada@lab.example")
        server.manage("create_team", "--slug", "lab", "--owner", "ada@lab.example")
        key = server.manage("create_key", "--email", "ada@lab.example", "--team", "lab", "--scope", "admin")
        with (
            httpx.Client(
                base_url=server.url, headers={"Authorization": f"Bearer {key.stdout.strip()}"}, timeout=30
            ) as client,
            psycopg.connect(Layout(server.home).database_url(OWNER_ROLE)) as owner,
            ThreadPoolExecutor() as threads,
        ):
            assert client.get("/api/v1/teams/lab").status_code == 200
            owner.execute("LOCK TABLE accounts_team IN ACCESS EXCLUSIVE MODE")
            began = time.monotonic()
            read = threads.submit(client.get, "/api/v1/teams/lab")
            write = threads.submit(client.patch, "/api/v1/teams/lab", json={"name": "x"})
            answers = [each.result() for each in (read, write)]
            took_s = time.monotonic() - began
            owner.rollback()
            after = client.get("/api/v1/teams/lab").json()
        assert [(each.status_code, each.json()["error"]["code"]) for each in answers] == [
            (400, "query_too_costly"),
            (503, "unavailable"),
        ]
        assert 4.5 < took_s < 15
        assert after["name"] == "lab"
