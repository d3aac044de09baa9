"""Every expectation on a day's content is met by good rows and broken by the fault it is there for."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from data_checks.daily_content import INPUT, OUTPUT
from data_checks.gate import gate


def messages() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "ref": ["g1/noon", "g1/morning"],
            "group": ["g1", "g1"],
            "way": ["mass_task", "hand_send"],
            "sender": ["zhou", "lin"],
            "text_bytes": [300, 200],
            "attachments": [0, 9],
            "window_s": [600.0, 0.0],
            "marketing_in_quiet_hours": [False, False],
            "tasks_of_group": [1, 1],
            "findings": [0, 0],
        }
    )


def planned() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "ref": ["g1/noon", "g1/morning"],
            "in_outbox": [True, True],
            "state": ["approved", "sent"],
            "tasks_of_group": [1, 1],
            "unsettled": [False, False],
            "refused": [False, False],
        }
    )


def put(column: str, value: object) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def corrupt(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(**{column: [value, *frame[column][1:]]})

    return corrupt


def test_good_messages_pass() -> None:
    """One mass task and a card in one group are an ordinary day."""
    assert [result.expectation for result in gate(messages(), INPUT).results if not result.passed] == []


@pytest.mark.parametrize(
    ("corrupt", "expectation", "blocks"),
    [
        (put("ref", "g1/morning"), "column_values_to_be_unique(ref)", True),
        (put("way", "pigeon"), "column_values_to_be_in_set(way)", True),
        (put("sender", ""), "column_value_lengths_to_be_between(sender)", True),
        (put("text_bytes", 0), "column_values_to_be_between(text_bytes)", True),
        (put("text_bytes", 4001), "column_values_to_be_between(text_bytes)", True),
        (put("attachments", 10), "column_values_to_be_between(attachments)", True),
        (put("window_s", -1.0), "column_values_to_be_between(window_s)", True),
        (put("marketing_in_quiet_hours", True), "column_values_to_be_in_set(marketing_in_quiet_hours)", True),
        (put("tasks_of_group", 2), "column_values_to_be_between(tasks_of_group)", True),
        (put("findings", 1), "column_values_to_be_in_set(findings)", False),
        (lambda frame: frame.assign(ref=1), "column_is_text(ref)", True),
        (lambda frame: frame.assign(sender=1), "column_is_text(sender)", True),
        (lambda frame: frame.assign(text_bytes=1.5), "column_is_whole(text_bytes)", True),
        (lambda frame: frame.assign(window_s="long"), "column_is_number(window_s)", True),
    ],
)
def test_each_fault_of_the_input_is_found(
    corrupt: Callable[[pd.DataFrame], pd.DataFrame], expectation: str, blocks: bool
) -> None:
    """A message that must not go out stops the step; copy worth a second look is shown."""
    report = gate(corrupt(messages()), INPUT)

    found = report.blocking if blocks else report.warnings
    assert expectation in [result.expectation for result in found]


def test_a_day_without_slots_passes() -> None:
    """A SOP may leave a day free."""
    assert gate(messages().head(0), INPUT).blocking == ()


def test_a_good_outbox_passes() -> None:
    """Everything planned is there, one task a group, nothing in doubt."""
    assert [result.expectation for result in gate(planned(), OUTPUT).results if not result.passed] == []


@pytest.mark.parametrize(
    ("corrupt", "expectation", "blocks"),
    [
        (put("ref", "g1/morning"), "column_values_to_be_unique(ref)", True),
        (put("in_outbox", False), "column_values_to_be_in_set(in_outbox)", True),
        (put("state", "lost"), "column_values_to_be_in_set(state)", True),
        (put("tasks_of_group", 2), "column_values_to_be_between(tasks_of_group)", True),
        (put("unsettled", True), "column_values_to_be_in_set(unsettled)", False),
        (put("refused", True), "column_values_to_be_in_set(refused)", False),
        (lambda frame: frame.assign(ref=1), "column_is_text(ref)", True),
        (lambda frame: frame.assign(state=1), "column_is_text(state)", True),
    ],
)
def test_each_fault_of_the_output_is_found(
    corrupt: Callable[[pd.DataFrame], pd.DataFrame], expectation: str, blocks: bool
) -> None:
    """A plan that did not reach the outbox stops the stage; what waits for the platform is shown."""
    report = gate(corrupt(planned()), OUTPUT)

    found = report.blocking if blocks else report.warnings
    assert expectation in [result.expectation for result in found]
