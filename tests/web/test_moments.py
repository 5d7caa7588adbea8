from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from apps.web.moments import ago, until

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY_S = 86_400


# The same pairs as in static/js/lib/ago.test.js.
@pytest.mark.parametrize(
    ("age_s", "words"),
    [
        (0, "just now"),
        (-30, "just now"),
        (4, "just now"),
        (5, "5 s ago"),
        (59, "59 s ago"),
        (60, "1 min ago"),
        (3599, "59 min ago"),
        (3600, "1 h ago"),
        (DAY_S - 1, "23 h ago"),
        (DAY_S, "yesterday"),
        (2 * DAY_S, "2 days ago"),
        (14 * DAY_S - 1, "13 days ago"),
        (14 * DAY_S, "9 Nov"),
        (400 * DAY_S, "19 Oct 2025"),
    ],
)
def test_a_moment_is_said_as_people_say_it(age_s, words):
    assert ago(NOW - timedelta(seconds=age_s), NOW) == words


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (timedelta(seconds=20), "1 min left"),
        (timedelta(minutes=59), "59 min left"),
        (timedelta(hours=47), "47 h left"),
        (timedelta(days=6), "6 days left"),
        (timedelta(days=90), "21 Feb 2027"),
    ],
)
def test_what_expires_says_how_long_it_holds(left, words):
    assert until(NOW + left, NOW) == words
