"""
意向名单: who is likely to buy, by five conditions anybody can check, each a sentence with a number.

No person is listed without a reason, and nobody who opted out or has an open service case is listed at all.
Leaves the sentences to the language catalogue and storing the list to the tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from qunflow.conversion.features import Features

HIGH, LOW = "high", "low"


@dataclass(frozen=True, slots=True)
class Reason:
    """A condition somebody meets: its catalogue key and the numbers of the sentence; money is in fen."""

    condition: str
    count: int
    amount_fen: int = 0


@dataclass(frozen=True, slots=True)
class Buyer:
    """Somebody on the list: ``score`` 1 to 100, the conditions met, and the tier: high or low spender."""

    person_id: int
    score: int
    reasons: tuple[Reason, ...]
    tier: str


@dataclass(frozen=True, slots=True)
class Condition:
    """One of the five: what it is called, what it is worth when met, and the reason it gives (None = not met)."""

    name: str
    points: int
    reason: Callable[[Features], Reason | None]


def _at_least(name: str, field: str, least: int) -> Callable[[Features], Reason | None]:
    def reason(features: Features) -> Reason | None:
        count: int = getattr(features, field)
        return Reason(name, count) if count >= least else None

    return reason


def _bought(features: Features) -> Reason | None:
    return Reason("bought", features.orders, features.amount_fen) if features.orders else None


def _took_part(features: Features) -> Reason | None:
    times = features.checkins + features.replies
    return Reason("took_part", times) if times >= 2 else None


def _seen_lately(features: Features) -> Reason | None:
    return Reason("seen_lately", features.recency_days) if features.recency_days <= 7 else None


# Weights are defaults to start from, bought before clicked before took part; they add up to 100.
CONDITIONS: tuple[Condition, ...] = (
    Condition("bought", 30, _bought),
    Condition("clicked", 25, _at_least("clicked", "clicks", 1)),
    Condition("took_part", 20, _took_part),
    Condition("active", 15, _at_least("active", "active_days", 3)),
    Condition("seen_lately", 10, _seen_lately),
)


def score(features: Features) -> tuple[int, tuple[Reason, ...]]:
    """Points of the conditions met, 0 to 100, and their reasons, the weightiest first."""
    met = [(condition.points, reason) for condition in CONDITIONS if (reason := condition.reason(features))]
    return sum(points for points, _ in met), tuple(reason for _, reason in met)


def tier(features: Features, high_spender_fen: int) -> str:
    """High spender when the window's orders come to ``high_spender_fen`` or more, otherwise low."""
    return HIGH if features.amount_fen >= high_spender_fen else LOW


def list_buyers(
    people: Iterable[Features],
    *,
    members: Collection[int],
    suppressed: Collection[int],
    least_score: int,
    high_spender_fen: int,
) -> tuple[Buyer, ...]:
    """
    The list of likely buyers, best first.

    Args:
        people: features of anybody in the history.
        members: persons who are in a group of the community now; others are left out.
        suppressed: persons who opted out or have an open service case; never listed.
        least_score: fewer points than this are not listed, at least 1.
        high_spender_fen: spending in the window from which somebody counts as a high spender.
    """
    reachable = set(members) - set(suppressed)
    listed = [_buyer(one, high_spender_fen) for one in people if one.person_id in reachable]
    wanted = [buyer for buyer in listed if buyer.reasons and buyer.score >= max(least_score, 1)]
    return tuple(sorted(wanted, key=lambda buyer: (-buyer.score, buyer.person_id)))


def _buyer(features: Features, high_spender_fen: int) -> Buyer:
    points, reasons = score(features)
    return Buyer(features.person_id, points, reasons, tier(features, high_spender_fen))
