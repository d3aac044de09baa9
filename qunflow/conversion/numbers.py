"""
A campaign in numbers: responses, people reached, clickers, payers, money in fen; every rate over its denominator.

Refunds stand beside the revenue, never taken off it. What is not due yet is None. Leaves storing to the tasks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from qunflow.conversion.campaign import WarmUp, response_rate
from qunflow.conversion.orders import Order


@dataclass(frozen=True, slots=True)
class CampaignNumbers:
    """
    One campaign as of a day: people are counted once, money in fen.

    ``reached`` is the members of the groups to which the offer was really delivered; 0 before.
    """

    responses: int
    warm_up_members: int
    warm_up_rate: float | None
    reached: int
    clickers: int
    payers: int
    orders: int
    revenue_fen: int
    refunds_fen: int

    @property
    def click_rate(self) -> float | None:
        """Clickers ÷ people reached."""
        return self.clickers / self.reached if self.reached else None

    @property
    def conversion_rate(self) -> float | None:
        """Payers ÷ people reached; refunds are not taken off."""
        return self.payers / self.reached if self.reached else None

    @property
    def average_order_fen(self) -> int | None:
        """Revenue ÷ paid orders, in whole fen, half rounded up."""
        return (2 * self.revenue_fen + self.orders) // (2 * self.orders) if self.orders else None


def campaign_numbers(
    warm_ups: Collection[WarmUp], *, reached: int, clickers: Collection[int], orders: Iterable[Order]
) -> CampaignNumbers:
    """
    Count a campaign.

    Args:
        warm_ups: what the warm-up brought, a row a group.
        reached: members of the groups to which the offer was delivered, each person once.
        clickers: persons who clicked the offer's links.
        orders: orders attributed to the campaign; one whose buyer is unknown counts as a payer of its own.
    """
    bought = list(orders)
    warmed = [one for one in warm_ups if one.delivered]
    return CampaignNumbers(
        responses=sum(one.responses for one in warmed),
        warm_up_members=sum(one.members for one in warmed),
        warm_up_rate=response_rate(warmed),
        reached=reached,
        clickers=len(set(clickers)),
        payers=len({order.person_id or f"order {order.number}" for order in bought}),
        orders=len(bought),
        revenue_fen=sum(order.amount_fen for order in bought),
        refunds_fen=sum(order.refunded_fen for order in bought),
    )
