"""FAIL-10, FAIL-11: the run is deleted, the key revoked, the server restored, while a training streams."""

from __future__ import annotations

import os
import shutil

from . import oracle
from .conftest import Start, started
from .up import Up
from .workload import Client, Training


def test_fail_10_a_deleted_run_is_gone_and_whole_again_when_restored(start: Start) -> None:
    training = start(writers=1)
    (writer,) = training.writers
    training.log_and_drain(3)
    assert writer.client.ask("DELETE", f"/runs/{training.run}").status in {200, 204}
    writer.log()
    answer = writer.put(3)
    assert answer.status in {404, 410}, answer.body
    assert writer.client.post(f"/runs/{training.run}/restore", {}).status == 200
    writer.drain()
    oracle.settle(training)


def test_fail_10_a_revoked_key_stops_the_writer_and_keeps_what_it_sent(
    up: Up, key: str, start: Start
) -> None:
    training = start(writers=1)
    (writer,) = training.writers
    training.log_and_drain(3)
    second = up.command("create_key", "--email", "alice@example.org", "--scope", "ingest")
    writer.client = Client(up, second)
    writer.log()
    writer.drain()
    with up.database() as connection:
        connection.execute(
            "UPDATE accounts_apikey SET revoked_at = now() WHERE id = (SELECT max(id) FROM accounts_apikey)"
        )
    writer.log()
    up.kill("web")  # a principal is remembered for two seconds; a new process remembers none
    up.wait_ready()
    writer.client.close()
    assert writer.put(4).status == 401
    writer.client = Client(up, key)
    writer.drain()
    oracle.settle(training)


def test_fail_11_a_restored_server_is_refilled_by_its_writers() -> None:
    """The whole home is put back to a copy: writers rewind to what the server expects, or begin the run anew."""
    with started() as (up, key):
        known = Training.start(up, key, seed=901, writers=2)
        known.log_and_drain(4)
        assert up.stop() == 0
        copy = up.home.with_name("copy")
        shutil.copytree(up.home, copy, symlinks=True)
        for path in [up.home, *up.home.rglob("*")]:
            # shutil copies no owners: the engines' user must find its own again.
            status = path.lstat()
            twin = copy / path.relative_to(up.home)
            os.chown(twin, status.st_uid, status.st_gid, follow_symlinks=False)
        up.start()
        known.log_and_drain(4)
        new = Training.start(up, key, seed=902, writers=1)
        new.log_and_drain(3)
        oracle.settle(known)
        assert up.stop() == 0
        shutil.rmtree(up.home)
        copy.rename(up.home)
        up.start()
        known.journal.acked.clear()
        for writer in known.writers:
            writer.cursor = len(writer.spool) - 1  # a probe: the answer says where to go on
            writer.drain()
        known.journal.acked = set(range(len(known.journal.batches)))
        oracle.settle(known)
        new.writers[0].client.close()
        assert new.writers[0].put(2).status == 404
