"""Check-in weeks in the store, on both engines."""

from __future__ import annotations

from datetime import UTC, date, datetime

from sqlalchemy import Connection, insert

from qunflow.store import activities, ledger
from qunflow.store.activities import CheckinRow
from qunflow.store.engine import Store
from qunflow.store.tables import persons
from qunflow.weekly_activity.points import checkin_points, checkin_prefix

MONDAY, SUNDAY = date(2026, 3, 2), date(2026, 3, 8)
NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


def opened(conn: Connection, key: str = "week", code: str = "aaaaaaaaaa", points: int = 5) -> bool:
    return activities.open_activity(
        conn,
        community="neighbours",
        activity_key=key,
        code=code,
        title="打卡周",
        opens_on=MONDAY,
        closes_on=SUNDAY,
        points_per_checkin=points,
    )


def people(conn: Connection, count: int) -> list[int]:
    rows = [{"created_at": NOON}] * count
    return list(conn.execute(insert(persons).returning(persons.c.person_id), rows).scalars())


def test_a_week_is_opened_once(store: Store) -> None:
    """Opening again keeps the code that is already in people's messages."""
    with store.writing() as conn:
        assert opened(conn)
        assert not opened(conn, code="bbbbbbbbbb", points=9)
        (week,) = activities.activities_between(conn, "neighbours", SUNDAY, SUNDAY)

    assert (week.code, week.points_per_checkin, week.awarded_at) == ("aaaaaaaaaa", 5, None)


def test_weeks_are_found_by_day_and_by_code(store: Store) -> None:
    """A week is found on each of its days, not the day before or after, and by the code of its link."""
    with store.writing() as conn:
        opened(conn)
        before = activities.activities_between(conn, "neighbours", date(2026, 3, 1), date(2026, 3, 1))
        after = activities.activities_between(conn, "neighbours", date(2026, 3, 9), date(2026, 3, 9))
        found = activities.by_code(conn, ["aaaaaaaaaa", "zzzzzzzzzz"])

    assert before == after == []
    assert [one.activity_key for one in found.values()] == ["week"]


def test_one_check_in_a_person_and_day(store: Store) -> None:
    """The same check-in again is not new, and the first instant stays."""
    with store.writing() as conn:
        opened(conn)
        (week,) = activities.activities_between(conn, "neighbours", MONDAY, MONDAY)
        ann, ben = people(conn, 2)
        rows = [CheckinRow(week.activity_id, who, MONDAY, NOON) for who in (ann, ben)]
        assert activities.keep_checkins(conn, rows) == 2
        assert activities.keep_checkins(conn, [CheckinRow(week.activity_id, ann, MONDAY, NOON.replace(hour=9))]) == 0
        assert activities.checkins_of(conn, [week.activity_id]) == rows
        assert activities.checkins_of(conn, []) == []


def test_points_booked_are_counted_by_person(store: Store) -> None:
    """Only bookings of this week count, and only what people got, not the other side of the entry."""
    with store.writing() as conn:
        ann, ben = people(conn, 2)
        due = [checkin_points("neighbours", "week", who, MONDAY, 5) for who in (ann, ben)]
        due += [
            checkin_points("neighbours", "week", ann, SUNDAY, 5),
            checkin_points("neighbours", "week2", ann, MONDAY, 5),
        ]
        for one in due:
            ledger.book(conn, one.event_key, one.community, "points", one.reason, one.postings, one.person_of, NOON)

        assert activities.points_booked(conn, checkin_prefix("neighbours", "week")) == {ann: 10, ben: 5}


def test_the_first_settling_is_noted(store: Store) -> None:
    """When awards were first settled stays, however often they are settled again."""
    with store.writing() as conn:
        opened(conn)
        (week,) = activities.activities_between(conn, "neighbours", MONDAY, MONDAY)
        activities.set_awarded(conn, week.activity_id, NOON)
        activities.set_awarded(conn, week.activity_id, NOON.replace(hour=9))
        (settled,) = activities.activities_between(conn, "neighbours", MONDAY, MONDAY)

    assert settled.awarded_at == NOON
