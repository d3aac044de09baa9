"""
Who may leave within a week: a score card learnt from the community's own past weeks, and held against later ones.

Each sign of a member (``churn_days.SIGNS``) falls into a class, each class carries points (log odds), and their sum is
the risk: a logistic regression over classes, kept small by a ridge. Older weeks teach, the newest weeks, which the
card has not seen, judge it. Where it does no better than telling everybody the same risk, or is out of true, no risk
is shown. It is short enough for scipy; a library of learning would be one more dependency for one fit.

Sources: G. Brier, "Verification of forecasts", Monthly Weather Review 78 (1950); the area under the ROC curve as the
Mann-Whitney statistic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from importlib import import_module
from itertools import accumulate
from math import exp, log, sqrt
from typing import TYPE_CHECKING, Any, Literal

from qunflow.retention.outlook.churn_days import SIGNS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

WEEKS_HELD_OUT, FEWEST_WEEKS = 3, 3
FEWEST_LEAVERS = 30
FEWEST_LEAVERS_HELD_OUT = 10
BINS = 10
# One-sided 90 %: so sure must it be that the card does better than the base rate.
_Z_90 = 1.2816
_IN_TRUE = (2 / 3, 3 / 2)
_RIDGE = 2.0
# A risk is high from three times the usual one on, and never below one in twenty.
HIGH_TIMES, MIDDLE_TIMES, HIGH_FROM = 3.0, 1.5, 0.05
REASONS_TOLD = 2
# Points that make hardly a difference are no reason.
_FEWEST_POINTS = 0.1

Band = Literal["high", "middle", "low"]
BANDS: tuple[Band, ...] = ("high", "middle", "low")
State = Literal["shown", "not_better", "out_of_true"]
Lack = Literal["few_weeks", "few_leavers", "few_leavers_held_out"]


@dataclass(frozen=True, slots=True)
class Tally:
    """``people`` with the same ``classes`` on a past day, and how many of them had left a week later."""

    day: date
    classes: tuple[int, ...]
    people: int
    leavers: int


@dataclass(frozen=True, slots=True)
class NoRisk:
    """Why nothing could be learnt: ``found`` weeks or leavers where ``needed`` are."""

    reason: Lack
    found: int
    needed: int


@dataclass(frozen=True, slots=True)
class Card:
    """
    The points of each class of each sign, in log odds against the average member; ``usual`` is the average risk.

    ``base`` is the log odds of a member without any points.
    """

    base: float
    points: tuple[tuple[float, ...], ...]
    usual: float

    def risk(self, classes: Sequence[int]) -> float:
        """The probability to have left in a week, 0 to 1."""
        return 1 / (1 + exp(-self.base - sum(row[place] for row, place in zip(self.points, classes, strict=True))))

    def band(self, risk: float) -> Band:
        """high, middle or low, by the usual risk."""
        if risk >= max(HIGH_TIMES * self.usual, HIGH_FROM):
            return "high"
        return "middle" if risk >= MIDDLE_TIMES * self.usual else "low"


@dataclass(frozen=True, slots=True)
class Bin:
    """Members of similar risk on held-out days: the mean risk they were told, and how many really left."""

    told: float
    people: int
    leavers: int


@dataclass(frozen=True, slots=True)
class Check:
    """
    How a card did on weeks it had not seen, over ``people`` member-weeks with ``leavers``.

    Args:
        brier: mean squared error of its risks; ``brier_base`` of telling everybody the rate that really came.
        gain_low: what the card gained over that, at least (one-sided 90 %).
        auc: the chance that of a leaver and a stayer the leaver was told the higher risk.
        expected: the leavers it had told.
        bins: at most ten, by rising risk, of as equal size as equal risks allow.
    """

    people: int
    leavers: int
    brier: float
    brier_base: float
    gain_low: float
    auc: float
    expected: float
    bins: tuple[Bin, ...]

    @property
    def state(self) -> State:
        """Whether risks may be shown: better than the base rate, and as many leavers as were told."""
        if self.gain_low <= 0:
            return "not_better"
        low, high = _IN_TRUE
        return "shown" if low <= self.expected / self.leavers <= high else "out_of_true"


@dataclass(frozen=True, slots=True)
class Judged:
    """A card, learnt from all weeks, and the check of one that was learnt without the newest ``held_out`` weeks."""

    card: Card
    check: Check
    weeks: int
    held_out: int


@dataclass(frozen=True, slots=True)
class Cause:
    """A sign that raises somebody's risk, with its value: ``quiet_days`` 14."""

    sign: str
    value: int


