"""Cohorts side by side: a direction is told only where luck alone hardly brings it about."""

from __future__ import annotations

import random

import pytest

from qunflow.retention.comparing import Reached, differences

WEEKS = ("2026-06-29", "2026-07-06")


@pytest.mark.parametrize(
    ("earlier", "later", "verdict"),
    [
        ((180, 200), (120, 200), "lower"),
        ((120, 200), (180, 200), "higher"),
        ((86, 100), (80, 100), "maybe_lower"),
        ((80, 100), (86, 100), "maybe_higher"),
        ((86, 100), (86, 100), "same"),
        ((9, 10), (6, 10), "few"),
        # So far apart that even few people settle it.
        ((20, 20), (2, 20), "lower"),
    ],
)
def test_the_verdict_of_two_cohorts(earlier: tuple[int, int], later: tuple[int, int], verdict: str) -> None:
    """Six points among a hundred people each may be luck; thirty among two hundred are not."""
    (found,) = differences([Reached(WEEKS[0], 7, *earlier), Reached(WEEKS[1], 7, *later)], WEEKS)

    assert found.verdict == verdict
    assert found.low <= found.share <= found.high


def test_each_cohort_is_held_against_the_one_before_on_days_both_have_reached() -> None:
    """A day only one has reached, and an empty cohort, give no difference."""
    cells = [
        Reached("a", 1, 9, 10),
        Reached("a", 7, 8, 10),
        Reached("b", 1, 7, 10),
        Reached("c", 1, 6, 10),
        Reached("d", 1, 0, 0),
    ]

    found = differences(cells, ("a", "b", "c", "d"))

    assert [(one.earlier.cohort, one.later.cohort, one.later.day) for one in found] == [("a", "b", 1), ("b", "c", 1)]


def test_who_looks_often_is_seldom_fooled() -> None:
    """Cohorts that are all alike: at most about one table in twenty shows any difference, of five hundred drawn."""
    chance, fooled = random.Random(11), 0
    names = [str(number) for number in range(6)]
    for _ in range(500):
        cells = [Reached(name, 7, sum(chance.random() < 0.8 for _ in range(60)), 60) for name in names]
        fooled += any(one.verdict in ("lower", "higher") for one in differences(cells, names))

    assert fooled / 500 <= 0.07
