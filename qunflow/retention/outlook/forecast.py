"""
How many will still be there on days nobody has reached: the survival curve drawn on, with the range it may lie in.

The cohorts of the last months are pooled, each as far as its days are over; a cell that has not come due is never
used. Both curves of ``survival`` are fitted, the one with the lower AIC is named, and the range is made of both:
parameters are drawn in proportion to their likelihood (importance sampling under a weak prior), from each curve by
its Akaike weight, and the lots of the people are drawn on top. Where cohorts differ by more than chance, counts weigh
less by that much. The draws come from a seed, so the same cells give the same figures. With too little to go by there
is no forecast but a reason.

Sources: K. Burnham, D. Anderson, "Model Selection and Multimodel Inference" (2002), for AIC weights and the variance
inflation factor.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from qunflow.retention.cells import Cell
from qunflow.retention.outlook.survival import (
    MODELS,
    PARAMETERS,
    Course,
    Model,
    Survival,
    best_fit,
    log_shares,
    losses_of,
)
from qunflow.retention.outlook.survival_draws import drawn_points

if TYPE_CHECKING:
    import numpy as np

    from qunflow.retention.outlook.survival import Numbers

FEWEST_PEOPLE, FEWEST_LEAVERS, FEWEST_DAYS = 50, 10, 3
# Farther than this many times the oldest day seen, any curve is a guess.
FARTHEST = 3
LEVEL = 0.80
_DRAWS = 800

Reason = Literal["few_people", "few_leavers", "few_days"]


@dataclass(frozen=True, slots=True)
class TooLittle:
    """Why there is no forecast: ``found`` people, leavers or days where ``needed`` are."""

    reason: Reason
    found: int
    needed: int


@dataclass(frozen=True, slots=True)
class Fit:
    """One curve with its ``aic`` (2 × parameters − 2 × log-likelihood ÷ spread) and its Akaike ``weight``, 0 to 1."""

    model: Model
    curve: Survival
    aic: float
    weight: float


@dataclass(frozen=True, slots=True)
class Reached:
    """A day that has come due for pooled cohorts of ``size`` people together, and how many of them were there."""

    day: int
    people: float
    size: float

    @property
    def share(self) -> float:
        """people ÷ size."""
        return self.people / self.size


@dataclass(frozen=True, slots=True)
class Ahead:
    """The share of the pooled people expected to be there on ``day``, and the range for the forecast's level."""

    day: int
    share: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """
    What is expected of the people of the pooled cohorts.

    Args:
        fits: both curves, the better one first.
        people, cohorts: how many were pooled.
        through: the oldest day any of them has reached.
        spread: the variance of the cells over what chance alone would give, at least 1.
        level: the probability with which the share of a day will lie in its range.
        reached: the days that have come due, each over the cohorts that have reached it.
        ahead: the days asked for that lie ahead for some of them and not too far ahead.
    """

    fits: tuple[Fit, ...]
    people: int
    cohorts: int
    through: int
    spread: float
    level: float
    reached: tuple[Reached, ...]
    ahead: tuple[Ahead, ...]


def courses_of(cells: Iterable[Cell]) -> list[Course]:
    """
    The courses of cohorts by their stay cells, as far as they have come due; cohorts without any are left out.

    Who comes back makes a count rise; such neighbours are evened out (isotonic regression), as no curve rises.
    """
    isotonic: Any = import_module("scipy.optimize").isotonic_regression
    by_cohort: dict[str, list[Cell]] = {}
    for cell in cells:
        if cell.people is not None:
            by_cohort.setdefault(cell.cohort, []).append(cell)
    courses = []
    for due in by_cohort.values():
        row = sorted(due, key=lambda cell: cell.day)
        even = isotonic([float(row[0].size), *(float(cell.people or 0) for cell in row)], increasing=False).x
        courses.append(Course(row[0].size, tuple(float(c.day) for c in row), tuple(float(n) for n in even[1:])))
    return courses


