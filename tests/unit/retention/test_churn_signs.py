"""What is known of a member on a past day: only what had happened by then, and whether they were gone a week later."""

from __future__ import annotations

from datetime import UTC, date, timedelta
from typing import Any

import ibis
import pandas as pd
import pytest

from qunflow.retention.outlook.churn_days import SIGNS, acts_of, member_days, reference_days, spans_of, tallies

DAY, EARLY = date(2026, 2, 1), date(2025, 12, 1)
ACTIVE = ("message", "checkin")
# ann: quiet for 10 days, leaves in the week after; bob: in two groups, leaves one; cat: gone for three days, back in
# the same week; dan: left before the day; eve: joins after it; fay: never did anything.
LOG = """
2026-01-02 1 join 1
2026-01-22 1 message 1
2026-02-05 1 leave 1
2026-01-02 2 join 1
2026-01-20 2 join 2
2026-01-31 2 message 1
2026-02-01 2 checkin 0
2026-02-02 2 message 1
2026-02-06 2 leave 1
2026-01-25 3 join 1
2026-02-03 3 leave 1
2026-02-06 3 join 1
2026-01-02 4 join 1
2026-01-31 4 leave 1
2026-02-02 5 join 1
2026-01-30 6 join 2
"""


def events(log: str = LOG) -> Any:
    """The log as an Ibis table of events."""
    rows = [line.split() for line in log.strip().splitlines()]
    frame = pd.DataFrame(rows, columns=["on", "person_id", "kind", "group_id"])
    frame["happened_at"] = pd.to_datetime(frame.on + "T04:00").dt.tz_localize(UTC)
    frame["local_day"] = frame.happened_at.dt.date
    frame["event_key"] = [str(place) for place in range(len(frame))]
    frame = frame.astype({"person_id": "int64", "group_id": "int64"}).drop(columns="on")
    return ibis.memtable(frame, schema=SCHEMA)


SCHEMA = {
    "person_id": "int64",
    "kind": "string",
    "group_id": "int64",
    "happened_at": "timestamp('UTC')",
    "local_day": "date",
    "event_key": "string",
}


def known(pushes: Any = None, day: date = DAY) -> dict[int, dict[str, int]]:
    """What is known on a day, by person."""
    found = (
        member_days(spans_of(events()), acts_of(events(), ACTIVE, EARLY), pushes, [day]).to_pandas().to_dict("records")
    )
    return {row["person_id"]: row for row in found}


def test_a_member_is_told_by_what_had_happened() -> None:
    """Days since the last act or since joining, days in, active days of thirty; later acts and joins are not known."""
    rows = known()

    told = {
        person: tuple(row[name] for name in ("quiet_days", "joined_days", "active_days"))
        for person, row in rows.items()
    }
    assert told == {1: (10, 30, 1), 2: (0, 30, 2), 3: (7, 7, 0), 6: (2, 2, 0)}


def test_gone_is_in_no_group_a_week_later() -> None:
    """Who leaves one of two groups, or is back within the week, is not gone."""
    assert {person: row["gone"] for person, row in known().items()} == {1: 1, 2: 0, 3: 0, 6: 0}


def test_a_group_that_loses_people_tells_on_its_members() -> None:
    """One of the four people of the first group in thirty days was gone: 25 per cent, for its members only."""
    assert {person: row["leaving_percent"] for person, row in known().items()} == {1: 25, 2: 25, 3: 25, 6: 0}


def test_pushes_of_the_week_are_counted_over_all_groups() -> None:
    """Seven days up to the day, in every group the member is in; an older one and a later one do not count."""
    days = {1: (-7, -6, 0, 1), 2: (-3, 0)}
    sent = [(group, DAY + timedelta(days=later)) for group, offsets in days.items() for later in offsets]
    pushes = ibis.memtable(
        pd.DataFrame(sent, columns=["group_id", "pushed_on"]), schema={"group_id": "int64", "pushed_on": "date"}
    )

    assert {person: row["pushes"] for person, row in known(pushes).items()} == {1: 2, 2: 4, 3: 2, 6: 2}


def test_values_fall_into_classes() -> None:
    """A class begins at its cut: seven quiet days are in the class of seven to thirteen."""
    rows = known()

    assert [rows[3]["class_quiet_days"], rows[1]["class_quiet_days"], rows[2]["class_quiet_days"]] == [3, 3, 0]
    assert all(0 <= row[f"class_{sign.name}"] < sign.classes for row in rows.values() for sign in SIGNS)


def test_tallies_add_up_to_the_members() -> None:
    """Persons are added up by class and day, so what is learnt from carries nobody's number."""
    found = tallies(
        member_days(spans_of(events()), acts_of(events(), ACTIVE, EARLY), None, [DAY, DAY + timedelta(days=1)])
    ).to_pandas()

    assert "person_id" not in found.columns
    assert found.groupby("day").people.sum().tolist() == [4, 5]
    assert found.groupby("day").leavers.sum().tolist() == [1, 1]


@pytest.mark.parametrize(
    ("first", "through", "days"),
    [
        (date(2026, 1, 1), date(2026, 1, 20), []),
        (date(2026, 1, 1), date(2026, 1, 22), [date(2026, 1, 15)]),
        (date(2026, 1, 1), date(2026, 1, 31), [date(2026, 1, 17), date(2026, 1, 24)]),
    ],
)
def test_days_to_learn_from_have_a_past_and_a_week_after_them(first: date, through: date, days: list[date]) -> None:
    """A week apart, two weeks after the first event at the earliest, with the whole week after them over."""
    assert list(reference_days(first, through)) == days
    assert len(reference_days(date(2020, 1, 1), through)) == 16
