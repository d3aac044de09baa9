"""Figures change openly while they are open and never after: each change has its reason, and grades stand beside."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qunflow.community.finality import Reason
from qunflow.store import figure_changes, figures
from qunflow.store.engine import Store
from qunflow.store.figure_changes import Change
from qunflow.store.figures import Figure, Terms

DAY = date(2026, 3, 1)
ZONE = ZoneInfo("Asia/Shanghai")
LATE = Terms(reason=Reason.LATE_EVENTS)
REOPENED = Terms(reason=Reason.BACKFILL, reopen=True)
_salt = count()


def noon(days: int) -> datetime:
    """Noon, local, so many days after the figures' day."""
    return datetime(2026, 3, 1, 4, tzinfo=UTC) + timedelta(days=days)


def figure(value: figures.Value, unit: figures.Unit = "count", **changes: Any) -> Figure:
    base: dict[str, Any] = {"community": "n", "stage": "retention", "name": "joins", "as_of": DAY, "source": "history"}
    return Figure(value=value, unit=unit, **{**base, **changes})


def grade(letter: str, **changes: Any) -> Figure:
    return figure(letter, "text", **{"stage": "acquisition", "name": "completeness", **changes})


def told(store: Store, work: Callable[[Any], Any]) -> list[Change]:
    with store.writing() as conn:
        work(conn)
        return figure_changes.changes(conn, "n")


def values(store: Store) -> list[figures.Value]:
    with store.reading() as conn:
        return [one.value for one in figures.current(conn, "n", name="joins")]


def test_a_late_event_revises_an_open_figure_with_its_reason(store: Store) -> None:
    """Old value, new value, reason and instant are written down, and the figure has the new value."""

    def work(conn: Any) -> None:
        figures.record(conn, [figure(3, numerator=3, denominator=9)], noon(1))
        figures.record(conn, [figure(4, numerator=4, denominator=9)], noon(3), LATE)

    (change,) = told(store, work)

    assert (change.old, change.new, change.reason, change.told_at) == (3, 4, Reason.LATE_EVENTS, noon(3))
    assert (change.old_fraction, change.new_fraction) == ((3, 9), (4, 9))
    assert (change.kind, change.applied, change.run_id) == ("changed", True, None)
    assert values(store) == [4]


def test_what_comes_after_the_figure_is_final_stands_beside_it(store: Store) -> None:
    """The fourth day after its own the figure stays, and the value it would have had is kept once."""

    def work(conn: Any) -> None:
        figures.record(conn, [figure(3)], noon(1))
        for days in (4, 5):
            assert figures.record(conn, [figure(4)], noon(days), LATE) == 0

    (change,) = told(store, work)

    assert (change.old, change.new, change.applied, change.settled_at) == (3, 4, False, None)
    assert values(store) == [3]


def test_a_correction_stands_until_the_values_agree_again(store: Store) -> None:
    """A second would-be value takes the place of the first; the old value again ends both."""

    def work(conn: Any) -> None:
        for days, value in ((1, 3), (4, 4), (5, 5), (6, 3)):
            figures.record(conn, [figure(value)], noon(days), LATE)

    changes = told(store, work)

    assert [(one.new, one.settled_at) for one in changes] == [(4, noon(5)), (5, noon(6))]
    assert values(store) == [3]


def test_a_run_that_opens_the_day_changes_a_final_figure(store: Store) -> None:
    """Reopening is a revision like any other, and ends the correction that stood."""

    def work(conn: Any) -> None:
        figures.record(conn, [figure(3)], noon(1))
        figures.record(conn, [figure(4)], noon(9), LATE)
        figures.record(conn, [figure(4)], noon(10), REOPENED)

    late, reopened = told(store, work)

    assert (late.applied, late.settled_at) == (False, noon(10))
    assert (reopened.old, reopened.new, reopened.reason, reopened.applied) == (3, 4, Reason.BACKFILL, True)
    assert values(store) == [4]


