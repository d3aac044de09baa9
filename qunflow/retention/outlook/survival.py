"""
How a cohort goes on dwindling: two curves, fitted by maximum likelihood to what has been seen and drawn on.

Everybody leaves with a chance of their own in each period; over people these chances follow a beta distribution. So
those most likely to go are gone first, and those who are left stay longer: no straight line does that. In the
shifted-beta-geometric curve (sBG) the chance of one person is always the same; in the beta-discrete-Weibull curve
(BdW) it rises or falls with the time one has been there. Which of the two to believe is decided in ``forecast``.

Sources: P. Fader, B. Hardie, "How to Project Customer Retention", Journal of Interactive Marketing 21 (2007);
P. Fader, B. Hardie, Y. Liu, J. Davin, T. Steenburgh, "How to Project Customer Retention Revisited", ibid. 43 (2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from math import exp, inf, lgamma
from typing import TYPE_CHECKING, Any, Literal

from qunflow.errors import BadInput

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

Model = Literal["sbg", "bdw"]
MODELS: tuple[Model, ...] = ("sbg", "bdw")
PARAMETERS: dict[Model, int] = {"sbg": 2, "bdw": 3}

# Of a point: log alpha, log (alpha ÷ beta), log shape. A large alpha means that everybody is alike, the ratio how fast
# people go; beyond these bounds the curve hardly changes.
LOG_BOUNDS = ((-6.0, 7.0), (-14.0, 6.0), (-2.5, 1.5))
_BEGINNING = (0.0, -2.0, 0.0)


@dataclass(frozen=True, slots=True)
class Survival:
    """
    A fitted curve: ``alpha`` and ``beta`` shape the chances of leaving, ``log_likelihood`` is of the counts fitted to.

    survival(t) = B(alpha, beta + t^shape) ÷ B(alpha, beta). With ``shape`` 1 that is the sBG, where the chance to leave
    in period t, being there before it, is alpha ÷ (alpha + beta + t − 1); above 1 leaving gets likelier with time.
    """

    alpha: float
    beta: float
    log_likelihood: float
    shape: float = 1.0

    def share_left(self, periods: float) -> float:
        """The share of a cohort expected to be there after so many periods, 0 to 1."""
        return exp(_log_survival(self.alpha, self.beta, periods**self.shape))


@dataclass(frozen=True, slots=True)
class Course:
    """
    What was seen of one cohort: how many of ``size`` people were there after ``periods``, later ones last.

    Only what has come due is in it, so cohorts of different age have courses of different length.
    """

    size: float
    periods: tuple[float, ...]
    people: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Losses:
    """
    Courses added up: ``count`` people went after ``since`` and not later than ``until``, in periods.

    Who is still there when a course ends went later than its last period (until = infinity): censored, not left out.
    """

    since: Numbers
    until: Numbers
    count: Numbers

    def log_likelihood(self, points: Numbers) -> Numbers:
        """Of each row of ``points`` (log alpha, log (alpha ÷ beta) and, for the BdW, log shape)."""
        import numpy as np

        there, later = log_shares(points, self.since), log_shares(points, self.until)
        with np.errstate(divide="ignore"):
            gone = there + np.log(-np.expm1(np.minimum(later - there, 0.0)))
        total: Numbers = (self.count * gone).sum(axis=1)
        return total


def fitted(people: Sequence[float], model: Model = "sbg") -> Survival:
    """
    Fit one curve to one cohort.

    Args:
        people: how many of a cohort were there after 0, 1, 2 … periods; never more than before.

    Raises:
        BadInput: fewer than two periods (three for the BdW), a rising curve, or nobody who left.
    """
    short = len(people) <= PARAMETERS[model]
    if short or any(later > before for before, later in pairwise(people)) or people[-1] == people[0]:
        raise BadInput(
            f"no curve fits {list(people)}", "give the size of a cohort after 0, 1, 2 … periods, some of them gone"
        )
    periods = tuple(float(period) for period in range(1, len(people)))
    return best_fit(losses_of([Course(people[0], periods, tuple(people[1:]))]), model)


def losses_of(courses: Sequence[Course]) -> Losses:
    """The losses of courses that never rise."""
    import numpy as np

    counts: dict[tuple[float, float], float] = {}
    for course in courses:
        steps = pairwise(zip((0.0, *course.periods, inf), (course.size, *course.people, 0.0), strict=True))
        for (since, before), (until, after) in steps:
            counts[since, until] = counts.get((since, until), 0.0) + before - after
    rows = np.array([(*bounds, count) for bounds, count in counts.items() if count > 0], dtype="float64").reshape(-1, 3)
    return Losses(rows[:, 0], rows[:, 1], rows[:, 2])


def best_fit(losses: Losses, model: Model) -> Survival:
    """The curve of a model with the highest likelihood."""
    import numpy as np

    # scipy has no types of its own.
    minimize: Any = import_module("scipy.optimize").minimize

    best = minimize(
        lambda point: -float(losses.log_likelihood(point[None, :])[0]),
        x0=np.array(_BEGINNING[: PARAMETERS[model]]),
        method="Nelder-Mead",
        bounds=LOG_BOUNDS[: PARAMETERS[model]],
        options={"xatol": 1e-6, "fatol": 1e-7, "maxiter": 5_000, "maxfev": 5_000},
    )
    alpha, ratio, *shape = (exp(float(value)) for value in best.x)
    return Survival(alpha, alpha / ratio, -float(best.fun), *shape)


def point_of(curve: Survival, model: Model) -> Numbers:
    """The curve as a row of ``Losses.log_likelihood``."""
    import numpy as np

    point: Numbers = np.log(np.array((curve.alpha, curve.alpha / curve.beta, curve.shape)[: PARAMETERS[model]]))
    return point


def log_shares(points: Numbers, periods: Numbers) -> Numbers:
    """The logarithm of the share that is left: a row a point, a column a period; −infinity after infinitely many."""
    import numpy as np

    betaln: Any = import_module("scipy.special").betaln
    alpha, beta = np.exp(points[:, 0:1]), np.exp(points[:, 0:1] - points[:, 1:2])
    shape = np.exp(points[:, 2:3]) if points.shape[1] > 2 else 1.0
    finite = np.isfinite(periods)
    spent = np.where(finite, periods, 1.0) ** shape
    left: Numbers = np.where(finite, betaln(alpha, beta + spent) - betaln(alpha, beta), -inf)
    return left


def _log_survival(alpha: float, beta: float, periods: float) -> float:
    return lgamma(beta + periods) - lgamma(beta) + lgamma(alpha + beta) - lgamma(alpha + beta + periods)
