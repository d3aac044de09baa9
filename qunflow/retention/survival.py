"""
How a cohort goes on dwindling: the shifted-beta-geometric curve, fitted to what has been seen and drawn on.

Everybody leaves with a chance of their own in each period, always the same one; over people these chances follow a beta
distribution. So those most likely to go are gone first, and those who are left stay longer: no straight line does that.
Source: P. Fader, B. Hardie, "How to Project Customer Retention", Journal of Interactive Marketing 21 (2007).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from math import exp, lgamma, log
from typing import Any

from qunflow.errors import BadInput

_PERIODS_SUMMED = 10_000


@dataclass(frozen=True, slots=True)
class Survival:
    """
    A fitted curve: ``alpha`` and ``beta`` shape the chances of leaving, ``log_likelihood`` is of the counts fitted to.

    survival(t) = B(alpha, beta + t) ÷ B(alpha, beta); the chance to leave in period t, being there before it, is
    alpha ÷ (alpha + beta + t − 1).
    """

    alpha: float
    beta: float
    log_likelihood: float

    def share_left(self, periods: float) -> float:
        """The share of a cohort expected to be there after so many periods, 0 to 1."""
        return exp(_log_survival(self.alpha, self.beta, periods))

    def residual_periods(self, renewals: int, discount: float = 0.0) -> float:
        """
        Discounted periods still to be expected of somebody who was there after ``renewals`` periods (DERL).

        Formula: Σ survival(t) ÷ survival(renewals) ÷ (1 + discount)^(t − renewals − 1) over t > renewals.
        """
        base, factor = _log_survival(self.alpha, self.beta, renewals), 1 / (1 + discount)
        return sum(
            exp(_log_survival(self.alpha, self.beta, renewals + 1 + later) - base) * factor**later
            for later in range(_PERIODS_SUMMED)
        )


def fitted(people: Sequence[float]) -> Survival:
    """
    Fit the curve by maximum likelihood.

    Args:
        people: how many of a cohort were there after 0, 1, 2 … periods; never more than before.

    Raises:
        BadInput: fewer than two periods, a rising curve, or nobody who left.
    """
    if len(people) < 3 or any(later > before for before, later in pairwise(people)) or people[-1] == people[0]:
        raise BadInput(
            f"no curve fits {list(people)}", "give the size of a cohort after 0, 1, 2 … periods, some of them gone"
        )
    # scipy has no types of its own.
    minimize: Any = import_module("scipy.optimize").minimize

    best = minimize(
        lambda point: -_log_likelihood(exp(point[0]), exp(point[1]), people),
        x0=(0.0, 0.0),
        method="Nelder-Mead",
        options={"xatol": 1e-9, "fatol": 1e-9, "maxiter": 5_000},
    )
    alpha, beta = (exp(float(value)) for value in best.x)
    return Survival(alpha, beta, -float(best.fun))


def _log_likelihood(alpha: float, beta: float, people: Sequence[float]) -> float:
    total = people[-1] * _log_survival(alpha, beta, len(people) - 1)
    for period, (before, later) in enumerate(pairwise(people), start=1):
        leaving = log(alpha) - log(alpha + beta + period - 1)
        total += (before - later) * (_log_survival(alpha, beta, period - 1) + leaving)
    return total


def _log_survival(alpha: float, beta: float, periods: float) -> float:
    return lgamma(beta + periods) - lgamma(beta) + lgamma(alpha + beta) - lgamma(alpha + beta + periods)
