"""Stable lots and intervals."""

from __future__ import annotations

import pytest

from qunflow.experiments.shares import difference_interval, is_held_out, stable_lot, wilson_interval


def test_a_unit_keeps_its_lot() -> None:
    """The same unit and salt give the same lot in every process and every release."""
    assert [round(stable_lot("week", unit), 6) for unit in (1, 2, 3)] == [0.269464, 0.968491, 0.822729]


def test_another_salt_is_another_lot() -> None:
    """Lots drawn for two things do not order people the same way."""
    by_first = sorted(range(50), key=lambda unit: stable_lot("first", unit))
    by_second = sorted(range(50), key=lambda unit: stable_lot("second", unit))

    assert by_first != by_second


def test_a_share_is_held_out_in_about_its_size() -> None:
    """A tenth of many units is about a tenth, nobody at 0 and everybody at 1."""
    held = sum(is_held_out("spring", unit, 0.1) for unit in range(5000))

    assert 420 < held < 580
    assert not any(is_held_out("spring", unit, 0.0) for unit in range(100))
    assert all(is_held_out("spring", unit, 1.0) for unit in range(100))


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (1, 600, 0.0003, 0.0094)],
)
def test_interval_of_a_known_share(hits: int, total: int, low: float, high: float) -> None:
    """The interval agrees with the published values of Wilson's formula."""
    interval = wilson_interval(hits, total)

    assert interval == pytest.approx((low, high), abs=5e-5)


def test_nobody_counted_is_no_interval() -> None:
    """Without a denominator there is nothing to say, not a zero."""
    assert wilson_interval(0, 0) is None


def test_more_hits_than_people_is_refused() -> None:
    """A numerator above its denominator is a mistake of the caller, never a rate over 1."""
    with pytest.raises(ValueError, match="11 hits of 10"):
        wilson_interval(11, 10)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [((48, 80), (56, 70), (0.0524, 0.3339)), ((3, 10), (9, 10), (0.1705, 0.8090))],
)
def test_the_interval_of_a_difference_is_newcombe_s(
    first: tuple[int, int], second: tuple[int, int], expected: tuple[float, float]
) -> None:
    """Two rows of table II of the 1998 paper, method 10, to the printed digits."""
    found = difference_interval(first, second)
    assert found is not None
    assert tuple(round(end, 4) for end in found) == expected


def test_a_difference_from_nobody_is_not_known() -> None:
    """Where a group counts nobody there is no range."""
    assert difference_interval((0, 0), (1, 2)) is None
