from __future__ import annotations

import asyncio

import pytest

from apps.live.messages import Changed, Points, Pong, RecordsAdded, RunChanged, Tick, TickRun
from apps.live.outbox import COALESCE_BYTES, CUT_BYTES, Letter, Outbox, TooSlow, merged, tick


def points(run="r", seq=0, count=3):
    column = {"metric": "loss", "kind": "f64", "values": [0.5] * count}
    axis = list(range(count))
    return Points(
        run=run,
        stream=0,
        seq=seq,
        version=f"{seq + 1}-0",
        groups=[{"step": axis, "time": axis, "columns": [column]}],
    )


def test_points_of_a_run_become_one_announcement():
    frames = merged([points(seq=0), Pong(ref=1), points(seq=1), points("other"), points(seq=2)])

    assert frames == [
        Changed(run="r", version="3-0", many=9),
        Pong(ref=1),
        Changed(run="other", version="1-0", many=3),
    ]


def test_other_news_is_said_once_and_newest():
    frames = merged(
        [
            RunChanged(run="r", state="running"),
            RecordsAdded(run="r", kinds=["stdout"]),
            Tick(project="p", runs=[TickRun(run="r", version="1-0")]),
            RunChanged(run="r", state="finished"),
            RecordsAdded(run="r", kinds=["stderr", "stdout"]),
            Tick(project="p", runs=[TickRun(run="r", state="finished"), TickRun(run="s")]),
        ]
    )

    assert frames == [
        RunChanged(run="r", state="finished"),
        RecordsAdded(run="r", kinds=["stdout", "stderr"]),
        Tick(project="p", runs=[TickRun(run="r", version="1-0", state="finished"), TickRun(run="s")]),
    ]


def test_a_tick_lists_a_bounded_number_of_runs():
    made = tick("p", [TickRun(run=str(n)) for n in range(700)], more=1)

    assert (len(made.runs), made.more, made.runs[-1].run) == (500, 201, "699")


async def test_a_slow_reader_gets_less_and_is_then_cut():
    outbox = Outbox()
    letter = Letter.of(points(count=500))
    fitting = CUT_BYTES // len(letter.text)
    for _ in range(fitting):
        outbox.put(letter)
    with pytest.raises(TooSlow):
        outbox.put(letter)
    # What lies there is short all the same.
    assert '"type":"changed"' in await outbox.take()
    assert outbox._queued_bytes < COALESCE_BYTES


async def test_a_reader_that_reads_owes_nothing():
    outbox = Outbox()
    letter = Letter.of(points(count=500))
    for _ in range(200):
        outbox.put(letter)
        assert await outbox.take() == letter.text
        outbox.delivered()
    assert outbox.owed_bytes == 0


async def test_a_reader_waits_for_the_next_letter():
    outbox = Outbox()
    waiting = asyncio.create_task(outbox.take())
    await asyncio.sleep(0)
    outbox.put(Letter.of(Pong(ref=5)))

    assert await waiting == '{"type":"pong","ref":5}'