@dataclass(frozen=True, slots=True)
class MemberRisk:
    """The risk of one member to have left in a week, and what speaks for it, the weightiest first."""

    person_id: int
    risk: float
    band: Band
    causes: tuple[Cause, ...]


@dataclass(frozen=True, slots=True)
class BandCount:
    """Members of a band today, and how many of them are expected to have left in a week."""

    band: Band
    people: int
    expected: float


@dataclass(frozen=True, slots=True)
class ChurnOutlook:
    """The members of today by band; ``bands`` is empty where no risk may be shown, and ``judged`` says why."""

    members: int
    judged: Judged | NoRisk
    bands: tuple[BandCount, ...] = ()

    @property
    def state(self) -> State | Lack:
        """Whether risks are shown, or why not."""
        return self.judged.reason if isinstance(self.judged, NoRisk) else self.judged.check.state


def outlook(found: Sequence[Tally], today: Sequence[Tally]) -> ChurnOutlook:
    """
    What is expected of today's members.

    Args:
        found: past weeks with their leavers.
        today: the members of today; their leavers are not known and not looked at.
    """
    members, past = sum(tally.people for tally in today), judged(found)
    if isinstance(past, NoRisk) or past.check.state != "shown":
        return ChurnOutlook(members, past)
    people, expected = dict.fromkeys(BANDS, 0), dict.fromkeys(BANDS, 0.0)
    for tally in today:
        risk = past.card.risk(tally.classes)
        people[past.card.band(risk)] += tally.people
        expected[past.card.band(risk)] += risk * tally.people
    return ChurnOutlook(members, past, tuple(BandCount(band, people[band], expected[band]) for band in BANDS))


def tally_of(row: Mapping[str, int]) -> Tally:
    """A row of ``churn_days.tallies``."""
    day = date(1970, 1, 1) + timedelta(days=int(row["day"]))
    classes = tuple(int(row[f"class_{sign.name}"]) for sign in SIGNS)
    return Tally(day, classes, int(row["people"]), int(row["leavers"]))


def judged(found: Sequence[Tally]) -> Judged | NoRisk:
    """Learn from past weeks and be judged by the newest of them, or say what there is too little of."""
    days = sorted({tally.day for tally in found})
    if len(days) < FEWEST_WEEKS + WEEKS_HELD_OUT:
        return NoRisk("few_weeks", len(days), FEWEST_WEEKS + WEEKS_HELD_OUT)
    older = [tally for tally in found if tally.day < days[-WEEKS_HELD_OUT]]
    newer = [tally for tally in found if tally.day >= days[-WEEKS_HELD_OUT]]
    taught, left = (sum(tally.leavers for tally in part) for part in (older, newer))
    if taught < FEWEST_LEAVERS:
        return NoRisk("few_leavers", taught, FEWEST_LEAVERS)
    if left < FEWEST_LEAVERS_HELD_OUT:
        return NoRisk("few_leavers_held_out", left, FEWEST_LEAVERS_HELD_OUT)
    return Judged(learnt(found), checked(learnt(older), newer), len(days), WEEKS_HELD_OUT)


def learnt(found: Sequence[Tally]) -> Card:
    """The card that fits best, its points kept small where few people say something."""
    import numpy as np

    # scipy has no types of its own.
    optimize, expit = import_module("scipy.optimize"), import_module("scipy.special").expit
    design = np.array([_row(tally.classes) for tally in found])
    people = np.array([float(tally.people) for tally in found])
    leavers = np.array([float(tally.leavers) for tally in found])

    def cost(weights: Numbers) -> tuple[float, Numbers]:
        odds = weights[0] + design @ weights[1:]
        wrong = float((people * np.logaddexp(0, odds) - leavers * odds).sum())
        slope = people * expit(odds) - leavers
        ridge = np.concatenate([[0.0], _RIDGE * weights[1:]])
        return wrong + float(ridge @ weights) / 2, np.concatenate([[slope.sum()], slope @ design]) + ridge

    usual = leavers.sum() / people.sum()
    start = np.concatenate([[log(usual / (1 - usual))], np.zeros(design.shape[1])])
    best = optimize.minimize(cost, start, jac=True, method="L-BFGS-B", options={"maxiter": 500})
    return _card([float(value) for value in best.x], design, people, float(usual))


