"""Each check of the check-in week lets a good frame pass and a corrupted one fail."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from data_checks.gate import Suite, gate
from data_checks.weekly_activity import INPUT, OUTPUT

GOOD: dict[str, pd.DataFrame] = {
    INPUT.name: pd.DataFrame(
        {
            "inbox_id": [1, 2, 3, 4, 5],
            "person_id": [7, 8, 7, 9, 0],
            "week_day": [1, 1, 2, 7, 0],
            "mark": ["7:1", "8:1", "7:2", "9:7", "tap:5"],
            "reason": ["", "", "", "", "unknown_person"],
        }
    ),
    OUTPUT.name: pd.DataFrame(
        {
            "activity": ["week", "week"],
            "person_id": [7, 8],
            "current_days": [2, 0],
            "longest_days": [2, 1],
            "total_days": [4, 1],
            "points_due": [20, 5],
            "points_booked": [20, 5],
            "stock_left": [3, 3],
        }
    ),
}

# suite, row, changed values, the expectation that must fail, whether it stops the step
CORRUPTED: list[tuple[Suite, int, dict[str, Any], str, bool]] = [
    (INPUT, 1, {"inbox_id": 1}, "column_values_to_be_unique(inbox_id)", True),
    (INPUT, 2, {"mark": "7:1"}, "column_values_to_be_unique(mark)", True),
    (INPUT, 4, {"reason": "because"}, "column_values_to_be_in_set(reason)", True),
    (INPUT, 3, {"week_day": 8}, "column_values_to_be_between(week_day)", True),
    (INPUT, 1, {"person_id": 0}, "column_values_to_be_between(person_id)", True),
    (INPUT, 1, {"reason": "unknown_code"}, "column_values_to_be_in_set(reason)", False),
    (OUTPUT, 1, {"person_id": 7}, "compound_columns_to_be_unique(activity, person_id)", True),
    (OUTPUT, 0, {"total_days": 8}, "column_values_to_be_between(total_days)", True),
    (OUTPUT, 0, {"longest_days": 5}, "column_pair_values_a_to_be_greater_than_b(longest_days, total_days)", True),
    (OUTPUT, 0, {"current_days": 3}, "column_pair_values_a_to_be_greater_than_b(current_days, longest_days)", True),
    (OUTPUT, 0, {"points_booked": 25}, "column_pair_values_a_to_be_greater_than_b(points_booked, points_due)", True),
    (OUTPUT, 0, {"stock_left": -1}, "column_values_to_be_between(stock_left)", True),
    (OUTPUT, 0, {"points_booked": 15}, "column_pair_values_a_to_be_greater_than_b(points_booked, points_due)", False),
]


@pytest.mark.parametrize("suite", [INPUT, OUTPUT], ids=lambda suite: suite.name)
def test_a_good_frame_passes_everything(suite: Suite) -> None:
    """Nothing is reported about data as it should be."""
    report = gate(GOOD[suite.name], suite)

    assert [result.expectation for result in report.results if not result.passed] == []


@pytest.mark.parametrize("suite", [INPUT, OUTPUT], ids=lambda suite: suite.name)
def test_a_day_with_nothing_passes(suite: Suite) -> None:
    """A day without a challenge completes as a no-op: an empty frame is no failure."""
    assert gate(GOOD[suite.name].head(0), suite).blocking == ()


@pytest.mark.parametrize(
    ("suite", "row", "change", "expectation", "stops"), CORRUPTED, ids=lambda value: str(value)[:40]
)
def test_a_corrupted_frame_fails(suite: Suite, row: int, change: dict[str, Any], expectation: str, stops: bool) -> None:
    """Each expectation notices the one thing it is there for."""
    frame = GOOD[suite.name].copy()
    for column, value in change.items():
        frame.loc[row, column] = value

    report = gate(frame, suite)

    failures = report.blocking if stops else report.warnings
    assert expectation in [result.expectation for result in failures]
    assert all(result.could_run for result in failures)


@pytest.mark.parametrize("suite", [INPUT, OUTPUT], ids=lambda suite: suite.name)
def test_every_expectation_has_a_corrupted_fixture(suite: Suite) -> None:
    """No expectation is in the suite that nothing here can make fail."""
    listed = [(result.expectation, result.severity) for result in gate(GOOD[suite.name], suite).results]
    expected = {one for one in listed if not one[0].startswith(("table_row_count", "column_is_"))}

    assert expected == {
        (expectation, "critical" if stops else "warning") for one, _, _, expectation, stops in CORRUPTED if one is suite
    }


@pytest.mark.parametrize("suite", [INPUT, OUTPUT], ids=lambda suite: suite.name)
def test_a_missing_column_stops_the_step(suite: Suite) -> None:
    """A frame without one of the columns cannot be judged and goes no further."""
    for column in suite.columns:
        assert gate(GOOD[suite.name].drop(columns=column), suite).blocking
