"""Leaves after pushes: counted, expected from the weeks before, judged exactly, corrected for looking often."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from qunflow.retention.care.push_windows import (
    Push,
    PushWindow,
    Rate,
    apart,
    chance_of,
    corrected_for_many,
    expected_leaves,
    windows_after,
)

EIGHT = datetime(2026, 3, 5, 12, 0, tzinfo=UTC)
LATER = EIGHT + timedelta(days=9)


def hours(*after: float) -> list[datetime]:
    return [EIGHT + timedelta(hours=each) for each in after]


def test_the_24_hours_after_a_push_are_counted() -> None:
    """Before it, at its instant and from 24 hours on is outside."""
    leaves = hours(-1, 0, 0.5, 23.9, 24, 30)

    [window] = windows_after(1, [Push("noon", EIGHT)], leaves, 100, Rate(28, 2_800), LATER)

    assert window.leaves == 2
    assert window.expected is not None
    assert window.expected.leaves == pytest.approx(1.0)


def test_a_window_that_is_not_over_is_left_out() -> None:
    """Half a window would look calm."""
    assert windows_after(1, [Push("noon", EIGHT)], [], 100, Rate(28, 2_800), EIGHT + timedelta(hours=23)) == ()


def test_few_data_make_the_expectation_wide() -> None:
    """The same rate from a tenth of the days has a wider interval; from no day there is none."""
    little, much = expected_leaves(Rate(3, 300), 100), expected_leaves(Rate(30, 3_000), 100)

    assert little is not None
    assert much is not None
    assert little.leaves == pytest.approx(much.leaves)
    assert little.low < much.low < much.high < little.high
    assert expected_leaves(Rate(0, 0), 100) is None


def test_the_tail_is_the_binomial_one() -> None:
    """Nine leaves at one to expect from 28 equal days: Σ C(37, i) (1/29)^i (28/29)^(37−i) over i ≥ 9."""
    from math import comb

    by_hand = sum(comb(37, i) * (1 / 29) ** i * (28 / 29) ** (37 - i) for i in range(9, 38))

    assert chance_of(9, 100, Rate(28, 2_800)) == pytest.approx(by_hand, rel=1e-9)
    assert (chance_of(0, 100, Rate(28, 2_800)), chance_of(5, 100, Rate(0, 0))) == (1.0, 1.0)


def test_looking_at_many_pushes_is_paid_for() -> None:
    """Holm by hand: of 0.01, 0.02 and 0.5 come 0.03, 0.04 and 0.5; never less than the one before, never over 1."""
    found = corrected_for_many([_window(0.5, 0), _window(0.01, 1), _window(0.02, 2)])

    assert [one.corrected for one in found] == pytest.approx([0.03, 0.04, 0.5])
    assert [one.corrected for one in corrected_for_many([_window(0.9, 0), _window(0.8, 1)])] == [1.0, 1.0]


def test_of_overlapping_windows_the_most_unusual_is_put_forward() -> None:
    """Ten pushes of a day share their leavers: one of them is told, and one of another day, and another group's."""
    day = [_window(0.02, 0), _window(0.01, 5), _window(0.03, 40)]

    kept = apart([*day, _window(0.04, 5, group=2)])

    assert [(one.group_id, one.chance) for one in kept] == [(1, 0.01), (1, 0.03), (2, 0.04)]


def test_an_ordinary_month_is_not_blamed_on_a_push() -> None:
    """In 200 calm groups with 20 pushes each, under one in twenty gets any push with a corrected chance under 5 %."""
    dice = random.Random(11)
    blamed = 0
    for group in range(200):
        before = sum(dice.random() < 0.01 for _ in range(28 * 100))
        leaves = sorted(EIGHT + timedelta(days=dice.random() * 8) for _ in range(8 * 100) if dice.random() < 0.01)
        pushes = [Push(str(nth), EIGHT + timedelta(hours=8 * nth)) for nth in range(20)]
        windows = windows_after(group, pushes, leaves, 100, Rate(before, 2_800), LATER)
        blamed += corrected_for_many(windows)[0].corrected < 0.05

    assert blamed / 200 < 0.05


def _window(chance: float, after_h: float, group: int = 1) -> PushWindow:
    push = Push(f"s{after_h}", EIGHT + timedelta(hours=after_h))
    return PushWindow(group, push, 3, None, chance, chance)
