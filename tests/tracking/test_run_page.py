"""What the page of a run is told: progress, key metrics, the environment, why it ended."""

from __future__ import annotations

from datetime import timedelta

import pytest

from apps.tracking import environment, post_mortem, progress
from apps.tracking.console import Record


def _lines(*texts: str, kind: str = "stderr") -> list[Record]:
    return [Record(number, number, kind, None, "", text) for number, text in enumerate(texts)]  # type: ignore[arg-type]


def test_progress_is_told_by_the_config_the_surest_word_first():
    made = progress.of_run({"steps": 10, "train": {"max_steps": 200}}, 49)

    assert made is not None
    assert (made.total, made.percent) == (200, 25.0)
    assert made.left(timedelta(minutes=1)) == timedelta(minutes=3)


@pytest.mark.parametrize("config", [{}, {"steps": "many"}, {"max_steps": 10}, {"steps": True}])
def test_progress_that_nothing_tells_is_none(config):
    assert progress.of_run(config, 49) is None


def test_the_process_that_tells_of_git_stands_for_the_run():
    told = environment.of_metadata(
        {
            "a": {"host": "one"},
            "b": {"host": "two", "git": {"commit": "abc", "remote": "git@host.org:g/n.git"}},
        }
    )

    assert told is not None
    assert told.main.host == "two"
    assert told.hosts == ("two", "one")
    assert told.main.git is not None
    assert told.main.git.page == "https://host.org/g/n/commit/abc"


@pytest.mark.parametrize(
    "remote", ["javascript:alert(1)", "file:///etc/passwd", "/srv/git/x", "", "https://[x"]
)
def test_a_remote_that_is_no_web_address_is_no_link(remote):
    assert environment.web_address(remote) == ""


def test_a_link_has_no_credentials():
    assert environment.web_address("https://me:secret@host.org/g/n.git") == "https://host.org/g/n"


@pytest.mark.parametrize("metadata", [{}, {"a": 1}, {"a": {"git": 3, "packages": [], "command": None}}])
def test_metadata_of_any_shape_is_read(metadata):
    environment.of_metadata(metadata)


def test_the_last_traceback_ends_with_its_error():
    lines = _lines("warning", "Traceback (most recent call last):", "  File x", "ValueError: no", "bye")

    assert [line.text for line in post_mortem.last_words(lines)][-1] == "ValueError: no"


def test_without_a_traceback_the_last_errors_are_told():
    lines = [*_lines("epoch 1", kind="stdout"), *_lines("killed")]

    assert [line.text for line in post_mortem.last_words(lines)] == ["killed"]
