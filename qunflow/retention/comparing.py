"""
Cohorts side by side: how far one lies from the one before it, and whether luck alone brings that about.

A cohort is always different people from another one, so two rates may be compared as two separate groups. Whoever
looks at many differences meets a large one by luck; the range of each is widened by how many are looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist
from typing import Literal

from qunflow.experiments.shares import difference_interval

# Two rates of fewer people than these are not worth a second look, whatever lies between them.
FEW = 30
Verdict = Literal["same", "lower", "higher", "few", "maybe_lower", "maybe_higher"]


@dataclass(frozen=True, slots=True)
class Reached:
    """``people`` of a cohort of ``size`` on its ``day``-th day; only cells that have come due."""

    cohort: str
    day: int
    people: int
    size: int


@dataclass(frozen=True, slots=True)
class Difference:
    """
    A later cohort against the one before it, on one day.

    Args:
        low, high: where the difference plausibly lies, widened by how many differences are looked at.
    """

    earlier: Reached
    later: Reached
    low: float
    high: float

    @property
    def share(self) -> float:
        """Rate of the later less that of the earlier, −1 to 1."""
        return self.later.people / self.later.size - self.earlier.people / self.earlier.size

    @property
    def verdict(self) -> Verdict:
        """What may be said of it: a direction only where luck alone hardly brings it about."""
        if self.low > 0:
            return "higher"
        if self.high < 0:
            return "lower"
        if abs(self.share) < 0.005:
            return "same"
        if min(self.earlier.size, self.later.size) < FEW:
            return "few"
        return "maybe_higher" if self.share > 0 else "maybe_lower"


def differences(cells: Sequence[Reached], cohorts: Sequence[str]) -> tuple[Difference, ...]:
    """
    Each cohort against the one before it in ``cohorts``, on every day both have reached, by pair and day.

    With n differences each range holds at 1 − 5 % ÷ n (Bonferroni), so all of them hold together at 95 %.
    """
    known = {(cell.cohort, cell.day): cell for cell in cells if cell.size}
    days = sorted({cell.day for cell in cells})
    pairs = [
        (known[earlier, day], known[later, day])
        for earlier, later in pairwise(cohorts)
        for day in days
        if (earlier, day) in known and (later, day) in known
    ]
    z = NormalDist().inv_cdf(1 - 0.025 / len(pairs)) if pairs else 0.0
    return tuple(_difference(earlier, later, z) for earlier, later in pairs)


def extremes(cells: Sequence[Reached]) -> Difference | None:
    """
    The highest against the lowest of several parts with enough people, None with fewer than two such.

    Whoever picks the two ends of n parts has looked at n(n − 1) ÷ 2 differences; the range is widened by that.
    """
    many = sorted((cell for cell in cells if cell.size >= FEW), key=lambda cell: (cell.people / cell.size, cell.cohort))
    if len(many) < 2:
        return None
    pairs = len(many) * (len(many) - 1) // 2
    return _difference(many[0], many[-1], NormalDist().inv_cdf(1 - 0.025 / pairs))


def _difference(earlier: Reached, later: Reached, z: float) -> Difference:
    found = difference_interval((earlier.people, earlier.size), (later.people, later.size), z)
    low, high = found or (-1.0, 1.0)
    return Difference(earlier, later, low, high)
