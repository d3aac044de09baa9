"""A tally carried on run by run says what a full count says, whatever came in when and whoever turned out to be one."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qunflow.retention.cells import Cell, cells_of
from qunflow.retention.periods import Period, label_of
from qunflow.retention.tally.cells import DAYS
from qunflow.retention.tally.links import Links
from qunflow.retention.tally.news import News
from qunflow.retention.tally.pages import ints
from qunflow.retention.tally.reading import cohort_rows, dirt_of, group_rows, leave_streaks, matrix_rows
from qunflow.retention.tally.tally import Kinds, Tally
from qunflow.retention.tally.zone import days_in
from tests.spec.retention_by_hand import DAY, Row, counted
from tests.spec.tally_by_hand import board, days_with_leavers, dirt

KINDS = ("join", "leave", "message", "click", "order")
ACTIVE = ("message", "click")
NUMBERS = Kinds(join=0, leave=1, active=(2, 3), spoken=(2,))
FIRST = datetime(2026, 3, 1, tzinfo=UTC)
# Both sides of an hour that is skipped; and a person far away, on a page of their own.
ZONES = ("Europe/Berlin", "Asia/Shanghai", "America/New_York")
PEOPLE = (1, 2, 3, 4, 5, 70_000)


class Kept(dict[str, bytes]):
    """Parts in memory."""

    def names(self, prefix: str) -> list[str]:
        return sorted(name for name in self if name.startswith(prefix))

    def change(self, changes: Any) -> None:
        for name, content in changes.items():
            if content is None:
                self.pop(name, None)
            else:
                self[name] = content


Event = tuple[int, int, int, int]


@dataclass(frozen=True)
class Run:
    """What one run learns: events as (person, kind, minutes since the first day, group), and who is one person."""

    events: list[Event]
    aliases: dict[int, int]


def runs(most: int = 14) -> st.SearchStrategy[list[Run]]:
    """Some runs; each event comes in whenever it comes in, merges come and go."""
    event = st.tuples(
        st.sampled_from(PEOPLE),
        st.sampled_from((0, 0, 0, 1, 1, 2, 2, 2, 3, 4)),
        # Few instants, so that they meet; days close together and far apart.
        st.integers(0, 55).flatmap(lambda day: st.sampled_from((60, 600, 1380)).map(lambda at: day * 1440 + at)),
        st.sampled_from((1, 1, 2, 3, 0)),
    )
    merged = st.lists(st.sampled_from(((2, 1), (3, 1), (5, 4), (4, 70_000), (1, 70_000))), max_size=2, unique=True)
    return st.lists(st.builds(Run, st.lists(event, max_size=most), merged.map(followed)), min_size=1, max_size=5)


def followed(pairs: list[tuple[int, int]]) -> dict[int, int]:
    direct = dict(pairs)

    def last(person: int) -> int:
        return last(direct[person]) if person in direct else person

    return {one: last(one) for one in direct}


def news(events: list[Event]) -> News:
    person, kind, minute, group = (ints([event[place] for event in events]) for place in range(4))
    at_us = int(FIRST.timestamp()) * 1_000_000 + minute * 60_000_000
    return News(person, group, at_us, kind, person * 0 + 1, person * 0)


def carried(all_runs: list[Run], zone: str, asked: date | None = None) -> Tally:
    """The tally after these runs, opened anew for each; asked in between, too, so that kept answers are seen."""
    kept = Kept()
    for run in all_runs:
        tally = Tally(kept, NUMBERS, days_in(ZoneInfo(zone)))
        tally.advance(news(run.events), Links(run.aliases))
        if asked:
            matrix_rows(tally, "week", asked)
        kept.change(tally.finish())
    return Tally(kept, NUMBERS, days_in(ZoneInfo(zone)))


def rows_of(all_runs: list[Run]) -> list[Row]:
    """Everything that was learned, as the slow count reads it, under the numbers meant in the end."""
    meant = all_runs[-1].aliases
    return [
        (str(meant.get(person, person)), KINDS[kind], FIRST + timedelta(minutes=minute), str(group))
        for run in all_runs
        for person, kind, minute, group in run.events
    ]


def by_hand(rows: list[Row], zone: str, period: Period, through: date, definition: str) -> dict[str, list[int | None]]:
    """Cells by cohort; the size first."""
    inside = [row for row in rows if row[2].astimezone(ZoneInfo(zone)).date() <= through]
    asked = {
        "timezone": zone,
        "period": period,
        "week_start": "monday",
        "date_to": through.isoformat(),
        "total_intervals": {"day": 64, "week": 12, "month": 4}[period],
        "as_of": (through + DAY).isoformat(),
        "target_event": "join",
        "returning_event": list(ACTIVE),
        "cohort_rule": "first_time",
        "minimum_occurrences": 1,
        "cumulative": False,
        "windows": "calendar",
        "definitions": [definition],
        "days": list(DAYS),
    }
    if definition == "matrix":
        asked |= {"target_event": list(ACTIVE), "as_of": (through + 40 * DAY).isoformat()}
    cells = counted(inside, asked)
    last = start = date.fromisoformat(label_of(_start(through, period), period) + ("-01" if period == "month" else ""))
    labels = []
    for _ in cells:
        labels.insert(0, label_of(start, period))
        start = _start(start - DAY, period)
    assert labels[-1] == label_of(last, period)
    return dict(zip(labels, cells, strict=True))


def _start(day: date, period: Period) -> date:
    if period == "month":
        return day.replace(day=1)
    return day - day.weekday() * DAY if period == "week" else day


def cells(rows: list[dict[str, Any]], period: Period, through: date) -> dict[str, list[int | None]]:
    found: dict[str, list[Cell]] = {}
    for cell in cells_of(rows, period, DAYS, through):
        found.setdefault(cell.cohort, []).append(cell)
    return {label: [line[0].size, *(cell.people for cell in line)] for label, line in found.items()}


@settings(
    max_examples=300 if os.environ.get("QUNFLOW_SOAK") else 25,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(
    runs(), st.sampled_from(ZONES), st.sampled_from(("day", "week", "month")), st.integers(0, 60), st.integers(0, 60)
)
@pytest.mark.soak
def test_a_tally_says_what_a_full_count_says(
    all_runs: list[Run], zone: str, period: Period, through_day: int, asked_day: int
) -> None:
    """Stay, classic, rolling, matrix, groups and dirt as of any day: random orders, late events, merges and splits."""
    through = date(2026, 3, 1) + through_day * DAY
    tally = carried(all_runs, zone, date(2026, 3, 1) + asked_day * DAY)
    rows = rows_of(all_runs)

    for definition, mine in zip(("stay", "classic", "rolling"), cohort_rows(tally, period, through), strict=True):
        expected = by_hand(rows, zone, period, through, definition)
        found = cells(mine, period, through)
        for label, line in expected.items():
            if line[0] is None:
                assert all(cell is None for cell in found.get(label, [None])[1:])
            else:
                assert found.get(label, [0, *([0] * 5)]) == line or (line[0] == 0 and label not in found)
        assert set(found) <= set(expected)
    matrix: dict[str, dict[int, int]] = {}
    for row in matrix_rows(tally, period, through):
        matrix.setdefault(label_of(row["cohort"], period), {})[row["distance"]] = row["people"]
    expected_matrix = {
        label: {distance: people for distance, people in enumerate(line) if people}
        for label, line in by_hand(rows, zone, period, through, "matrix").items()
    }
    assert matrix == {label: line for label, line in expected_matrix.items() if line}
    same_day = ZoneInfo(zone)
    assert {str(group): line for group, line in group_rows(tally, through).items() if any(line.values())} == {
        group: line for group, line in board(rows, same_day, list(ACTIVE), through).items() if any(line.values())
    }
    since = through - 20 * DAY
    assert {str(g): days for g, days in leave_streaks(tally, since, through).items()} == {
        group: length
        for group, days in days_with_leavers(rows, same_day, since, through).items()
        if (length := next(n for n in range(30) if through - n * DAY not in days))
    }
    found_dirt = dirt_of(tally, through, 0)
    odd = dirt(rows, same_day, through)
    strangers = odd.pop("speakers_without_join")
    assert {name: getattr(found_dirt, name) for name in odd} == odd
    assert found_dirt.speakers_without_join <= strangers
    if {event[3] for run in all_runs for event in run.events} <= {0, 1} and not any(run.aliases for run in all_runs):
        assert found_dirt.speakers_without_join == strangers
