"""Replay one history: python -m tests.simulation SEED [--mutant NAME] [--steps N]."""

from __future__ import annotations

import argparse

from .mutants import MUTANTS, Mutant
from .world import World


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("seed", type=int)
    parser.add_argument("--mutant", choices=[str(mutant) for mutant in MUTANTS])
    parser.add_argument("--steps", type=int, default=250)
    asked = parser.parse_args()
    mutant = next((mutant for mutant in MUTANTS if str(mutant) == asked.mutant), Mutant())
    world = World(asked.seed, mutant.server(), mutant.machine)
    world.run(asked.steps)
    print(*world.trace, sep="\n")  # noqa: T201
    print(f"seed {asked.seed}: every invariant holds")  # noqa: T201


if __name__ == "__main__":
    main()
