"""Console capture: lines as a terminal would show them in the end."""

from __future__ import annotations

import contextlib
import io
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoline._console import LINE_MAX_CHARACTERS, Capture, LineAssembler


def shown(*pieces: str) -> list[str]:
    """Return the log after these pieces of output, taken in after each of them."""
    assembler = LineAssembler("stdout")
    log: dict[int, str] = {}
    for piece in pieces:
        assembler.feed(piece, 0)
        log.update({line["n"]: line["text"] for line in assembler.take()})
    return [log[number] for number in sorted(log)]


def test_lines_are_lines() -> None:
    assert shown("a", "\n", "b\nc", "\n", "\n", "d") == ["a", "b", "c", "", "d"]
    assert shown("a\r\nb\r\n") == ["a", "b"]


def test_a_progress_bar_is_one_line() -> None:
    assert shown(*(f"\r{number}%|###" for number in range(101)), "\n", "done\n") == ["100%|###", "done"]


def test_two_bars_are_two_lines() -> None:
    pieces = [f"\rA {number}\n\rB {number}\x1b[A" for number in range(50)]
    assert shown(*pieces, "\n\n", "done\n") == ["A 49", "B 49", "done"]


def test_colours_and_titles_are_dropped() -> None:
    assert shown("\x1b[31mred\x1b[0m \x1b]0;title\x07plain\n") == ["red plain"]


def test_a_line_without_end_is_cut() -> None:
    (line,) = shown(*["x" * 1000] * 100)
    assert len(line) == LINE_MAX_CHARACTERS


@given(st.lists(st.text(alphabet="ab\n\r\x1b[A0;m", max_size=20), max_size=30))
def test_any_output_gives_lines_without_control_characters(pieces: list[str]) -> None:
    for line in shown(*pieces):
        assert "\n" not in line
        assert "\r" not in line


def test_settled_output_goes_out_at_once_and_bars_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[dict[str, Any]] = []
    screen = io.StringIO()
    monkeypatch.setattr(sys, "stdout", screen)
    capture = Capture(lines.extend)
    capture.start()
    print("hello iso_abcdefghijklmnopqrstuvwxyz")
    assert [line["text"] for line in lines] == ["hello ***"]
    sys.stdout.write("\r10%")
    sys.stdout.write("\r20%")
    assert len(lines) == 1
    capture.flush()
    assert lines[-1]["text"] == "20%"
    assert lines[-1]["n"] == 1
    sys.stdout.write("\r30%")
    capture.stop()
    assert lines[-1]["text"] == "30%"
    assert sys.stdout is screen
    print("after")
    assert lines[-1]["text"] == "30%"
    assert screen.getvalue() == "hello iso_abcdefghijklmnopqrstuvwxyz\n\r10%\r20%\r30%after\n"


def test_a_stream_replaced_meanwhile_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    lines: list[dict[str, Any]] = []
    capture = Capture(lines.extend)
    capture.start()
    with contextlib.redirect_stdout(io.StringIO()) as other:
        capture.stop()
        assert sys.stdout is other


def test_sending_may_print(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    seen: list[str] = []

    def send(lines: list[dict[str, Any]]) -> None:
        print("inside")
        seen.extend(line["text"] for line in lines)

    capture = Capture(send)
    capture.start()
    print("outside")
    capture.stop()
    assert seen == ["outside"]
