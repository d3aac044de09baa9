"""Which taps are check-ins."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qunflow.weekly_activity.challenge import Challenge
from qunflow.weekly_activity.checkins import Arrival, sort_arrivals

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 3, 8, 15, 0, tzinfo=UTC)
WEEKS = {"aaaaaaaaaa": Challenge("week", "打卡周", date(2026, 3, 2), date(2026, 3, 8), 5)}
TUESDAY_NOON = datetime(2026, 3, 3, 4, 0, tzinfo=UTC)


def arrival(
    inbox_id: int, at: datetime | None = TUESDAY_NOON, person: int | None = 1, code: str = "aaaaaaaaaa"
) -> Arrival:
    return Arrival(inbox_id, code, person, at)


def test_a_second_tap_on_a_day_is_a_repeat() -> None:
    """One check-in a person and calendar day: the earliest counts, whatever order the taps came in."""
    taps = [arrival(1, TUESDAY_NOON + timedelta(hours=2)), arrival(2), arrival(3, person=2)]

    told = sort_arrivals(taps, WEEKS, (), now=NOW, zone=SHANGHAI)

    assert [(one.inbox_id, one.person_id, one.day) for one in told.checkins] == [
        (2, 1, date(2026, 3, 3)),
        (3, 2, date(2026, 3, 3)),
    ]
    assert told.repeats == (1,)


def test_the_day_is_the_communitys_day() -> None:
    """Half past midnight in Shanghai is the new day there, although UTC still has the old one."""
    told = sort_arrivals([arrival(1, datetime(2026, 3, 3, 16, 30, tzinfo=UTC))], WEEKS, (), now=NOW, zone=SHANGHAI)

    assert told.checkins[0].day == date(2026, 3, 4)


def test_what_was_written_down_before_is_a_repeat() -> None:
    """The same day twice changes nothing: a known check-in is not taken again."""
    told = sort_arrivals([arrival(9)], WEEKS, [("aaaaaaaaaa", 1, date(2026, 3, 3))], now=NOW, zone=SHANGHAI)

    assert told.checkins == ()
    assert told.repeats == (9,)


@pytest.mark.parametrize(
    ("tap", "reason"),
    [
        (arrival(1, at=None), "unreadable"),
        (arrival(1, code="zzzzzzzzzz"), "unknown_code"),
        (arrival(1, person=None), "unknown_person"),
        (arrival(1, datetime(2026, 3, 1, 15, 59, tzinfo=UTC)), "outside_week"),
        (arrival(1, datetime(2026, 3, 8, 16, 0, tzinfo=UTC)), "in_the_future"),
    ],
)
def test_a_tap_that_cannot_count_says_why(tap: Arrival, reason: str) -> None:
    """Nothing disappears: each refused tap keeps its number and a reason."""
    told = sort_arrivals([tap], WEEKS, (), now=NOW, zone=SHANGHAI)

    assert [(one.inbox_id, one.reason) for one in told.refused] == [(1, reason)]
    assert told.checkins == ()


def test_a_tap_after_the_week_is_outside_it() -> None:
    """The Monday after no longer counts, once it really is that Monday."""
    late = arrival(1, datetime(2026, 3, 8, 16, 0, tzinfo=UTC))

    told = sort_arrivals([late], WEEKS, (), now=NOW + timedelta(days=1), zone=SHANGHAI)

    assert told.refused[0].reason == "outside_week"


@given(
    st.lists(
        st.tuples(st.integers(1, 3), st.integers(-30, 200), st.sampled_from(["aaaaaaaaaa", "bbbbbbbbbb"])),
        max_size=30,
    ),
    st.randoms(use_true_random=False),
)
def test_every_tap_ends_in_one_place_in_any_order(taps: list[tuple[int, int, str]], shuffler: object) -> None:
    """Each tap is counted, a repeat or refused, exactly once, in whatever order the taps arrived."""
    arrivals = [
        arrival(number, datetime(2026, 3, 1, 16, tzinfo=UTC) + timedelta(hours=hours), person, code)
        for number, (person, hours, code) in enumerate(taps)
    ]
    shuffled = list(arrivals)
    shuffler.shuffle(shuffled)  # type: ignore[attr-defined]

    told = sort_arrivals(arrivals, WEEKS, (), now=NOW, zone=SHANGHAI)
    again = sort_arrivals(shuffled, WEEKS, (), now=NOW, zone=SHANGHAI)

    placed = [one.inbox_id for one in told.checkins] + list(told.repeats) + [one.inbox_id for one in told.refused]
    assert sorted(placed) == [one.inbox_id for one in arrivals]
    assert told == again
