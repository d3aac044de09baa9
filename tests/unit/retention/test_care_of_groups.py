"""The rules applied to one day: who left for good, groups without anybody, and days that are not looked at."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from qunflow.retention.care.alarms import Limits
from qunflow.retention.care.judging import Place, Posted, Seen, Stay, cared_for, judged
from qunflow.retention.care.life_stage import Marks
from qunflow.retention.health import GroupCounts
from qunflow.retention.plan import GroupMeasure, MeasuredGroup

THROUGH = date(2026, 3, 30)
UNTIL = datetime(2026, 3, 30, 16, tzinfo=UTC)
OLD = date(2026, 1, 1)
LIMITS = Limits(0.15, 0.10, 3)
PLACE = Place("benefit_group", "wecom", None)


def line(streak: int = 0, members: int = 20) -> GroupMeasure:
    counts = GroupCounts(1, members=members, members_before=20, leavers_month=9, leave_streak_days=streak)
    return GroupMeasure(MeasuredGroup(1, "g1", "一群", OLD), counts, None, ())


def stay(person: int, *, joined: date = OLD, left: date | None = None) -> Stay:
    at = None if left is None else datetime(left.year, left.month, left.day, 4, tzinfo=UTC)
    return Stay(1, person, joined, at, left)


def seen(*stays: Stay, posted: tuple[Posted, ...] = ()) -> Seen:
    return Seen(THROUGH, UNTIL, {1: stays}, {1: posted})


def test_a_group_nobody_was_ever_in_is_no_trouble() -> None:
    """It cannot be judged, is dead, and is to be closed."""
    empty = judged(line(), seen(), LIMITS)

    assert [alarm.fires for alarm in empty.alarms] == [False, False]
    [found] = cared_for([empty], seen(), {1: PLACE}, Marks(), 30)
    assert (found.stage.stage, found.advice.what, found.members) == ("dead", "close", 0)


def test_a_dropped_line_is_no_leave() -> None:
    """Out and in again on one day is neither in the run of days nor among the leavers; the day after it is."""
    day = THROUGH - timedelta(days=1)
    dropped = [stay(1, left=day), stay(1, joined=day)]
    gone = [stay(2, left=day), stay(2, joined=THROUGH, left=THROUGH)]

    counts = judged(line(streak=2), seen(*dropped, *gone, stay(3)), LIMITS).counts

    assert (counts.leavers_in_streak, counts.leavers_of_before, counts.members_before) == (2, 1, 3)


def test_who_came_later_is_not_among_those_of_a_month_ago() -> None:
    """Newcomers who left count in no alarm of an old group."""
    newcomers = [stay(100 + n, joined=date(2026, 3, 20), left=date(2026, 3, 25)) for n in range(30)]

    found = judged(line(), seen(*(stay(n) for n in range(20)), *newcomers), LIMITS)

    assert (found.counts.leavers_of_before, found.alarms[0].fires) == (0, False)


def test_only_pushes_of_the_last_week_of_a_ringing_group_are_looked_at() -> None:
    """An older one, and one whose 24 hours are not over, are left out; a calm group has none."""
    stays = [*(stay(n) for n in range(20)), *(stay(50 + n, left=THROUGH - timedelta(days=n // 2)) for n in range(10))]
    # Two leave at noon of each day.
    posts = tuple(
        Posted("s", 1, UNTIL - timedelta(hours=hours), (UNTIL - timedelta(hours=hours)).date(), None, True)
        for hours in (2, 40, 64, 300)
    )
    near = seen(*stays, posted=posts)

    [ringing] = cared_for([judged(line(streak=5), near, LIMITS)], near, {1: PLACE}, Marks(), 30)
    [calm] = cared_for([judged(line(), seen(stay(1), posted=posts), LIMITS)], near, {1: PLACE}, Marks(), 30)

    assert (ringing.looked_at, calm.looked_at) == (2, 0)
    assert [window.leaves for window in ringing.windows] == [2, 2]