def forecast(
    courses: Sequence[Course], days: Sequence[int], *, seed: int, level: float = LEVEL
) -> Forecast | TooLittle:
    """
    The share of all people of the courses to be there on each of ``days`` that is still ahead for some of them.

    Args:
        courses: in days; see ``courses_of``.
        seed: of the draws the ranges are made of.
        level: how often the range shall hold, 0 to 1.
    """
    import numpy as np

    if (missing := _missing(courses)) is not None:
        return missing
    losses = losses_of(courses)
    curves = {model: best_fit(losses, model) for model in MODELS}
    spread = _spread(courses, curves["bdw"])
    fits = _weighed(curves, spread)
    chance = np.random.default_rng(seed)
    draws = [
        drawn_points(losses, fit.model, fit.curve, spread, round(_DRAWS * fit.weight), chance)
        for fit in fits
        if round(_DRAWS * fit.weight)
    ]
    through = int(max(course.periods[-1] for course in courses))
    asked = [day for day in sorted(set(days)) if _is_ahead(day, courses) and day <= FARTHEST * through]
    return Forecast(
        fits=fits,
        people=round(sum(course.size for course in courses)),
        cohorts=len(courses),
        through=through,
        spread=spread,
        level=level,
        reached=tuple(_reached(courses)),
        ahead=tuple(_ahead(day, courses, draws, spread, level, chance) for day in asked),
    )


def _missing(courses: Sequence[Course]) -> TooLittle | None:
    """What there is too little of; the BdW needs three days, the sBG two."""
    people = round(sum(course.size for course in courses))
    leavers = round(sum(course.size - course.people[-1] for course in courses))
    days = len({period for course in courses for period in course.periods})
    found: tuple[tuple[Reason, int, int], ...] = (
        ("few_people", people, FEWEST_PEOPLE),
        ("few_days", days, FEWEST_DAYS),
        ("few_leavers", leavers, FEWEST_LEAVERS),
    )
    return next((TooLittle(reason, has, needed) for reason, has, needed in found if has < needed), None)


def _reached(courses: Sequence[Course]) -> Iterator[Reached]:
    for day in sorted({period for course in courses for period in course.periods}):
        there = [(dict(_steps(course))[day], course.size) for course in courses if day in course.periods]
        yield Reached(int(day), sum(people for people, _ in there), sum(size for _, size in there))


def _is_ahead(day: int, courses: Sequence[Course]) -> bool:
    return any(course.periods[-1] < day for course in courses)


def _weighed(curves: dict[Model, Survival], spread: float) -> tuple[Fit, ...]:
    from math import exp

    aic = {model: 2 * PARAMETERS[model] - 2 * curve.log_likelihood / spread for model, curve in curves.items()}
    best = min(aic.values())
    odds = {model: exp((best - value) / 2) for model, value in aic.items()}
    fits = [Fit(model, curves[model], aic[model], odds[model] / sum(odds.values())) for model in curves]
    return tuple(sorted(fits, key=lambda fit: fit.aic))


def _spread(courses: Sequence[Course], curve: Survival) -> float:
    """Pearson's χ² of each cohort's steps ÷ its degrees of freedom, at least 1."""
    parts = []
    for course in courses:
        for (since, before), (until, after) in pairwise(_steps(course)):
            stays = curve.share_left(until) / max(curve.share_left(since), 1e-300)
            variance = before * stays * (1 - stays)
            # χ² says nothing about steps in which hardly anybody is expected to go.
            if variance >= 1:
                parts.append((after - before * stays) ** 2 / variance)
    free = len(parts) - PARAMETERS["bdw"]
    return max(1.0, sum(parts) / free) if free > 0 else 1.0


def _ahead(
    day: int,
    courses: Sequence[Course],
    draws: Sequence[Numbers],
    spread: float,
    level: float,
    chance: np.random.Generator,
) -> Ahead:
    import numpy as np

    people = np.concatenate([_people_on(day, courses, points, spread, chance) for points in draws])
    shares = people / sum(course.size for course in courses)
    tail = (1 - level) / 2
    low, middle, high = (float(value) for value in np.quantile(shares, (tail, 0.5, 1 - tail)))
    return Ahead(day, middle, low, high)


def _people_on(
    day: int, courses: Sequence[Course], points: Numbers, spread: float, chance: np.random.Generator
) -> Numbers:
    """For each drawn curve a drawn number of people on a day, over all courses."""
    import numpy as np

    total = np.zeros(len(points))
    for course in courses:
        since, there = [step for step in _steps(course) if step[0] <= day][-1]
        if since == day or there < 1:
            total += there
            continue
        both = log_shares(points, np.array([since, float(day)]))
        lots = max(1, round(there / spread))
        total += chance.binomial(lots, np.exp(both[:, 1] - both[:, 0])) * (there / lots)
    return total


def _steps(course: Course) -> list[tuple[float, float]]:
    """Periods and the people there after them, from the start on."""
    return list(zip((0.0, *course.periods), (course.size, *course.people), strict=True))
