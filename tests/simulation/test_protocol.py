"""The protocol on paper: it holds under every fault, and each way of getting it wrong is noticed."""

from __future__ import annotations

from collections import Counter

import pytest

from .journal import Violation
from .mutants import MUTANTS, Mutant
from .server import ModelServer
from .world import World

SEEDS = range(1_000)
STEPS = 250
MUTANT_SEEDS = range(600)


@pytest.mark.parametrize("seeds", [SEEDS[n::8] for n in range(8)], ids=lambda seeds: f"from-{seeds[0]}")
def test_inv_1_to_4_hold_in_every_history(seeds: range) -> None:
    for seed in seeds:
        World(seed, ModelServer()).run(STEPS)


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_a_mutant_is_caught(mutant: Mutant) -> None:
    for seed in MUTANT_SEEDS:
        try:
            World(seed, mutant.server(), mutant.machine).run(STEPS)
        except Violation:
            return
    pytest.fail(f"{mutant} passes {len(MUTANT_SEEDS)} histories: the simulation is blind to it")


def test_a_seed_is_a_history() -> None:
    traces = []
    for _ in range(2):
        world = World(7, ModelServer())
        world.run(STEPS)
        traces.append(world.trace)
    assert traces[0] == traces[1]


def test_every_kind_of_fault_happens() -> None:
    happened: Counter[str] = Counter()
    for seed in range(20):
        world = World(seed, ModelServer())
        world.run(STEPS)
        happened += world.happened
        happened.update(word for event in world.trace for word in event.replace(",", " ").split())
    expected = {"dies", "restore", "clone", "power", "kill", "overflow", "gap", "diverged", "duplicate"}
    assert expected <= set(happened)
