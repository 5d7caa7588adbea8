from __future__ import annotations

from uuid import UUID

import pytest

from apps.accounts.models import User
from apps.tracking import console, console_lines, runs, segments
from apps.tracking.blocks import Row
from apps.tracking.models import Project

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(db):
    owner = User.objects.create_user("alice@example.org")
    project = Project.objects.begin(owner.personal_team, name="Digits", by=owner)
    return runs.start(project, client_id="one")[0].pk


def print_lines(run, times, *, stream=UUID(int=1), fd="stdout"):
    segments.store(run, {(fd, stream): [Row(time, n, 0, f"line at {time}") for n, time in enumerate(times)]})


def test_a_page_at_a_line_begins_with_it_and_a_found_line_has_its_number(run):
    print_lines(run, range(0, 5000, 2))
    print_lines(run, range(0, 5000, 500), fd="stderr")
    print_lines(run, [1, 1, 1500], stream=UUID(int=2))

    for output in (None, "stdout", "stderr"):
        records = console.lines(run, limit=5000, output=output).records
        assert console_lines.count(run, output=output) == len(records)
        for line in (1, 2, len(records) // 2, len(records)):
            page = console_lines.page_at(run, line, limit=3, output=output)
            assert page.records == records[line - 1 : line + 2]
        assert console_lines.page_at(run, len(records) + 1, output=output).records == ()
        found = console_lines.find(run, "AT 1500", output=output)
        assert found.lines == tuple(n for n, each in enumerate(records, 1) if "at 1500" in each.text)


def test_a_search_goes_on_where_it_stopped(run):
    print_lines(run, range(50))

    first = console_lines.find(run, "at 4", limit=4)
    rest = console_lines.find(run, "at 4", after=first.after)

    assert (first.lines + rest.lines, rest.after) == ((5, *range(41, 51)), None)
