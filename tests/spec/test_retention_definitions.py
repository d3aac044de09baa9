"""
Retention defined by small tables: what happened on the left, what must be counted below it.

An event is ``day who what group``, days of 2026 in the community's zone; ``05T09:30`` gives a wall-clock time, which
otherwise is noon. In an expected matrix ``.`` is a cell that has not come due: blank, never 0.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from zlib import crc32

import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
import pytest

from qunflow.retention import groups, whole
from qunflow.retention.cells import cells_of, weighted_means
from qunflow.retention.dirt import Dirt, dirt
from qunflow.retention.events import Scope, counted
from qunflow.retention.periods import Period, label_of
from qunflow.store.events import to_table

ACTIVE = ("message", "checkin", "click")
NOW = datetime(2026, 12, 31, tzinfo=UTC)
LAST = date(2026, 12, 31)
GROUPS = {"-": 0, "g1": 1, "g2": 2, "x1": 11}


def log(text: str, source: str = "wecom") -> ir.Table:
    """The events of a table as the history would show them."""
    lines = [line.split() for line in text.strip().splitlines()]
    rows = [_event(number, *fields, source=source) for number, fields in enumerate(lines)]
    table = to_table(pd.DataFrame(rows), source)
    connection = ibis.duckdb.connect()
    connection.con.execute("SET TimeZone='UTC'")
    connection.con.register("events", pa.Table.from_batches(table.to_batches()))
    return connection.table("events")


def _event(number: int, when: str, who: str, what: str, group: str = "g1", *, source: str) -> dict[str, object]:
    day, _, clock = when.partition("T")
    at = pd.Timestamp(f"2026-{day}T{clock or '12:00'}", tz="UTC").as_unit("us")
    return {
        "event_key": f"k{number:04d}",
        "happened_at": at,
        "recorded_at": at,
        "local_day": at.date(),
        "kind": what,
        "person_id": crc32(who.encode()),
        "group_id": GROUPS[group],
        "source": source,
    }


def scope(**changes: object) -> Scope:
    given = {"community": "c", "group_ids": (1, 2), "alone": True, "day": date(2026, 12, 31), "now": NOW, **changes}
    return Scope(**given)  # type: ignore[arg-type]


def stay(events: ir.Table, through: str, period: Period = "week", days: tuple[int, ...] = (1, 3, 7)) -> str:
    """The stay matrix, due through a day, as text."""
    rows, _ = whole.cohort_rows(events, ACTIVE, period, LAST, "UTC", days)
    return as_text(rows, through, period, days)


def active(events: ir.Table, through: str, period: Period = "week", days: tuple[int, ...] = (1, 3, 7)) -> str:
    """The activity matrix by days after joining, due through a day, as text."""
    _, rows = whole.cohort_rows(events, ACTIVE, period, LAST, "UTC", days)
    return as_text(rows, through, period, days)


def as_text(rows: list[dict[str, object]], through: str, period: Period, days: tuple[int, ...]) -> str:
    cells = cells_of(rows, period, days, date.fromisoformat(f"2026-{through}"))
    by_cohort: dict[str, list[str]] = {}
    for cell in cells:
        line = by_cohort.setdefault(cell.cohort, [cell.cohort, str(cell.size)])
        line.append("." if cell.people is None else str(cell.people))
    return tidy("\n".join(" ".join(line) for line in by_cohort.values()))


def tidy(text: str) -> str:
    return "\n".join(" ".join(line.split()) for line in text.strip().splitlines())


def matrix(events: ir.Table, period: Period) -> str:
    """The activity matrix as text: cohort, then distance:people."""
    lines: dict[str, list[str]] = {}
    for row in whole.matrix_rows(events, ACTIVE, period, LAST, "UTC"):
        label = label_of(row["cohort"], period)
        lines.setdefault(label, [label]).append(f"{row['distance']}:{row['people']}")
    return "\n".join(" ".join(line) for line in lines.values())


STAY = [
    pytest.param(
        """
        01-05 ann join
        01-06 bob join
        01-06 bob leave
        01-09 ann leave
        """,
        "02-28",
        "2026-01-05 2 1 1 0",
        id="somebody who leaves on the k-th day is not in the group at its end",
    ),
    pytest.param(
        """
        01-05 ann join
        01-06 ann leave
        01-08 ann join
        """,
        "02-28",
        "2026-01-05 1 0 1 1",
        id="who comes back is there again, and is counted in the cohort of the first join only",
    ),
    pytest.param(
        """
        01-05 ann join  g1
        01-13 ann join  g2
        01-06 ann leave g1
        01-05 bob join  g1
        01-05 bob join  g2
        01-06 bob leave g1
        """,
        "02-28",
        "2026-01-05 2 1 1 1",
        id="people in several groups are one person, in as long as they are in any",
    ),
    pytest.param(
        """
        01-05T10:00 ann join
        01-06T09:00 ann leave
        01-06T09:01 ann join
        """,
        "02-28",
        "2026-01-05 1 1 1 1",
        id="a dropped line within the day is not a leave",
    ),
    pytest.param(
        """
        01-05 ann join
        01-06 ann join
        01-08 ann leave
        01-09 ann leave
        01-05 bob leave
        """,
        "02-28",
        "2026-01-05 1 1 0 0",
        id="a join while in and a leave without a join change nothing",
    ),
    pytest.param(
        """
        01-05 ann join
        01-11 bob join
        01-12 cat join
        """,
        "01-14",
        """
        2026-01-05 2 2 2 .
        2026-01-12 1 . . .
        """,
        id="a cell comes due when the day of the cohort's last possible member is over",
    ),
    pytest.param("01-05 ann message", "02-28", "", id="who never joins belongs to no cohort"),
]


@pytest.mark.parametrize(("events", "through", "expected"), STAY)
def test_stay_retention(events: str, through: str, expected: str) -> None:
    """In a group at the end of local day first join + k, by week of the first join."""
    assert stay(log(events), through) == tidy(expected)


ACTIVITY = [
    pytest.param(
        """
        01-05 ann join
        01-06 ann message
        01-06 ann click   -
        01-12 ann checkin -
        01-07 ann message
        """,
        "2026-01-05 1 1 0 1",
        id="active on exactly that day, once however much was done",
    ),
    pytest.param(
        """
        01-05 ann join
        01-06 ann leave
        01-08 ann click   -
        """,
        "2026-01-05 1 0 1 0",
        id="somebody who left and still clicks is active, not staying",
    ),
    pytest.param(
        """
        01-05 ann join
        01-06 ann order
        01-06 bob message
        """,
        "2026-01-05 1 0 0 0",
        id="other kinds do not count, nor does who never joined",
    ),
]


@pytest.mark.parametrize(("events", "expected"), ACTIVITY)
def test_activity_retention(events: str, expected: str) -> None:
    """An event of the active kinds on local day first join + k, over the people of the stay cohorts."""
    assert active(log(events), "02-28") == tidy(expected)


MATRIX = [
    pytest.param(
        "day",
        """
        01-05 ann message
        01-05 ann message
        01-07 ann click -
        01-06 bob message
        """,
        """
        2026-01-05 0:1 2:1
        2026-01-06 0:1
        """,
        id="days, people once, empty cells left out",
    ),
    pytest.param(
        "week",
        """
        01-04 ann message
        01-05 ann message
        01-11 bob message
        01-19 ann message
        """,
        """
        2025-12-29 0:1 1:1 3:1
        2026-01-05 0:1
        """,
        id="weeks start on Monday",
    ),
    pytest.param(
        "month",
        """
        01-31 ann message
        02-01 ann message
        12-31 ann message
        """,
        "2026-01 0:1 1:1 11:1",
        id="months are calendar months",
    ),
    pytest.param(
        "week",
        """
        01-05 ann join
        01-06 bob message
        01-13 ann message
        """,
        """
        2026-01-05 0:1
        2026-01-12 0:1
        """,
        id="the first act makes the cohort, joined or not",
    ),
]


@pytest.mark.parametrize(("period", "events", "expected"), MATRIX)
def test_activity_matrix(period: Period, events: str, expected: str) -> None:
    """Cohort = period of the first act; cell k = people who acted k periods later."""
    assert matrix(log(events), period) == tidy(expected)


def test_periods_of_joining() -> None:
    """The same people by day, by week and by month of their first join."""
    events = log("01-30 ann join\n02-01 bob join\n02-02 cat join")

    assert stay(events, "03-31", "day", (7,)) == tidy("2026-01-30 1 1\n2026-02-01 1 1\n2026-02-02 1 1")
    assert stay(events, "03-31", "week", (7,)) == tidy("2026-01-26 2 2\n2026-02-02 1 1")
    assert stay(events, "03-31", "month", (7,)) == tidy("2026-01 1 1\n2026-02 2 2")


def test_means_weigh_people_and_leave_out_what_is_not_due() -> None:
    """The mean over cohorts is people ÷ people of the cohorts that have come due; without any it is blank."""
    events = log("01-05 ann join\n01-05 bob join\n01-06 ann leave\n01-12 cat join")
    rows, _ = whole.cohort_rows(events, ACTIVE, "week", LAST, "UTC", (1, 3, 7))

    means = weighted_means(cells_of(rows, "week", (1, 3, 7), date(2026, 1, 19)), (1, 3, 7))

    assert [(mean.people, mean.size) for mean in means] == [(2, 3), (1, 2), (1, 2)]
    early = weighted_means(cells_of(rows, "week", (7,), date(2026, 1, 12)), (7,))
    assert [(mean.people, mean.rate, mean.interval) for mean in early] == [(None, None, None)]


def found(text: str, **changes: object) -> Dirt:
    row = dirt(log(text), scope(**changes)).to_pandas().iloc[0]
    return Dirt(**{name: int(row[name]) for name in Dirt.__slots__})


CLEAN = Dirt(0, 0, 0, 0, 0, 0, 0, 0)
DIRT = [
    pytest.param("01-05 ann join\n01-06 ann join", {"joins_while_in": 1}, id="a join of somebody who is in"),
    pytest.param("01-05 ann join g1\n01-05 ann join g2", {}, id="a join of another group is none"),
    pytest.param("01-05 ann leave", {"leaves_without_join": 1}, id="a leave without a join"),
    pytest.param("01-05 ann join\n01-06 ann join\n01-06 ann leave", {}, id="a dropped line where seconds are missing"),
    pytest.param(
        "01-05 ann join\n01-05 ann leave\n01-05 ann leave",
        {"leaves_without_join": 1, "duplicates": 1},
        id="a leave told twice is a repeated row and a leave of nobody",
    ),
    pytest.param(
        "01-05 ann message\n01-05T13:00 ann message\n01-05 bob join\n01-05 bob message",
        {"speakers_without_join": 1},
        id="people who speak without ever joining are counted as people",
    ),
    pytest.param("01-05 ann click -", {}, id="a click is no speech"),
    pytest.param("01-05 ann join\n01-08 ann message", {"days_without_events": 2}, id="days in between without events"),
]


@pytest.mark.parametrize(("events", "expected"), DIRT)
def test_dirt_is_counted(events: str, expected: dict[str, int]) -> None:
    """Each kind of dirt is counted once, and nothing else is."""
    assert found(events) == Dirt(**{**_as_counts(CLEAN), "events": len(events.split("\n")), **expected})


def test_the_future_is_counted_and_left_out() -> None:
    """An event after now is dirt, and no figure sees it."""
    text = "01-05 ann join\n03-01 ann leave"

    assert found(text, now=datetime(2026, 2, 1, tzinfo=UTC)) == Dirt(
        **{**_as_counts(CLEAN), "events": 1, "in_the_future": 1}
    )
    seen = counted(log(text), scope(now=datetime(2026, 2, 1, tzinfo=UTC)))
    assert stay(seen, "01-31", days=(7,)) == "2026-01-05 1 1"


def test_a_day_is_measured_without_what_came_after_it() -> None:
    """Measured as of a past day, later leaves have not happened yet."""
    text = "01-05 ann join\n01-08 ann leave"

    assert stay(counted(log(text), scope(day=date(2026, 1, 7))), "02-28", days=(3,)) == "2026-01-05 1 1"
    assert stay(counted(log(text), scope(day=date(2026, 1, 8))), "02-28", days=(3,)) == "2026-01-05 1 0"


def test_a_community_sees_its_own_events() -> None:
    """With several communities: events of its groups, and groupless ones of people it has seen."""
    events = log("01-05 ann join g1\n01-06 ann click -\n01-06 eve click -\n01-05 eve join x1")

    seen = counted(events, scope(alone=False)).select("kind", "group_id").to_pandas()

    assert sorted(zip(seen["kind"], seen["group_id"], strict=True)) == [("click", 0), ("join", 1)]


@pytest.mark.parametrize(("source", "rows"), [("import:c", 1), ("import:other", 0)])
def test_an_import_belongs_to_the_community_it_was_made_for(source: str, rows: int) -> None:
    """Imported events of groups the workspace does not have are seen by their own community only."""
    events = log("01-06 ann message -", source)

    assert int(counted(events, scope(alone=False)).count().to_pandas()) == rows


def _as_counts(clean: Dirt) -> dict[str, int]:
    return {name: getattr(clean, name) for name in Dirt.__slots__}


GROUP_LOG = """
    01-01 ann join    g1
    01-01 bob join    g1
    01-20 cat join    g1
    01-25 cat leave   g1
    01-28 bob leave   g1
    01-29 dan join    g1
    01-29T13:00 dan leave g1
    01-29T14:00 dan join  g1
    01-30 ann message g1
    01-30 eve join    g2
    02-01 ann leave   g1
"""


def test_the_week_and_the_month_of_a_group() -> None:
    """Members then and now, leavers, joiners, days with leavers and active people of a group."""
    events = counted(log(GROUP_LOG), scope())

    rows = groups.group_counts(events, ACTIVE, date(2026, 1, 31)).to_pandas().set_index("group_id").to_dict("index")

    assert rows[1] == {
        "members": 2,
        "members_before": 2,
        "leavers_month": 2,
        "leavers_week": 2,
        "joiners_week": 1,
        "leave_days_week": 2,
        "active_week": 1,
        "settled": 3,
        "gone_by_d7": 1,
    }
    assert rows[2]["members"] == 1


def test_days_with_leavers() -> None:
    """A day counts when somebody left for good; leaving and coming back on one day does not."""
    events = counted(log(GROUP_LOG), scope())

    days = groups.leave_days(events, date(2026, 1, 26), date(2026, 1, 31)).to_pandas()

    assert [(row.group_id, row.left_on.date().isoformat(), row.people) for row in days.itertuples()] == [
        (1, "2026-01-28", 1)
    ]
