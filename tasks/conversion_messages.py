"""
What a campaign says today: its slots as messages, with links and coupons, into warmed-up groups only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pandas as pd
from sqlalchemy import Connection

from data_checks.conversion import MESSAGES
from qunflow.clock import day_bounds
from qunflow.community.offers import yuan
from qunflow.conversion.facts import offer_clickers
from qunflow.conversion.stand import Stand, clicked_not_bought, copy_names, may_say
from qunflow.delivery.links import short_link
from qunflow.delivery.model import Planned
from qunflow.runtime.stage import StageRun
from qunflow.settings.workspace import Offer
from qunflow.store import campaigns, people
from qunflow.store.attributing import coupon_key
from qunflow.store.campaigns import CampaignRow
from qunflow.store.coupons import CouponOrder, issue
from tasks import delivery
from tasks.conversion_campaigns import clicks_of, current_campaigns, orders_of

# Copy that says how many are sold is only true for a while.
FIGURES_HOLD_FOR = timedelta(hours=2)


def compose(
    conn: Connection, *, run: StageRun, stands: Sequence[Stand], slots: Sequence[delivery.GroupSlot]
) -> list[Planned]:
    """Today's messages of every campaign that may say something; what lacks a variable is left out."""
    by_key = {stand.campaign: stand for stand in stands}
    rows = {row.key: row for row in current_campaigns(conn, run)}
    planned: dict[tuple[object, ...], Planned] = {}
    for place in slots:
        campaign = place[2].campaign
        stand = by_key.get(campaign.key) if campaign else None
        if stand is not None and _is_due(stand, place):
            for one in _messages(conn, run, rows[stand.campaign], stand, place):
                # Somebody who is in two groups is asked once.
                planned.setdefault(one.place, one)
    return list(planned.values())


def frame_of(planned: Sequence[Planned], stands: Sequence[Stand]) -> pd.DataFrame:
    """The messages that go into groups as rows of the check before anything is queued."""
    ready = {(stand.campaign, group_id) for stand in stands for group_id in stand.ready_groups}
    rows = [
        {
            "slot_key": one.slot_key,
            "group_id": one.target_ref,
            "way": one.way,
            "has_link": "://" in one.content.text,
            "warmed_up": (one.campaign, one.target_ref) in ready,
            "text": one.content.text,
        }
        for one in planned
        if one.target_kind == "chat"
    ]
    return pd.DataFrame(rows, columns=list(MESSAGES.columns))


def _is_due(stand: Stand, place: delivery.GroupSlot) -> bool:
    _, group_id, occurrence = place
    countdown = occurrence.slot.days.countdown or 0
    return may_say(stand, days_to_offer=countdown, way=occurrence.slot.way, group_id=group_id)


def _messages(
    conn: Connection, run: StageRun, row: CampaignRow, stand: Stand, place: delivery.GroupSlot
) -> list[Planned]:
    slot, offer = place[2].slot, run.community.offer(row.offer_key)
    live = dict(_sold(conn, run, row, offer, place))
    if slot.link:
        live |= {"link": _link(conn, run, row, offer, place), **_coupon(conn, run, row, offer, place[1])}
    text = delivery.wording(run, place, live, _template(run, slot.template, stand, coupon="coupon_code" in live))
    if not text:
        return []
    one = delivery.message(run, place, text)
    return _to_clickers(conn, run, row, one) if one.way == "private_task" else [one]


def _template(run: StageRun, name: str, stand: Stand, *, coupon: bool) -> str:
    """The first of the slot's templates that exists: with other words, with a coupon, or as it is."""
    known = set(run.runtime.templates.names())
    return next((one for one in copy_names(name, reworded=stand.reworded, coupon=coupon) if one in known), name)


def _link(conn: Connection, run: StageRun, row: CampaignRow, offer: Offer, place: delivery.GroupSlot) -> str:
    """The short link of a slot in a group; a dry run makes none and shows where it would stand."""
    here, (_, group_id, occurrence) = run.runtime, place
    base = f"{here.environment.web_url.rstrip('/')}/s/"
    if run.dry_run:
        return base + here.language.text("conversion.code_to_come")
    slot_key = occurrence.name
    return base + short_link(
        conn,
        f"{run.community.key}/{slot_key}/{group_id}",
        offer.url,
        community=run.community.key,
        campaign=row.key,
        slot_key=slot_key,
        group_id=group_id,
        at=run.now,
        expires_at=day_bounds(row.closes_on, run.zone)[1],
        hosts=here.workspace.redirect_hosts,
    )


def _coupon(conn: Connection, run: StageRun, row: CampaignRow, offer: Offer, group_id: int) -> dict[str, Any]:
    """The group's coupon code of a campaign, for the copy that shows one."""
    if not offer.coupon:
        return {}
    amount = yuan(run.community.coupon(offer.coupon).amount_fen)
    if run.dry_run:
        return {"coupon": amount, "coupon_code": run.runtime.language.text("conversion.code_to_come")}
    key = coupon_key(run.community.key, row.key, group_id)
    wanted = CouponOrder(key, offer.coupon, run.community.key, None, day_bounds(row.closes_on, run.zone)[1])
    return {"coupon": amount, "coupon_code": issue(conn, [wanted], run.now)[key]}


def _sold(
    conn: Connection, run: StageRun, row: CampaignRow, offer: Offer, place: delivery.GroupSlot
) -> Mapping[str, Any]:
    """Pieces sold and left, only shortly before they are said: an old number would be a false one."""
    due_at = delivery.message(run, place, "").due_at
    if "sold" not in place[2].slot.variables or run.now < due_at - FIGURES_HOLD_FOR:
        return {}
    sold = sum(1 for one in orders_of(conn, run, row.key, run.day) if one.refunded_fen < one.amount_fen)
    return {"sold": sold, "left": max(offer.stock - sold, 0)}


def _to_clickers(conn: Connection, run: StageRun, row: CampaignRow, one: Planned) -> list[Planned]:
    """The same words to everybody who clicked and did not buy, in the name of who has them as a contact."""
    clickers = offer_clickers(clicks_of(conn, run, row, run.day), row.offer_on)
    payers = {order.person_id for order in orders_of(conn, run, row.key, run.day) if order.person_id}
    wanted = clicked_not_bought(clickers, payers, campaigns.not_to_be_sold_to(conn))
    friends = {contact.person_id: contact.userid for contact in people.contacts_of(conn, run.community.key)}
    return [
        replace(one, target_kind="person", target_ref=person, sender_userid=friends[person])
        for person in wanted
        if person in friends
    ]
