"""Event files that TensorBoard 2.21 wrote, and what damage does to them."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from isoline._tensorboard import HParams, Scalar, event_files, read

DATA = Path(__file__).parent / "data" / "tensorboard"


def events(folder: str) -> list[Scalar | HParams]:
    [path] = event_files(DATA)[DATA / folder]
    return list(read(path))


def test_scalars_and_hparams_are_read() -> None:
    hparams, first, *_, last = events("first")
    assert hparams == HParams({"lr": 0.1, "optimizer": "adam", "nesterov": True})
    assert first == Scalar("loss", 0, 1.7e9, 1.0)
    assert isinstance(last, Scalar)
    assert (last.tag, last.step) == ("loss", -3)
    assert math.isnan(last.value)


def test_tensors_keep_the_precision_they_were_written_in() -> None:
    found = [each for each in events("nested/second") if isinstance(each, Scalar)]
    assert [each.value for each in found if each.tag == "f64"] == [0.0, 0.1, 0.2]
    assert [each.value for each in found if each.tag == "i64"] == [2**60, 2**60 + 1, 2**60 + 2]
    assert [each.value for each in found if each.tag == "half"] == [0.5, 0.5, 0.5]


@pytest.mark.parametrize("folder", ["first", "nested/second"])
def test_a_file_cut_at_any_byte_gives_what_comes_before(folder: str, tmp_path: Path) -> None:
    [path] = event_files(DATA)[DATA / folder]
    whole = repr(events(folder))[:-1]
    data = path.read_bytes()
    for size in range(len(data)):
        (tmp_path / "cut").write_bytes(data[:size])
        assert whole.startswith(repr(list(read(tmp_path / "cut")))[:-1])


def test_a_damaged_file_never_raises(tmp_path: Path) -> None:
    [path] = event_files(DATA)[DATA / "first"]
    data = bytearray(path.read_bytes())
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= 0xFF
        (tmp_path / "damaged").write_bytes(damaged)
        list(read(tmp_path / "damaged"))
