"""
Curves that fit the losses about as well as the best one: parameters drawn in proportion to their likelihood.

Importance sampling with a proposal that is adapted round by round, while the likelihood counts for more and more: of a
large community it is so narrow that no wide proposal would hit it. A weak prior only closes the ridges along which the
parameters run off to infinity; it leaves people who are all alike as possible as people who differ much.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qunflow.retention.outlook.survival import LOG_BOUNDS, PARAMETERS, Losses, Model, Survival, point_of

if TYPE_CHECKING:
    import numpy as np

    from qunflow.retention.outlook.survival import Numbers

# Of a point: centre and standard deviation.
_PRIOR = ((1.0, 2.5), (-4.0, 4.0), (0.0, 0.6))
_TRIED = 2_000
# A round takes in as much of the likelihood as leaves so many of the points with a say.
_CARRIED = 200
_MOST_ROUNDS = 60
# Tails heavier than the likelihood's, so that no weight runs away.
_FREEDOM = 5


def drawn_points(
    losses: Losses, model: Model, curve: Survival, spread: float, count: int, chance: np.random.Generator
) -> Numbers:
    """
    Draw ``count`` points (log parameters, a row each).

    Args:
        curve: the best fit, where the search begins.
        spread: by how much the counts weigh less than independent people would.
    """
    import numpy as np

    size = PARAMETERS[model]
    centres, widths = (np.array(column)[:size] for column in zip(*_PRIOR, strict=True))
    middle, scatter = np.clip(point_of(curve, model), centres - 2 * widths, centres + 2 * widths), np.diag(widths**2)
    part = 0.0
    for _ in range(_MOST_ROUNDS):
        tried = _inside(_proposed(middle, scatter, chance))
        likely = np.nan_to_num(losses.log_likelihood(tried) / spread, nan=-1e300, neginf=-1e300)
        prior = -0.5 * (((tried - centres) / widths) ** 2).sum(axis=1)
        rest = prior - _log_density(tried, middle, scatter)
        settled, part = part == 1.0, _part(likely, rest, part)
        weights = _weights(part * likely + rest)
        middle, scatter = _moments(tried, weights, scatter)
        if settled:
            break
    picked: Numbers = tried[chance.choice(len(tried), size=count, p=weights)]
    return picked


def _part(likely: Numbers, rest: Numbers, before: float) -> float:
    """As much of the likelihood as can count, at least as much as before, 0 to 1."""
    low, high = before, 1.0
    if _carried(_weights(likely + rest)) >= _CARRIED:
        return high
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if _carried(_weights(middle * likely + rest)) >= _CARRIED else (low, middle)
    return low


def _carried(weights: Numbers) -> float:
    """How many points of equal weight these are worth."""
    return float(1 / (weights**2).sum())


def _proposed(middle: Numbers, scatter: Numbers, chance: np.random.Generator) -> Numbers:
    import numpy as np

    normal = chance.standard_normal((_TRIED, len(middle))) @ np.linalg.cholesky(scatter).T
    far: Numbers = middle + normal / np.sqrt(chance.chisquare(_FREEDOM, (_TRIED, 1)) / _FREEDOM)
    return far


def _inside(points: Numbers) -> Numbers:
    import numpy as np

    low, high = (np.array(bound)[: points.shape[1]] for bound in zip(*LOG_BOUNDS, strict=True))
    within: Numbers = points[np.all((points >= low) & (points <= high), axis=1)]
    return within


def _log_density(points: Numbers, middle: Numbers, scatter: Numbers) -> Numbers:
    """Of the proposal (multivariate t), up to a constant."""
    import numpy as np

    away = np.linalg.solve(np.linalg.cholesky(scatter), (points - middle).T)
    density: Numbers = -0.5 * (_FREEDOM + len(middle)) * np.log1p((away**2).sum(axis=0) / _FREEDOM)
    return density


def _weights(logarithms: Numbers) -> Numbers:
    import numpy as np

    weights = np.exp(logarithms - logarithms.max())
    shares: Numbers = weights / weights.sum()
    return shares


def _moments(points: Numbers, weights: Numbers, before: Numbers) -> tuple[Numbers, Numbers]:
    """Centre and scatter of weighted points; a scatter that few points carry is kept wide."""
    import numpy as np

    middle = weights @ points
    away = points - middle
    scatter = (away * weights[:, None]).T @ away
    if _carried(weights) < _CARRIED / 4:
        scatter = scatter + before / 4
    return middle, scatter + np.eye(len(middle)) * 1e-9
