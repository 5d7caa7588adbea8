"""The embedded engines where a machine makes it hard."""

import os
from pathlib import Path

import pytest

from apps.operations import engines
from apps.operations.engines import Account
from apps.operations.layout import Layout


def test_a_long_home_is_reached_by_a_short_path(tmp_path):
    layout = Layout(tmp_path / ("long" * 25))
    assert layout.needs_short_path
    engines.prepare_folder(layout)
    short = layout.sockets
    assert len(bytes(short)) < 60
    assert short.resolve() == layout.engines.resolve()
    engines.remove_short_path(layout)
    assert not short.exists()
    assert not short.parent.exists()


def test_a_short_home_needs_no_other_path():
    layout = Layout(Path("/data/isoline"))
    assert not layout.needs_short_path
    assert layout.sockets == Path("/data/isoline/engines")


def test_programs_out_of_reach_are_copied_once(tmp_path, monkeypatch):
    """A checkout under /root: its virtual environment is closed to PostgreSQL's user."""
    monkeypatch.setattr(engines, "_COPIES", tmp_path / "copies")
    programs = tmp_path / "engine"
    (programs / "bin").mkdir(parents=True)
    (programs / "bin" / "postgres").write_text("program")
    (tmp_path / "engine.libs").mkdir()
    (tmp_path / "engine.libs" / "libpq.so").write_text("library")
    tmp_path.chmod(0o700)
    somebody = Account(uid=os.geteuid() + 1, gid=1)
    copy = engines._reachable(programs, somebody)
    assert (copy / "bin" / "postgres").read_text() == "program"
    assert (copy.parent / "engine.libs" / "libpq.so").read_text() == "library"
    assert engines._reachable(programs, somebody) == copy
    assert len(list((tmp_path / "copies").iterdir())) == 1


def test_our_own_account_runs_programs_where_they_are(tmp_path):
    assert engines._reachable(tmp_path, Account(os.geteuid(), os.getegid())) == tmp_path


def test_a_start_that_was_cut_short_is_begun_again(tmp_path):
    layout = Layout(tmp_path / "home")
    engines.prepare_folder(layout)
    (layout.cluster / "half").mkdir()
    (layout.cluster / "half" / "made").touch()
    engines.postgres_command(layout)
    assert (layout.cluster / "PG_VERSION").read_text() == "18\n"
    assert not (layout.cluster / "half").exists()


@pytest.mark.parametrize("setting", ["fsync", "synchronous_commit", "full_page_writes"])
def test_an_acknowledged_commit_is_on_disk(setting):
    assert engines.POSTGRES_SETTINGS[setting] == "on"


def test_no_secret_of_ours_is_in_an_engines_environment(monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "s3cret")
    monkeypatch.setenv("PGOPTIONS", "-c fsync=off")
    assert not {"SECRET_KEY", "PGOPTIONS"} & engines._bare_environment().keys()
