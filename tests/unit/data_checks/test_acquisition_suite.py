"""Every expectation on acquisition's data is met by good rows and broken by the fault it is there for."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from data_checks.acquisition import INPUT, OUTPUT
from data_checks.gate import gate


def rows() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "row_id": ["a#1", "a#2", "a#3", "a#4"],
            "verdict": ["lead", "duplicate", "lead", "bad_phone"],
            "lead_key": ["a/1", "a/2", "a/3", None],
            "contactable": [True, True, True, None],
            "channel_known": [True, True, True, None],
            "age_s": [60.0, 3600.0, 0.0, None],
        }
    )


def groups() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "group": ["g1", "g2"],
            "members": [12, 0],
            "listed": [12, 0],
            "expected_members": [12, 0],
            "left_without_join": [0, 0],
            "invited_members": [0, 0],
        }
    )


def put(column: str, value: object, row: int = 0) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def corrupt(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(**{column: [value if at == row else old for at, old in enumerate(frame[column])]})

    return corrupt


def test_good_rows_pass() -> None:
    """Leads, duplicates and set-aside rows together are ordinary input."""
    report = gate(rows(), INPUT)

    assert [result.expectation for result in report.results if not result.passed] == []


@pytest.mark.parametrize(
    ("corrupt", "expectation", "blocks"),
    [
        (put("row_id", "a#2"), "column_values_to_be_unique(row_id)", True),
        (put("verdict", "odd"), "column_values_to_be_in_set(verdict)", True),
        (put("lead_key", "a/2"), "column_values_to_be_unique(lead_key)", True),
        (put("contactable", False), "column_values_to_be_in_set(contactable)", True),
        (put("age_s", -90_000.0), "column_values_to_be_between(age_s)", True),
        (lambda frame: frame.assign(verdict="bad_phone"), "column_values_to_be_in_set(verdict)", False),
        (put("channel_known", False), "column_values_to_be_in_set(channel_known)", False),
        (lambda frame: frame.drop(columns="row_id"), "column_is_text(row_id)", True),
        (lambda frame: frame.assign(verdict=1), "column_is_text(verdict)", True),
        (lambda frame: frame.assign(age_s="soon"), "column_is_number(age_s)", True),
    ],
)
def test_each_fault_of_the_input_is_found(
    corrupt: Callable[[pd.DataFrame], pd.DataFrame], expectation: str, blocks: bool
) -> None:
    """A corrupted batch fails exactly where it is corrupted; only what must not go on blocks."""
    report = gate(corrupt(rows()), INPUT)

    found = report.blocking if blocks else report.warnings
    assert expectation in [result.expectation for result in found]


def test_a_day_without_leads_passes() -> None:
    """Nobody filled in a form: nothing to judge, nothing to stop."""
    assert gate(rows().head(0), INPUT).blocking == ()


def test_good_groups_pass() -> None:
    """Rosters that agree with the books pass, also of an empty group."""
    assert [result.expectation for result in gate(groups(), OUTPUT).results if not result.passed] == []


@pytest.mark.parametrize(
    ("corrupt", "expectation", "blocks"),
    [
        (put("group", "g2"), "column_values_to_be_unique(group)", True),
        (put("listed", 13), "column_pair_values_to_be_equal(listed, members)", True),
        (put("expected_members", 11), "column_pair_values_to_be_equal(expected_members, members)", True),
        (put("left_without_join", 1), "column_values_to_be_in_set(left_without_join)", False),
        (put("invited_members", 1), "column_values_to_be_in_set(invited_members)", True),
        (put("listed", 501), "column_values_to_be_between(listed)", False),
        (lambda frame: frame.head(0), "table_row_count_to_be_between()", True),
        (lambda frame: frame.assign(members="many"), "column_is_whole(members)", True),
        (lambda frame: frame.assign(listed=1.5), "column_is_whole(listed)", True),
        (lambda frame: frame.assign(expected_members=None), "column_is_whole(expected_members)", True),
        (lambda frame: frame.assign(group=1), "column_is_text(group)", True),
    ],
)
def test_each_fault_of_the_output_is_found(
    corrupt: Callable[[pd.DataFrame], pd.DataFrame], expectation: str, blocks: bool
) -> None:
    """A roster that does not add up stops the stage; what is merely odd is shown."""
    report = gate(corrupt(groups()), OUTPUT)

    found = report.blocking if blocks else report.warnings
    assert expectation in [result.expectation for result in found]
