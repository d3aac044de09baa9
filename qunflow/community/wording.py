"""
What a template may say about a slot: the variables that settings alone can fill.

Links, stock left, orders and check-ins come from the stages, which add them; a slot whose variables are not all
there is not sent (缺一个就不发).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time, timedelta

from qunflow.community.offers import offer_of_day, yuan
from qunflow.community.playbook import Slot
from qunflow.settings.workspace import Campaign, Community, Group, Offer

Plain = str | int | float | bool | None | list["Plain"] | dict[str, "Plain"]

_WEEKDAY_NAMES = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")

# A flash sale closes two hours after it opens, so that people plan and nobody waits.
_SALE_HOURS = 2


def slot_variables(
    brand: str, community: Community, group: Group, slot: Slot, day: date, campaign: Campaign | None = None
) -> dict[str, Plain]:
    """
    The variables of a slot that the workspace can fill, only those the slot declares.

    Args:
        day: the local day of the slot.
        campaign: the campaign a conversion slot belongs to.
    """
    offer = community.offer(campaign.offer) if campaign else offer_of_day(community, day)
    known: dict[str, Plain] = {
        **community_variables(brand, community),
        **_offer_variables(community, offer),
        **_day_variables(community, group, slot, day),
    }
    if campaign:
        known["closes"] = f"{_WEEKDAY_NAMES[campaign.closes_on.weekday()]} 20:50"
    return {name: value for name, value in known.items() if name in slot.variables}


def community_variables(brand: str, community: Community) -> dict[str, Plain]:
    """What is true of a community on any day; for welcomes and re-invitations too."""
    welcome = community.acquisition.welcome_coupon
    known: dict[str, Plain] = {
        "brand": brand,
        "community": community.name,
        "helper": community.helper_name,
        "positioning": community.positioning,
        "rules": list(community.rules),
        "points": community.weekly_activity.points_per_checkin,
        "ceremony_time": "20:00",
    }
    prizes = [award for award in community.weekly_activity.awards if award.prize]
    if prizes:
        known["prize"], known["prize_days"] = prizes[-1].prize, prizes[-1].streak_days
    if welcome:
        known["coupon"] = yuan(community.coupon(welcome).amount_fen)
    return known


def missing_variables(slot: Slot, variables: Mapping[str, object]) -> tuple[str, ...]:
    """The variables a slot declares and nobody filled; an empty text counts as not filled."""
    return tuple(name for name in slot.variables if variables.get(name) in (None, ""))


def _offer_variables(community: Community, offer: Offer | None) -> dict[str, Plain]:
    if offer is None:
        return {}
    known: dict[str, Plain] = {
        "item": offer.name,
        "price": yuan(offer.price_fen),
        "old_price": yuan(offer.old_price_fen),
        "stock": offer.stock,
    }
    if offer.coupon:
        known["coupon"] = yuan(community.coupon(offer.coupon).amount_fen)
    return known


def _day_variables(community: Community, group: Group, slot: Slot, day: date) -> dict[str, Plain]:
    following = offer_of_day(community, day + timedelta(days=1))
    known: dict[str, Plain] = {
        "group": group.name,
        "day": (day - group.opened_on).days,
        "weekday": _WEEKDAY_NAMES[day.weekday()],
        "deadline": f"今天 {_after(slot.at, _SALE_HOURS)}",
    }
    if following:
        known["tomorrow"] = {"item": following.name, "price": yuan(following.price_fen)}
    return known


def _after(at: time, hours: int) -> str:
    return f"{min(at.hour + hours, 20):02d}:{at.minute if at.hour + hours <= 20 else 50:02d}"
