"""
Which thing a community pushes on a day, and money as people write it.
"""

from __future__ import annotations

from datetime import date

from qunflow.settings.workspace import Community, Offer


def offer_of_day(community: Community, day: date) -> Offer | None:
    """
    The offer a local day is about: that of a campaign from its offer to its close, else the next one in turn.

    During the warm-up the campaign's own offer is held back, so that nothing is sold before it is warmed up.
    """
    selling = [c for c in community.campaigns if c.offer_on <= day <= c.closes_on]
    if selling:
        return community.offer(selling[0].offer)
    held_back = {c.offer for c in community.campaigns if c.warm_up_on <= day < c.offer_on}
    free = [offer for offer in community.offers if offer.key not in held_back] or list(community.offers)
    return free[day.toordinal() % len(free)] if free else None


def yuan(fen: int) -> str:
    """An amount in fen as yuan without needless zeros: 2990 is "29.9", 300 is "3"."""
    return f"{fen / 100:.2f}".rstrip("0").rstrip(".")
