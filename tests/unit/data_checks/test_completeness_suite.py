"""The day's grade blocks only where the settings say so, and pushes of another shape are told."""

from __future__ import annotations

import pandas as pd
import pytest

from data_checks.acquisition import DRIFT, completeness
from data_checks.gate import gate


def grades(whole: str, group: str = "A", *, differs: bool = False) -> pd.DataFrame:
    return pd.DataFrame(
        {"scope": ["community", "g1"], "grade": [whole, group], "differs": [False, differs]},
    )


@pytest.mark.parametrize(
    ("stops", "whole", "blocks"),
    [
        ("never", "D", False),
        ("D", "D", True),
        ("D", "C", False),
        ("C", "C", True),
        ("C", "B", False),
        ("B", "B", True),
        ("B", "A", False),
    ],
)
def test_the_community_blocks_from_the_grade_of_the_settings(stops: str, whole: str, blocks: bool) -> None:
    """A grade as bad as the setting, or worse, stops the stage; one group alone never does."""
    report = gate(grades(whole, "D"), completeness(stops))

    assert bool(report.blocking) == blocks


def test_sources_that_differ_warn() -> None:
    """A D for want of agreement is a warning; a missing source is told by the grade alone."""
    agreeing, differing = (gate(grades("D", "D", differs=differs), completeness("never")) for differs in (False, True))

    assert all(result.passed for result in agreeing.results)
    assert [result.severity for result in differing.results if not result.passed] == ["warning"]


def test_pushes_of_another_shape_warn() -> None:
    """One unreadable callback in a day is a warning that names its source; none is none."""
    quiet, drifted = (
        gate(pd.DataFrame({"source": ["form", "wecom"], "unreadable": [0, count]}), DRIFT) for count in (0, 3)
    )

    assert all(result.passed for result in quiet.results)
    (failed,) = [result for result in drifted.results if not result.passed]
    assert (failed.severity, failed.sample_ids) == ("warning", ("wecom",))
