"""The risk to leave within a week: learnt from older weeks, judged by newer ones, shown only where it holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from math import exp
from typing import Any

import numpy as np
import pytest

from qunflow.retention.outlook.churn import (
    Bin,
    Card,
    Cause,
    Check,
    Judged,
    NoRisk,
    Tally,
    checked,
    judged,
    learnt,
    member_risk,
)
from qunflow.retention.outlook.churn_days import SIGNS

FIRST = date(2026, 1, 4)
FLAT = tuple((0.0,) * sign.classes for sign in SIGNS)
# Quiet people go, active people stay; the other signs say nothing.
TELLING = tuple(
    tuple({"quiet_days": 0.7, "active_days": -0.5}.get(sign.name, 0.0) * place for place in range(sign.classes))
    for sign in SIGNS
)


def weeks(
    points: tuple[tuple[float, ...], ...], base: float, *, seed: int, count: int = 12, people: int = 800
) -> list[Tally]:
    """Weeks of people with random classes who leave by the given points."""
    chance = np.random.default_rng(seed)
    found: dict[tuple[date, tuple[int, ...]], list[int]] = {}
    for week in range(count):
        for _ in range(people):
            classes = tuple(int(chance.integers(sign.classes)) for sign in SIGNS)
            risk = 1 / (1 + exp(-base - sum(row[place] for row, place in zip(points, classes, strict=True))))
            cell = found.setdefault((FIRST + timedelta(days=7 * week), classes), [0, 0])
            cell[0] += 1
            cell[1] += int(chance.random() < risk)
    return [Tally(day, classes, people, leavers) for (day, classes), (people, leavers) in found.items()]


@pytest.fixture(scope="module")
def telling() -> Judged:
    """Twelve weeks of a community whose quiet people leave."""
    found = judged(weeks(TELLING, -4.0, seed=1))
    assert isinstance(found, Judged)
    return found


def test_what_really_tells_is_learnt(telling: Judged) -> None:
    """Quietness raises the risk and activity lowers it by about the points that were put in; the rest stays near 0."""
    for sign, found, put_in in zip(SIGNS, telling.card.points, TELLING, strict=True):
        average = sum(put_in) / len(put_in)
        assert found == pytest.approx([points - average for points in put_in], abs=0.5), sign.name


def test_a_risk_that_holds_is_shown(telling: Judged) -> None:
    """On weeks it has not seen it beats the base rate, orders people right and tells as many leavers as come."""
    check = telling.check

    assert check.state == "shown"
    assert check.brier < check.brier_base
    assert 0 < check.gain_low < check.brier_base - check.brier
    assert check.auc > 0.75
    assert check.expected == pytest.approx(check.leavers, rel=0.2)
    assert (telling.weeks, telling.held_out, check.people) == (12, 3, 3 * 800)


def test_of_a_hundred_with_a_risk_that_many_leave(telling: Judged) -> None:
    """Ten bins by rising risk hold everybody once, and what was told lies in the 99.7 % range of what came."""
    bins = telling.check.bins

    assert len(bins) == 10
    assert [one.told for one in bins] == sorted(one.told for one in bins)
    assert sum(one.people for one in bins) == telling.check.people
    assert sum(one.leavers for one in bins) == telling.check.leavers
    for one in bins:
        due = one.told * one.people
        assert abs(one.leavers - due) <= 3 * (due * (1 - one.told)) ** 0.5 + 1, one


@pytest.mark.parametrize("seed", range(5))
def test_where_nothing_tells_no_risk_is_shown(seed: int) -> None:
    """Everybody leaves with the same chance: the card gains nothing on new weeks, and that is the finding."""
    found = judged(weeks(FLAT, -3.0, seed=seed))

    assert isinstance(found, Judged)
    assert found.check.state == "not_better"
    assert found.check.auc == pytest.approx(0.5, abs=0.08)


def test_a_card_out_of_true_is_not_shown(telling: Judged) -> None:
    """Twice as many leave as were told: however well ordered the risks are, they are not shown."""
    check = replace(telling.check, expected=telling.check.leavers / 2)

    assert check.state == "out_of_true"


def test_the_weeks_that_judge_have_not_taught() -> None:
    """Turning the newest weeks round changes the verdict and not what the judged card had learnt."""
    found = weeks(TELLING, -4.0, seed=2)
    last = max(tally.day for tally in found) - timedelta(days=14)
    turned = [replace(t, leavers=t.people - t.leavers) if t.day >= last else t for t in found]
    older = learnt([tally for tally in found if tally.day < last])

    before, after = judged(found), judged(turned)

    assert isinstance(before, Judged)
    assert isinstance(after, Judged)
    assert before.check == checked(older, [tally for tally in found if tally.day >= last])
    assert after.check == checked(older, [tally for tally in turned if tally.day >= last])
    assert after.check.state == "not_better"


def test_brier_and_auc_are_those_of_the_books() -> None:
    """Three members by hand: risks 0.8 and 0.4 left, 0.4 stayed."""
    card = replace(Card(0.0, FLAT, 0.5), points=((1.3862943611198906, -0.4054651081081644, 0, 0, 0, 0), *FLAT[1:]))
    rest = (0,) * (len(SIGNS) - 1)
    newer = [Tally(FIRST, (0, *rest), 1, 1), Tally(FIRST, (1, *rest), 2, 1)]

    found = checked(card, newer)

    assert found.brier == pytest.approx((0.2**2 + 0.6**2 + 0.4**2) / 3)
    assert found.brier_base == pytest.approx(2 / 9)
    assert found.auc == 0.75
    assert found.expected == pytest.approx(1.6)
    assert [(round(one.told, 3), one.people, one.leavers) for one in found.bins] == [(0.4, 2, 1), (0.8, 1, 1)]


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ([], NoRisk("few_weeks", 0, 6)),
        (weeks(TELLING, -4.0, seed=3, count=5), NoRisk("few_weeks", 5, 6)),
        ([replace(t, leavers=0) for t in weeks(FLAT, -3.0, seed=3, people=20)], NoRisk("few_leavers", 0, 30)),
        (
            [
                replace(t, leavers=t.people if t.day < FIRST + timedelta(days=63) else 0)
                for t in weeks(FLAT, -3.0, seed=3, people=20)
            ],
            NoRisk("few_leavers_held_out", 0, 10),
        ),
    ],
    ids=["nothing", "few weeks", "few leavers", "nobody left lately"],
)
def test_too_little_is_a_reason_not_a_risk(found: list[Tally], reason: NoRisk) -> None:
    """Without enough weeks or leavers nothing is learnt, and what is missing is told."""
    assert judged(found) == reason


def row(**values: int) -> dict[str, Any]:
    """A member with a class by each value of ``TELLING``'s world."""
    told: dict[str, Any] = {"person_id": 7}
    for sign in SIGNS:
        value = values.get(sign.name, 0)
        told |= {sign.name: value, f"class_{sign.name}": sum(value >= cut for cut in sign.cuts)}
    return told