def test_a_figure_told_within_its_day_is_revised_because_the_day_went_on(store: Store) -> None:
    """Whatever the run says: only what was told after the day was over was told for good."""

    def work(conn: Any) -> None:
        figures.record(conn, [figure(3)], noon(0))
        figures.record(conn, [figure(4)], noon(1), LATE)
        figures.record(conn, [figure(4)], noon(2), LATE)
        figures.record(conn, [figure(5)], noon(3), LATE)

    assert [one.reason for one in told(store, work)] == [Reason.DAY_WENT_ON, Reason.LATE_EVENTS]


def test_being_told_again_after_its_day_makes_a_figure_told_for_good(store: Store) -> None:
    """The same value told on the next day counts: what differs after that has the run's reason."""

    def work(conn: Any) -> None:
        for days, value in ((0, 3), (1, 3), (2, 4)):
            figures.record(conn, [figure(value)], noon(days), LATE)

    assert [one.reason for one in told(store, work)] == [Reason.LATE_EVENTS]


def test_cells_that_come_and_go_are_changes(store: Store) -> None:
    """A day recorded as a whole says which cells were added and which are gone, while open and after."""
    one, other = (figure(1, dimensions={"cohort": name}) for name in ("a", "b"))

    def work(conn: Any) -> None:
        for days, cells in ((1, [one]), (2, [other]), (5, [one])):
            figures.record_day(conn, "n", "retention", DAY, cells, noon(days), reason=Reason.LATE_EVENTS)

    changes = told(store, work)

    assert sorted((change.kind, change.dimensions["cohort"], change.applied) for change in changes) == [
        ("added", "a", False),
        ("added", "b", True),
        ("gone", "a", True),
        ("gone", "b", False),
    ]
    with store.reading() as conn:
        assert [kept.dimensions for kept in figures.current(conn, "n")] == [{"cohort": "b"}]


def test_a_figure_nobody_told_before_may_always_be_told(store: Store) -> None:
    """A past day that is made up for the first time has no revision, and is final at once."""

    def work(conn: Any) -> None:
        assert figures.record(conn, [figure(3)], noon(90)) == 1
        assert figures.record(conn, [figure(4)], noon(90)) == 0

    (change,) = told(store, work)

    assert (change.old, change.new, change.applied) == (3, 4, False)


@pytest.mark.parametrize(("at", "became"), [("2026-03-04T15:59+00:00", 4), ("2026-03-04T16:00+00:00", 3)])
def test_days_end_by_the_community_s_clock(store: Store, at: str, became: int) -> None:
    """The last minute of the third day in Shanghai still counts, the next one does not."""
    with store.writing() as conn:
        figures.record(conn, [figure(3)], noon(1))
        figures.record(conn, [figure(4)], datetime.fromisoformat(at), Terms(zone=ZONE))
    assert values(store) == [became]


def test_figures_take_the_grade_of_their_day_or_their_group(store: Store) -> None:
    """A figure by group has its group's grade, one of the community the community's; nobody's grade is none."""
    cells = [figure(1), *(figure(1, dimensions={"group": group}) for group in ("g1", "g2"))]
    with store.writing() as conn:
        figures.record(conn, [grade("B"), grade("D", dimensions={"group": "g1"})], noon(1))
        figures.record(conn, cells, noon(1))
        found = figures.current(conn, "n", name="joins")
        assert figures.current(conn, "n", name="completeness")[0].grade is None
    assert [(one.dimensions.get("group"), one.grade) for one in found] == [(None, "B"), ("g1", "D"), ("g2", None)]


def test_a_figure_of_a_day_nobody_graded_shows_the_day_before_s_grade_apart(store: Store) -> None:
    """While a day goes on its figures have no grade of their own; that of the day before never counts as theirs."""
    cells = [figure(1), figure(1, dimensions={"group": "g1"})]
    before = DAY - timedelta(days=1)
    with store.writing() as conn:
        figures.record(conn, [grade("B", as_of=before), grade("D", as_of=before, dimensions={"group": "g1"})], noon(0))
        figures.record(conn, cells, noon(0))
        running = figures.current(conn, "n", name="joins")
        figures.record(conn, [grade("A")], noon(1))
        over = figures.current(conn, "n", name="joins")
    assert [(one.grade, one.grade_before) for one in running] == [(None, "B"), (None, "D")]
    assert [(one.grade, one.grade_before) for one in over] == [("A", None), (None, "D")]


