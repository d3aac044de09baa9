"""A figure is revised, never overwritten, and what was known at an instant can be asked again."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qunflow.errors import BadInput
from qunflow.store import figures
from qunflow.store.engine import Store
from qunflow.store.figures import Figure

DAY = date(2026, 3, 1)
AT = datetime(2026, 3, 2, tzinfo=UTC)
_salt = count()


def figure(value: figures.Value, unit: figures.Unit = "count", **changes: Any) -> Figure:
    base: dict[str, Any] = {"community": "n", "stage": "retention", "name": "joins", "as_of": DAY, "source": "history"}
    return Figure(value=value, unit=unit, **{**base, **changes})


@pytest.mark.parametrize(
    ("value", "unit"),
    [(12, "count"), (0.25, "rate"), (1.0, "rate"), (2.5, "days"), (299_00, "fen"), ("人少", "text"), (None, "rate")],
)
def test_a_figure_comes_back_as_it_was(store: Store, value: figures.Value, unit: figures.Unit) -> None:
    """Value, kind of number, fraction and dimensions survive the database."""
    kept = figure(value, unit, numerator=1, denominator=4, dimensions={"渠道": "电梯海报", "a": "b"})
    with store.writing() as conn:
        assert figures.record(conn, [kept], AT) == 1
    with store.reading() as conn:
        (found,) = figures.current(conn, "n")
    assert found == kept
    assert type(found.value) is type(value)


def test_the_same_again_changes_nothing(store: Store) -> None:
    """A second run of the same day leaves no revision, whatever the order of the dimensions."""
    with store.writing() as conn:
        figures.record(conn, [figure(3, dimensions={"a": "1", "b": "2"})], AT)
        assert figures.record(conn, [figure(3, dimensions={"b": "2", "a": "1"})], AT + timedelta(days=1)) == 0
        assert len(figures.revisions(conn, "n", "joins", DAY)) == 1


def test_a_late_event_shows_as_a_revision(store: Store) -> None:
    """The old value stays with the time it held; the new one is current; the past can be asked."""
    later = AT + timedelta(days=1)
    with store.writing() as conn:
        figures.record(conn, [figure(3)], AT)
        assert figures.record(conn, [figure(4)], later) == 1
        assert [found.value for found in figures.current(conn, "n")] == [4]
        assert [found.value for found in figures.current(conn, "n", known_at=AT)] == [3]
        assert [found.value for found in figures.current(conn, "n", known_at=later)] == [4]
        assert figures.current(conn, "n", known_at=AT - timedelta(seconds=1)) == []
        first, second = figures.revisions(conn, "n", "joins", DAY)
    assert (first.recorded_at, first.superseded_at) == (AT, later)
    assert (second.recorded_at, second.superseded_at) == (later, None)


def test_figures_that_mature_are_revised(store: Store) -> None:
    """Blank becomes a number once the window has passed."""
    with store.writing() as conn:
        figures.record(conn, [figure(None, "rate")], AT)
        assert figures.record(conn, [figure(0.5, "rate", numerator=1, denominator=2)], AT + timedelta(days=1)) == 1
        assert [found.value for found in figures.current(conn, "n")] == [0.5]


def test_figures_are_found_by_stage_day_and_name(store: Store) -> None:
    """Each filter narrows, and other communities never show."""
    kept = [
        figure(1),
        figure(2, name="leaves"),
        figure(3, stage="acquisition"),
        figure(4, as_of=DAY + timedelta(days=1)),
        figure(5, community="other"),
        figure(6, dimensions={"group": "g1"}),
    ]
    with store.writing() as conn:
        assert figures.record(conn, kept, AT) == 6
        assert [found.value for found in figures.current(conn, "n", "retention", DAY)] == [1, 6, 2]
        assert [found.value for found in figures.current(conn, "n", "acquisition")] == [3]
        assert [found.value for found in figures.current(conn, "n", name="leaves")] == [2]
        assert len(figures.current(conn, "n")) == 5


def test_of_two_figures_with_one_key_the_last_counts(store: Store) -> None:
    """A call that names a figure twice keeps one."""
    with store.writing() as conn:
        assert figures.record(conn, [figure(1), figure(2)], AT) == 1
        assert [found.value for found in figures.current(conn, "n")] == [2]


@pytest.mark.parametrize(
    ("value", "unit"), [(float("nan"), "rate"), (float("inf"), "fen"), ("many", "count"), (3, "text")]
)
def test_a_value_that_is_no_number_is_refused(store: Store, value: figures.Value, unit: figures.Unit) -> None:
    """Not-a-number must be said as blank."""
    with store.writing() as conn, pytest.raises(BadInput, match="the figure joins"):
        figures.record(conn, [figure(value, unit)], AT)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.one_of(st.none(), st.integers(0, 3)), min_size=1, max_size=8))
def test_there_is_one_current_figure_and_its_past_has_no_gaps(store: Store, values: list[int | None]) -> None:
    """However often a figure changes, each revision ends where the next begins, and only changes are kept."""
    name = f"figure {next(_salt)}"
    with store.writing() as conn:
        for hours, value in enumerate(values):
            figures.record(conn, [figure(value, name=name)], AT + timedelta(hours=hours))
        found = figures.revisions(conn, "n", name, DAY)
        told = [figures.current(conn, "n", name=name, known_at=AT + timedelta(hours=n)) for n in range(len(values))]
    changes = [value for place, value in enumerate(values) if place == 0 or values[place - 1] != value]
    assert [revision.figure.value for revision in found] == changes
    assert [revision.superseded_at for revision in found] == [*(after.recorded_at for after in found[1:]), None]
    assert [[one.value for one in figures_then] for figures_then in told] == [[value] for value in values]
