from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.accounts.models import User
from apps.base.errors import Malformed
from apps.tracking import blocks, console, runs, segments
from apps.tracking.blocks import Row
from apps.tracking.models import Project, RecordSegment

pytestmark = pytest.mark.django_db

ONE, TWO = UUID(int=1), UUID(int=2)


@pytest.fixture
def run(db):
    owner = User.objects.create_user("alice@example.org")
    project = Project.objects.begin(owner.personal_team, name="Digits", by=owner)
    return runs.start(project, client_id="one")[0].pk


def print_lines(run, numbers, *, stream=ONE, fd="stdout", text="line {}", level=0, time=None):
    rows = [Row(n if time is None else time(n), n, level, text.format(n)) for n in numbers]
    segments.store(run, {(fd, stream): rows})


def texts(page):
    return [record.text for record in page.records]


def forward(run, **more):
    """All pages, from the first to the last."""
    found, after = [], None
    while True:
        page = console.lines(run, after=after, **more)
        found += texts(page)
        if page.after is None:
            return found
        after = page.after


def backward(run, **more):
    found, page = [], console.lines(run, tail=True, **more)
    while True:
        found = texts(page) + found
        if page.before is None:
            return found
        page = console.lines(run, before=page.before, **more)


@pytest.mark.parametrize("limit", [1, 7, 100])
def test_pages_join_to_the_whole_in_both_directions(run, limit):
    for start in range(0, 60, 3):
        print_lines(run, range(start, start + 3))
        print_lines(
            run, range(start, start + 2), stream=TWO, fd="stderr", text="other {}", time=lambda n: n + 1
        )

    whole = forward(run, limit=5000)

    assert len(whole) == 100
    assert forward(run, limit=limit) == whole
    assert backward(run, limit=limit) == whole


def test_the_last_lines_come_first_when_asked_for_the_tail(run):
    print_lines(run, range(100))

    page = console.lines(run, tail=True, limit=3)

    assert texts(page) == ["line 97", "line 98", "line 99"]
    assert page.after is None
    print_lines(run, range(100, 102))
    assert texts(console.lines(run, after=page.records[-1].place)) == ["line 100", "line 101"]


def test_a_line_of_the_same_number_takes_the_older_one_s_place(run):
    print_lines(run, range(40))
    for percent in (10, 50, 100):
        print_lines(run, [39], text=f"{percent} %", time=lambda n, at=percent: 39 + at)
    print_lines(run, [39], fd="stderr", text="not this one")

    found = forward(run)

    assert found[-2:] == ["not this one", "100 %"] or found[-2:] == ["100 %", "not this one"]
    assert len(found) == 41


def test_lines_are_found_by_level_text_stream_and_output(run):
    print_lines(run, range(50), level=2)
    print_lines(run, [50], level=4, text="Loss is NaN {}")
    print_lines(run, [0], stream=TWO, fd="stderr", text="traceback", level=5)
    print_lines(run, [51], text="no level: nan")

    assert forward(run, level="error") == ["traceback", "Loss is NaN 50"]
    assert forward(run, text="nan") == ["Loss is NaN 50", "no level: nan"]
    assert forward(run, stream=TWO) == ["traceback"]
    assert forward(run, output="stderr") == ["traceback"]
    assert len(forward(run, level="info")) == 52


def test_blocks_are_merged_so_that_few_remain(run):
    for start in range(0, 10_000, 20):
        print_lines(run, range(start, start + 20))

    held = list(RecordSegment.objects.order_by("number_min").values_list("level", "count"))

    assert len(held) <= 1 + 3 * 15
    assert sum(count for _, count in held) == 10_000
    assert (blocks.SEALED, blocks.FULL_ROWS) in held
    assert forward(run, limit=5000) == [f"line {n}" for n in range(10_000)]


def test_a_search_that_finds_nothing_stops_and_says_where_to_go_on(run, monkeypatch):
    monkeypatch.setattr(console, "MOST_BLOCKS", 3)
    for start in range(0, 20_000, 2048):
        print_lines(run, range(start, start + 2048))
    print_lines(run, [50_000], text="the needle")

    page = console.lines(run, text="needle")

    assert page.records == ()
    assert page.after is not None
    assert forward(run, text="needle") == ["the needle"]
    assert backward(run, text="line 0") == ["line 0"]


def test_memory_holds_a_page_and_a_block_not_the_run(run):
    import tracemalloc

    for start in range(0, 100_000, 2048):
        print_lines(run, range(start, start + 2048), text="x" * 100 + " {}")
    cursor = None
    tracemalloc.start()
    for _ in range(5):
        cursor = console.lines(run, after=cursor, limit=1000).after
    console.lines(run, text="nowhere")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 8 << 20


@pytest.mark.parametrize("cursor", ["x", "!!!", "AAAA", "\0", "é"])
def test_a_cursor_that_was_not_given_out_is_refused(run, cursor):
    with pytest.raises(Malformed):
        console.lines(run, after=cursor)


LINES = st.lists(
    st.tuples(
        st.sampled_from(["stdout", "stderr"]),
        st.sampled_from([ONE, TWO]),
        st.lists(
            st.tuples(st.integers(0, 12), st.integers(-5, 20), st.integers(0, 5), st.text(max_size=3)),
            max_size=6,
        ),
    ),
    max_size=25,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(LINES, st.integers(1, 9))
def test_any_batches_read_as_a_plain_dictionary_would(run, batches, limit):
    RecordSegment.objects.all().delete()
    held = {}
    for output, stream, rows in batches:
        last = {}
        for n, time, level, text in rows:
            last[n] = Row(time, n, level, text)
        segments.store(run, {(output, stream): list(last.values())} if last else {})
        for n, row in last.items():
            held[output, stream, n] = row
    order = sorted(held.items(), key=lambda item: (item[1].time, item[0][2], item[0][0], item[0][1].bytes))
    wanted = [row.content for _, row in order]

    assert forward(run, limit=limit) == wanted
    assert backward(run, limit=limit) == wanted


@given(
    st.lists(
        st.tuples(st.integers(), st.integers(0), st.integers(0, 5), st.text() | st.floats()), max_size=50
    )
)
def test_a_block_gives_back_what_was_packed(rows):
    whole = [Row(*row) for row in rows if -(2**63) <= row[0] < 2**63 and row[1] < 2**63]

    back = [row for block in blocks.pack(whole) for row in blocks.unpack(block.data)]

    assert repr(back) == repr(sorted(whole, key=lambda row: (row.time, row.number)))
