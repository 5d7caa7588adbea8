"""FAIL-5: the disk is full. Nothing acknowledged is lost, writers are told to wait, and it heals by itself.

The home lies on a small file system of its own, which takes the rights to mount one; without them the test says
so and is left out.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from . import oracle
from .conftest import started
from .up import wait_until
from .workload import Training

SIZE_MIB = 400


@pytest.fixture
def small_disk() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="isoline-disk-"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "isoline-test", str(folder)],
        capture_output=True,
        text=True,
    )
    if mounted.returncode:
        folder.rmdir()
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)
        folder.rmdir()


def test_fail_5_a_full_disk_heals_alone(small_disk: Path) -> None:
    with started(small_disk) as (up, key):
        training = Training.start(up, key, seed=801, writers=2, rows=2_000)
        training.log_and_drain(3)
        filler = small_disk / "filler"
        _fill(filler)
        with training.at_work():
            wait_until(
                lambda: all(len(writer.refusals) >= 5 for writer in training.writers),
                within_s=180,
                what="a full disk",
            )
            filler.unlink()
        refusals = [refusal for writer in training.writers for refusal in writer.refusals]
        assert {status for status, _ in refusals} <= {0, 503}, refusals[:20]
        up.wait_ready()
        oracle.settle(training, within_s=90)


def _fill(filler: Path) -> None:
    """Write until nothing fits."""
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            with suppress(OSError):
                while file.write(bytes(size)) == size:
                    pass
