"""
Where each campaign stands today, and which of its messages that allows.

Leaves the hours and words to the playbook and the templates.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from qunflow.conversion.campaign import CLOSED, HELD, OFFERED, PLANNED, REWORD, WARMED_UP, Verdict, WarmUp


@dataclass(frozen=True, slots=True)
class Stand:
    """One campaign on one day: its state after today's step, what its warm-up brought, and the verdict on it."""

    campaign: str
    state: str
    verdict: Verdict
    warm_ups: tuple[WarmUp, ...]
    offer_on: date
    closes_on: date

    @property
    def ready_groups(self) -> frozenset[int]:
        """Groups in which a warm-up was really delivered."""
        return frozenset(one.group_id for one in self.warm_ups if one.delivered)

    @property
    def reworded(self) -> bool:
        """Whether the offer takes its other words."""
        return self.verdict.decision == REWORD


def may_say(stand: Stand, *, days_to_offer: int, way: str, group_id: int) -> bool:
    """
    Whether a slot of a campaign may be said in a group today.

    Args:
        stand: where the campaign stands.
        days_to_offer: the slot's countdown, negative before the offer.
        way: how the slot goes out; ``internal`` ones only reach staff.
        group_id: the group it would be said in.
    """
    if days_to_offer < 0:
        return stand.state in (PLANNED, WARMED_UP)
    if way == "internal":
        return stand.state in (OFFERED, CLOSED, HELD)
    return stand.state == OFFERED and group_id in stand.ready_groups


def clicked_not_bought(
    clickers: Collection[int], payers: Collection[int], suppressed: Collection[int]
) -> tuple[int, ...]:
    """The people to ask once what kept them: they clicked, did not buy, and do not mind being asked."""
    return tuple(sorted(set(clickers) - set(payers) - set(suppressed)))


def copy_names(template: str, *, reworded: bool, coupon: bool) -> tuple[str, ...]:
    """
    The names under which a slot's copy may lie, the fittest first: ``offer_reword_coupon.j2`` … ``offer.j2``.

    Other words after a weak warm-up end in ``_reword``, words that show a coupon code in ``_coupon``.
    """
    stem = template.removesuffix(".j2")
    endings = [("_reword" if reworded else "") + ("_coupon" if coupon else "")]
    endings += ["_reword"] if reworded and coupon else []
    endings += ["_coupon"] if reworded and coupon else []
    return tuple(f"{stem}{ending}.j2" for ending in [*endings, ""])
