from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from apps.tracking.line_numbers import Head, nth, numbers

ROWS = st.tuples(
    st.integers(0, 30), st.integers(0, 999), st.sampled_from(["stderr", "stdout"]), st.binary(max_size=2)
)


def head_of(pk, rows):
    times = [row[0] for row in rows]
    return Head(pk, "stdout", b"", min(times), max(times), len(rows))


@given(st.lists(st.lists(ROWS, min_size=1, max_size=8), min_size=1, max_size=8))
def test_the_nth_row_is_that_of_all_rows_in_order_and_has_that_number(blocks):
    heads = [head_of(pk, rows) for pk, rows in enumerate(blocks)]
    rows = sorted(row for block in blocks for row in block)

    def opened(some):
        return [row for head in some for row in blocks[head.pk]]

    for number, row in enumerate(rows):
        before, found = nth(heads, number, opened)
        assert found == row
        assert before == rows[number - 1] if before else not number or rows[number - 1][0] < row[0]
    assert nth(heads, len(rows), opened) is None
    assert numbers(heads, rows, opened) == [rows.index(row) for row in rows]


def test_only_blocks_around_a_row_are_opened():
    blocks = [[(n, n, "stdout", b"") for n in range(start, start + 100)] for start in range(0, 10_000, 100)]
    heads = [head_of(pk, rows) for pk, rows in enumerate(blocks)]
    opened = []

    def open_(some):
        opened.extend(some)
        return [row for head in some for row in blocks[head.pk]]

    assert nth(heads, 5050, open_)[1][0] == 5050
    assert numbers(heads, [(7, 7, "stdout", b""), (9_907, 9_907, "stdout", b"")], open_) == [7, 9907]
    assert len(opened) <= 5
