import os
from pathlib import Path

import pytest

from config.home import home_folder, take_home_option


@pytest.fixture(autouse=True)
def _environment(monkeypatch, tmp_path):
    monkeypatch.setenv("ISOLINE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.mark.parametrize(
    "argv",
    [["create_user", "--home", "/data", "--email", "a"], ["create_user", "--home=/data", "--email", "a"]],
)
def test_the_home_is_taken_from_any_command(argv):
    take_home_option(argv)
    assert argv == ["create_user", "--email", "a"]
    assert home_folder() == Path("/data")


def test_without_the_option_the_home_is_that_of_the_environment(monkeypatch):
    monkeypatch.setenv("ISOLINE_HOME", "/data")
    take_home_option(["up"])
    assert home_folder() == Path("/data")


def test_without_anything_the_home_is_in_the_users_own_folder(tmp_path):
    take_home_option(["up"])
    assert os.environ["ISOLINE_HOME"] == str(tmp_path / ".isoline")
    assert home_folder() == tmp_path / ".isoline"


def test_a_relative_home_means_the_same_in_every_process(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    take_home_option(["up", "--home", "here"])
    assert os.environ["ISOLINE_HOME"] == str(tmp_path / "here")


def test_what_follows_a_double_dash_is_not_ours():
    argv = ["test", "--", "--home", "x"]
    take_home_option(argv)
    assert argv == ["test", "--", "--home", "x"]


@pytest.mark.parametrize("argv", [["up", "--home"], ["up", "--home="]])
def test_an_option_without_its_folder_is_refused(argv):
    with pytest.raises(SystemExit, match="--home needs the folder"):
        take_home_option(argv)