def test_open_figures_follow_the_grade_and_final_ones_keep_it(store: Store) -> None:
    """A grade that becomes known or better reaches what is open; a final figure takes one only while it has none."""
    grades = []
    with store.writing() as conn:
        figures.record(conn, [figure(1)], noon(0))
        for days, letter in ((1, "C"), (2, "B"), (9, "A")):
            terms = Terms(reopen=days == 9)
            figures.record(conn, [grade(letter)], noon(days), replace(terms, final_after_days=2))
            grades.append(figures.current(conn, "n", name="joins")[0].grade)
        figures.record(conn, [figure(1, as_of=DAY - timedelta(days=30))], noon(0))
        figures.record(conn, [grade("D", as_of=DAY - timedelta(days=30))], noon(0))
        old = figures.current(conn, "n", name="joins", as_of=DAY - timedelta(days=30))
    assert grades == ["C", "B", "A"]
    assert [one.grade for one in old] == ["D"]


def test_a_figure_s_grade_is_final_with_it(store: Store) -> None:
    """A grade that changes too late stands as a correction, and the figures keep theirs."""
    with store.writing() as conn:
        figures.record(conn, [grade("C")], noon(1))
        figures.record(conn, [figure(1)], noon(1))
        figures.record(conn, [grade("A")], noon(4))
        assert figures.current(conn, "n", name="joins")[0].grade == "C"
        assert [one.applied for one in figure_changes.changes(conn, "n")] == [False]


Step = tuple[int, bool, dict[str, int | None]]
CELLS = st.dictionaries(st.sampled_from("ab"), st.one_of(st.none(), st.integers(0, 2)), max_size=2)
STEPS = st.lists(st.tuples(st.integers(0, 2), st.booleans(), CELLS), min_size=1, max_size=8)


def replayed(changes: list[Change], first: dict[str, figures.Value]) -> dict[str, figures.Value]:
    """The values after every applied change, each checked against what stood before it."""
    now = dict(first)
    for change in (one for one in changes if one.applied):
        cell = change.dimensions["cell"]
        if change.kind == "added":
            assert cell not in now
        else:
            assert now.pop(cell) == change.old
        if change.kind != "gone":
            now[cell] = change.new
    return now


@settings(
    max_examples=1_000 if os.environ.get("QUNFLOW_SOAK") else 25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=STEPS)
@pytest.mark.soak
def test_any_sequence_of_recordings_is_told_openly_and_final_figures_stay(store: Store, steps: list[Step]) -> None:
    """
    One current row a key; revisions in order, complete and replayable; no change after final without reopening.

    What is current is also what a model of ten lines says.
    """
    name, days, model, said = f"figure {next(_salt)}", 0, dict[str, figures.Value](), False
    first: dict[str, figures.Value] = {}
    with store.writing() as conn:
        for later, reopen, cells in steps:
            days += later
            new = [figure(value, name=name, stage=name, dimensions={"cell": cell}) for cell, value in cells.items()]
            figures.record_day(conn, "n", name, DAY, new, noon(days), terms=Terms(reopen=reopen))
            if not said or days <= 3 or reopen:
                model = dict(cells)
            if not said:
                first = dict(cells)
            said = said or bool(cells)
            found = figures.current(conn, "n", name)
            assert {one.dimensions["cell"]: one.value for one in found} == model
            assert len(found) == len(model)
        changes = figure_changes.changes(conn, "n", name=name)
        kept = figures.revisions(conn, "n", name, DAY)
    assert replayed(changes, first) == model
    instants = [change.told_at for change in changes]
    assert instants == sorted(instants)
    assert all(one.superseded_at is None or one.recorded_at <= one.superseded_at for one in kept)
    standing = [one for one in changes if not one.applied and one.settled_at is None]
    assert len({one.dimensions["cell"] for one in standing}) == len(standing)