def checked(card: Card, newer: Sequence[Tally]) -> Check:
    """Hold a card against weeks it has not seen."""
    risks = [card.risk(tally.classes) for tally in newer]
    people, leavers = (sum(getattr(tally, name) for tally in newer) for name in ("people", "leavers"))
    rate = leavers / people
    gains = [
        (part, (rate - left) ** 2 - (risk - left) ** 2)
        for tally, risk in zip(newer, risks, strict=True)
        for left, part in ((1, tally.leavers), (0, tally.people - tally.leavers))
    ]
    gain = sum(part * value for part, value in gains) / people
    variance = sum(part * (value - gain) ** 2 for part, value in gains) / people
    base = rate * (1 - rate)
    return Check(
        people=people,
        leavers=leavers,
        brier=base - gain,
        brier_base=base,
        gain_low=gain - _Z_90 * sqrt(variance / people),
        auc=_auc(risks, newer),
        expected=sum(risk * tally.people for risk, tally in zip(risks, newer, strict=True)),
        bins=_bins(risks, newer),
    )


def member_risk(card: Card, row: Mapping[str, int]) -> MemberRisk:
    """The risk of a row of ``churn_days.member_days``, with the signs that raise it most."""
    classes = [int(row[f"class_{sign.name}"]) for sign in SIGNS]
    risk = card.risk(classes)
    weighed = sorted(
        ((points[place], sign.name) for sign, points, place in zip(SIGNS, card.points, classes, strict=True)),
        reverse=True,
    )
    causes = tuple(Cause(name, int(row[name])) for points, name in weighed[:REASONS_TOLD] if points >= _FEWEST_POINTS)
    return MemberRisk(int(row["person_id"]), risk, card.band(risk), causes)


def _row(classes: Sequence[int]) -> list[float]:
    """One 1 for each sign, at its class."""
    return [
        float(place == number) for sign, place in zip(SIGNS, classes, strict=True) for number in range(sign.classes)
    ]


def _card(weights: Sequence[float], design: Numbers, people: Numbers, usual: float) -> Card:
    """Points against the average member, so that what is above 0 speaks for leaving."""
    shares = (people @ design) / people.sum()
    base, points = weights[0], []
    for start, sign in zip(accumulate((sign.classes for sign in SIGNS), initial=1), SIGNS, strict=False):
        row = weights[start : start + sign.classes]
        middle = sum(value * float(shares[start - 1 + place]) for place, value in enumerate(row))
        base += middle
        points.append(tuple(value - middle for value in row))
    return Card(base, tuple(points), usual)


def _auc(risks: Sequence[float], newer: Sequence[Tally]) -> float:
    """Pairs of a leaver and a stayer in which the leaver had the higher risk; equal risks count half."""
    at: dict[float, tuple[int, int]] = {}
    for risk, tally in zip(risks, newer, strict=True):
        left, stayed = at.get(risk, (0, 0))
        at[risk] = left + tally.leavers, stayed + tally.people - tally.leavers
    below = won = 0.0
    for _, (left, stayed) in sorted(at.items()):
        won += left * (below + stayed / 2)
        below += stayed
    return won / (below * sum(left for left, _ in at.values()))


def _bins(risks: Sequence[float], newer: Sequence[Tally]) -> tuple[Bin, ...]:
    ordered = sorted(zip(risks, newer, strict=True), key=lambda pair: pair[0])
    total, before = sum(tally.people for tally in newer), 0
    filled: dict[int, list[Any]] = {}
    for risk, tally in ordered:
        place = min(BINS - 1, int((before + tally.people / 2) * BINS / total))
        filled.setdefault(place, []).append((risk, tally))
        before += tally.people
    return tuple(_bin(filled[place]) for place in sorted(filled))


def _bin(members: Sequence[tuple[float, Tally]]) -> Bin:
    people = sum(tally.people for _, tally in members)
    told = sum(risk * tally.people for risk, tally in members) / people
    return Bin(told, people, sum(tally.leavers for _, tally in members))
