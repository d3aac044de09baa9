"""Rows for the checks of the week."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from qunflow.weekly_activity.challenge import Challenge
from qunflow.weekly_activity.checkins import Arrival, sort_arrivals, tap_rows
from qunflow.weekly_activity.standing import standing_rows

MONDAY, TUESDAY = date(2026, 3, 2), date(2026, 3, 3)
WEEK = Challenge("week", "打卡周", MONDAY, date(2026, 3, 8), 5)


def test_everybody_stands_where_their_check_ins_put_them() -> None:
    """Streaks are those of the day; points due follow all check-ins written down, as bookings do."""
    marks = [(1, MONDAY), (1, TUESDAY), (2, MONDAY), (2, date(2026, 3, 4)), (3, date(2026, 3, 5))]

    rows = standing_rows(WEEK, marks, as_of=TUESDAY, booked={1: 10}, stock_left=4)

    assert [(row["person_id"], row["current_days"], row["points_due"], row["points_booked"]) for row in rows] == [
        (1, 2, 10, 10),
        (2, 0, 10, 0),
    ]
    assert {row["stock_left"] for row in rows} == {4}


def test_every_tap_is_a_row_with_its_reason() -> None:
    """Counted, repeated and refused taps are all shown to the input check, each with its own mark."""
    at = datetime(2026, 3, 3, 4, 0, tzinfo=UTC)
    taps = [Arrival(1, "code", 7, at), Arrival(2, "code", 7, at), Arrival(3, "other", 7, at)]
    told = sort_arrivals(taps, {"code": WEEK}, (), now=at, zone=ZoneInfo("Asia/Shanghai"))

    rows = tap_rows(taps, told, {"code": WEEK})

    assert [(row["reason"], row["week_day"]) for row in rows] == [("", 2), ("repeat", 0), ("unknown_code", 0)]
    assert len({row["mark"] for row in rows}) == 3
