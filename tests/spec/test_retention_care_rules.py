"""The rules of what is done about retention, case by case."""

from __future__ import annotations

import pytest

from tests.spec.retention_care_rules import RULES, Case

CASES = [pytest.param(case, id=f"{rule.name}: {case.given}") for rule in RULES for case in rule.cases]


@pytest.mark.parametrize("case", CASES)
def test_a_rule_finds_what_its_table_says(case: Case) -> None:
    """What is given is judged as the table says."""
    assert case.found() == case.expected
