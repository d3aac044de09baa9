"""Cohort periods as plain calendar arithmetic."""

from __future__ import annotations

from datetime import date

import pytest

from qunflow.retention.cells import Cell
from qunflow.retention.periods import Period, end_of, first_day, label_of, shifted


@pytest.mark.parametrize(
    ("period", "start", "end", "label"),
    [
        ("day", date(2026, 3, 4), date(2026, 3, 4), "2026-03-04"),
        ("week", date(2026, 3, 2), date(2026, 3, 8), "2026-03-02"),
        ("week", date(2025, 12, 29), date(2026, 1, 4), "2025-12-29"),
        ("month", date(2024, 2, 1), date(2024, 2, 29), "2024-02"),
        ("month", date(2026, 12, 1), date(2026, 12, 31), "2026-12"),
    ],
)
def test_a_period_has_a_start_an_end_and_a_label(period: Period, start: date, end: date, label: str) -> None:
    """Weeks start on Monday, months are calendar months; a label says which day a period began."""
    assert first_day(label) == start
    assert end_of(start, period) == end
    assert label_of(start, period) == label


@pytest.mark.parametrize("count", [-13, -1, 0, 1, 12, 25])
def test_shifting_by_months_crosses_years(count: int) -> None:
    """There and back again is where it began."""
    assert shifted(shifted(date(2026, 3, 1), "month", count), "month", -count) == date(2026, 3, 1)
    assert shifted(date(2026, 11, 1), "month", 2) == date(2027, 1, 1)


def test_a_cell_that_is_not_due_has_neither_rate_nor_interval() -> None:
    """Blank is not 0: a cohort nobody of which is there any more has a rate of 0."""
    assert (Cell("2026-03", 7, 5, None).rate, Cell("2026-03", 7, 5, None).interval) == (None, None)
    assert Cell("2026-03", 7, 5, 0).rate == 0
    assert Cell("2026-03", 7, 5, 0).interval == pytest.approx((0.0, 0.4345), abs=1e-4)
