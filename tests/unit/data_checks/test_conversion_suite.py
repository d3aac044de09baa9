"""Each check of conversion lets a good frame pass and a corrupted one fail."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from data_checks.conversion import INPUT, MESSAGES, NUMBERS, OUTPUT
from data_checks.gate import Suite, gate

SUITES = (INPUT, OUTPUT, MESSAGES, NUMBERS)
GREATER = "column_pair_values_a_to_be_greater_than_b"

GOOD: dict[str, pd.DataFrame] = {
    INPUT.name: pd.DataFrame(
        {
            "inbox_id": [1, 2, 3, 4, 5],
            "kind": ["click", "click", "order", "order", "order"],
            "reason": ["", "repeat", "", "", "bad_time"],
            "amount_fen": [0, 0, 2990, 3990, 0],
            "refunded_fen": [0, 0, 0, 3990, 0],
            "days_late": [0.1, 0.1, 0.0, 2.5, None],
        }
    ),
    OUTPUT.name: pd.DataFrame(
        {
            "campaign": ["spring", "spring", "summer"],
            "person_id": [7, 8, 7],
            "score": [100, 30, 45],
            "reasons": [5, 1, 2],
            "tier": ["high", "low", "low"],
            "suppressed": [False, False, False],
            "in_group": [True, True, True],
            "share_of_members": [0.3, 0.3, 0.3],
        }
    ),
    MESSAGES.name: pd.DataFrame(
        {
            "slot_key": ["offer", "offer", "case"],
            "group_id": [1, 2, 1],
            "way": ["mass_task", "mass_task", "hand_send"],
            "has_link": [True, True, False],
            "warmed_up": [True, True, False],
            "text": ["开售了", "开售了", "看看案例"],
        }
    ),
    NUMBERS.name: pd.DataFrame(
        {
            "campaign": ["spring", "summer"],
            "responses": [12, 0],
            "warm_up_members": [100, 0],
            "reached": [100, 0],
            "clickers": [20, 0],
            "payers": [5, 0],
            "orders": [6, 0],
            "revenue_fen": [17940, 0],
            "refunds_fen": [2990, 0],
        }
    ),
}

# suite, row, changed values, the expectation that must fail, whether it stops the step
CORRUPTED: list[tuple[Suite, int, dict[str, Any], str, bool]] = [
    (INPUT, 1, {"inbox_id": 1}, "column_values_to_be_unique(inbox_id)", True),
    (INPUT, 0, {"kind": "wish"}, "column_values_to_be_in_set(kind)", True),
    (INPUT, 4, {"reason": "because"}, "column_values_to_be_in_set(reason)", True),
    (INPUT, 2, {"amount_fen": -1, "refunded_fen": -1}, "column_values_to_be_between(amount_fen)", True),
    (INPUT, 2, {"refunded_fen": 2991}, f"{GREATER}(amount_fen, refunded_fen)", True),
    (INPUT, 0, {"reason": "unknown_code"}, "column_values_to_be_in_set(reason)", False),
    (INPUT, 0, {"days_late": 31.0}, "column_values_to_be_between(days_late)", False),
    (OUTPUT, 1, {"person_id": 7}, "compound_columns_to_be_unique(campaign, person_id)", True),
    (OUTPUT, 0, {"score": 101}, "column_values_to_be_between(score)", True),
    (OUTPUT, 0, {"reasons": 0}, "column_values_to_be_between(reasons)", True),
    (OUTPUT, 0, {"tier": "whale"}, "column_values_to_be_in_set(tier)", True),
    (OUTPUT, 0, {"suppressed": True}, "column_values_to_be_in_set(suppressed)", True),
    (OUTPUT, 0, {"in_group": False}, "column_values_to_be_in_set(in_group)", True),
    (OUTPUT, 0, {"share_of_members": 0.9}, "column_max_to_be_between(share_of_members)", False),
    (MESSAGES, 1, {"group_id": 1, "way": "hand_send"}, "compound_columns_to_be_unique(group_id, slot_key)", True),
    (MESSAGES, 2, {"way": "mass_task"}, "column_values_to_be_unique(group_id)", True),
    (MESSAGES, 0, {"warmed_up": False}, "column_values_to_be_in_set(warmed_up)", True),
    (MESSAGES, 0, {"text": ""}, "column_value_lengths_to_be_between(text)", True),
    (NUMBERS, 1, {"campaign": "spring"}, "column_values_to_be_unique(campaign)", True),
    (NUMBERS, 0, {"responses": 101}, f"{GREATER}(responses, warm_up_members)", True),
    (NUMBERS, 0, {"refunds_fen": 20_000}, f"{GREATER}(refunds_fen, revenue_fen)", True),
    (NUMBERS, 0, {"payers": 7}, f"{GREATER}(orders, payers)", True),
    (NUMBERS, 0, {"reached": 4}, f"{GREATER}(payers, reached)", False),
    (NUMBERS, 0, {"reached": 19}, f"{GREATER}(clickers, reached)", False),
]


def name_of(value: object) -> str:
    return value.name if isinstance(value, Suite) else str(value)[:40]


@pytest.mark.parametrize("suite", SUITES, ids=name_of)
def test_a_good_frame_passes_everything(suite: Suite) -> None:
    """Nothing is reported about data as it should be."""
    report = gate(GOOD[suite.name], suite)

    assert [result.expectation for result in report.results if not result.passed] == []


@pytest.mark.parametrize("suite", SUITES, ids=name_of)
def test_a_day_with_nothing_passes(suite: Suite) -> None:
    """A day without orders or campaigns is no failure."""
    assert gate(GOOD[suite.name].head(0), suite).blocking == ()


@pytest.mark.parametrize(("suite", "row", "change", "expectation", "stops"), CORRUPTED, ids=name_of)
def test_a_corrupted_frame_fails(suite: Suite, row: int, change: dict[str, Any], expectation: str, stops: bool) -> None:
    """Each expectation notices the one thing it is there for."""
    frame = GOOD[suite.name].copy()
    for column, value in change.items():
        frame.loc[row, column] = value

    report = gate(frame, suite)

    failures = report.blocking if stops else report.warnings
    assert expectation in [result.expectation for result in failures]
    assert all(result.could_run for result in failures)


@pytest.mark.parametrize("suite", SUITES, ids=name_of)
def test_every_expectation_has_a_corrupted_fixture(suite: Suite) -> None:
    """No expectation is in a suite that nothing here can make fail."""
    listed = [(result.expectation, result.severity) for result in gate(GOOD[suite.name], suite).results]
    expected = {one for one in listed if not one[0].startswith(("table_row_count", "column_is_"))}

    assert expected == {
        (expectation, "critical" if stops else "warning") for one, _, _, expectation, stops in CORRUPTED if one is suite
    }


@pytest.mark.parametrize("suite", SUITES, ids=name_of)
def test_a_missing_column_stops_the_step(suite: Suite) -> None:
    """A frame without one of the columns cannot be judged and goes no further."""
    for column in suite.columns:
        assert gate(GOOD[suite.name].drop(columns=column), suite).blocking
