"""The rules of what is told of the days ahead, case by case."""

from __future__ import annotations

import pytest

from tests.spec.retention_care_rules import Case
from tests.spec.retention_outlook_rules import RULES

CASES = [pytest.param(case, id=f"{rule.name}: {case.given}") for rule in RULES for case in rule.cases]


@pytest.mark.parametrize("case", CASES)
def test_what_is_told_is_what_the_table_says(case: Case) -> None:
    """What is given is judged as the table says."""
    assert case.found() == case.expected