def test_a_risk_comes_with_what_speaks_for_it(telling: Judged) -> None:
    """Thirty quiet days are the first cause, one active day the second; who was active lately and often has neither."""
    quiet = member_risk(telling.card, row(quiet_days=30, active_days=1))
    lively = member_risk(telling.card, row(active_days=20))

    assert (quiet.person_id, quiet.causes) == (7, (Cause("quiet_days", 30), Cause("active_days", 1)))
    assert {"quiet_days", "active_days"}.isdisjoint(cause.sign for cause in lively.causes)
    assert quiet.risk > 4 * lively.risk
    assert (quiet.band, lively.band) == ("high", "low")


def test_bands_go_by_the_usual_risk_and_never_call_a_small_one_high() -> None:
    """Three times the usual risk is high, one and a half times middle; below one in twenty nothing is high."""
    usual, rare = Card(0.0, FLAT, 0.1), Card(0.0, FLAT, 0.005)

    assert [usual.band(risk) for risk in (0.14, 0.16, 0.29, 0.31)] == ["low", "middle", "middle", "high"]
    assert [rare.band(risk) for risk in (0.02, 0.049, 0.05)] == ["middle", "middle", "high"]


def test_a_check_without_a_gain_is_not_better() -> None:
    """A gain that may be luck is no gain."""
    even = Check(100, 10, 0.09, 0.09, 0.0, 0.5, 10.0, (Bin(0.1, 100, 10),))

    assert (even.state, replace(even, gain_low=1e-6).state) == ("not_better", "shown")
