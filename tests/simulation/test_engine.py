"""The protocol in the real engine: the same seeded histories, and the model's answers word for word."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .engine import EngineServer
from .server import ModelServer
from .world import Faults, World

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

STEPS = 250


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[EngineServer]:
    server = EngineServer(monkeypatch)
    yield server
    server.close()


@pytest.mark.parametrize("seed", range(12))
def test_inv_1_to_4_hold_in_the_engine(seed: int, engine: EngineServer) -> None:
    World(seed, engine).run(STEPS)


@pytest.mark.parametrize("seed", range(100, 112))
def test_the_engine_answers_as_the_model_does(seed: int, engine: EngineServer) -> None:
    """Without deaths, whose places differ, both live through the same history to the letter."""
    traces = []
    for server in (ModelServer(), engine):
        world = World(seed, server)
        world.faults = Faults(die=0.0, weights=world.faults.weights)
        world.run(STEPS)
        traces.append(world.trace)
    assert traces[1] == traces[0]
