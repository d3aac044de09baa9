"""
Campaigns between the store and the rules: what a warm-up brought, where each stands, what came of it.
"""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import Connection

from qunflow.clock import day_bounds, local_day
from qunflow.conversion.campaign import PLANNED, WarmUp, judge, next_state, response_rate
from qunflow.conversion.facts import (
    CLICKS_SQL,
    ClickedOn,
    Reached,
    in_group_at,
    offer_clickers,
    people_reached,
    warm_ups,
)
from qunflow.conversion.numbers import CampaignNumbers, campaign_numbers
from qunflow.conversion.orders import Order
from qunflow.conversion.stand import Stand
from qunflow.runtime.stage import StageRun
from qunflow.store import campaigns, figures, members
from qunflow.store import orders as kept
from qunflow.store.attributing import order_of
from qunflow.store.campaigns import CampaignRow

# Refunds and late orders still change a campaign's numbers for a while after it closed.
COUNTED_FOR = timedelta(days=14)


def sync(conn: Connection, run: StageRun) -> None:
    """Make the campaigns of the workspace known to the store."""
    campaigns.sync_campaigns(
        conn,
        run.community.key,
        [
            {
                "campaign_key": one.key,
                "offer_key": one.offer,
                "warm_up_on": one.warm_up_on,
                "offer_on": one.offer_on,
                "closes_on": one.closes_on,
            }
            for one in run.community.campaigns
        ],
    )


def current_campaigns(conn: Connection, run: StageRun) -> list[CampaignRow]:
    """The campaigns that have something to do or to count today."""
    known = campaigns.campaigns_of(conn, run.community.key)
    return [one for one in known if one.warm_up_on <= run.day <= one.closes_on + COUNTED_FOR]


def step_on(conn: Connection, *, run: StageRun) -> list[Stand]:
    """Move every current campaign on by today's step; a dry run only tells where it would stand."""
    sync(conn, run)
    stands = []
    for row in current_campaigns(conn, run):
        brought = warm_ups_of(conn, run, row, run.day)
        verdict = judge(response_rate(brought), past_rates(conn, run, row))
        state = next_state(
            row.state,
            row,
            run.day,
            warmed_up=any(one.delivered for one in brought),
            decision=verdict.decision,
        )
        if state != row.state and not run.dry_run:
            campaigns.move(conn, row.campaign_id, row.state, state)
        stands.append(Stand(row.key, state, verdict, brought, row.offer_on, row.closes_on))
    return stands


def warm_ups_of(conn: Connection, run: StageRun, row: CampaignRow, as_of: date) -> tuple[WarmUp, ...]:
    """What a campaign's warm-up brought in each group up to a local day, over the people who were there to see it."""
    over = min(day_bounds(as_of, run.zone)[1], day_bounds(row.offer_on, run.zone)[0], run.now)
    there = in_group_at(members.memberships_of(conn, run.community.key), over)
    sizes = {group_id: len(people) for group_id, people in there.items()}
    return warm_ups(reached_by(conn, run, row, as_of), clicks_of(conn, run, row, as_of), sizes, row.offer_on)


def reached_by(conn: Connection, run: StageRun, row: CampaignRow, as_of: date) -> list[Reached]:
    """A campaign's messages that people could read by the end of a local day."""
    return [
        Reached(one.slot_key, one.group_id, one.local_day, one.delivered_at, one.reply_count)
        for one in campaigns.delivered_messages(conn, run.community.key)
        if one.campaign == row.key and local_day(one.delivered_at, run.zone) <= as_of
    ]


def clicks_of(conn: Connection, run: StageRun, row: CampaignRow, as_of: date) -> list[ClickedOn]:
    """Who clicked a campaign's links up to a local day."""
    since = row.warm_up_on - timedelta(days=1)
    frame = run.runtime.history.query(CLICKS_SQL, since=since, until=as_of, conn=conn, campaign=row.key, last_day=as_of)
    columns = (frame[name].tolist() for name in ("person_id", "group_id", "local_day"))
    return [ClickedOn(*row) for row in zip(*columns, strict=True)]


def past_rates(conn: Connection, run: StageRun, row: CampaignRow) -> list[float]:
    """The last known warm-up response rate of each campaign that was offered before this one."""
    earlier = {
        one.key
        for one in campaigns.campaigns_of(conn, run.community.key)
        if one.offer_on < row.offer_on and one.state != PLANNED
    }
    newest: dict[str, figures.Figure] = {}
    for one in figures.current(conn, run.community.key, run.stage, name="warmup_response_rate"):
        key = one.dimensions.get("campaign", "")
        if key in earlier and (key not in newest or newest[key].as_of < one.as_of):
            newest[key] = one
    return [float(one.value) for one in newest.values() if one.value is not None]


def numbers_of(conn: Connection, run: StageRun, row: CampaignRow, as_of: date) -> CampaignNumbers:
    """A campaign in numbers as of the end of a local day."""
    slots = kept.link_slots(conn, run.community.key, row.key)
    seats = members.memberships_of(conn, run.community.key)
    return campaign_numbers(
        warm_ups_of(conn, run, row, as_of),
        reached=len(people_reached(reached_by(conn, run, row, as_of), slots, seats)),
        clickers=offer_clickers(clicks_of(conn, run, row, as_of), row.offer_on),
        orders=orders_of(conn, run, row.key, as_of),
    )


def orders_of(conn: Connection, run: StageRun, campaign: str, as_of: date) -> list[Order]:
    """The orders of a campaign paid by the end of a local day."""
    until = day_bounds(as_of, run.zone)[1]
    return [order_of(row) for row in kept.orders_of(conn, run.community.key, campaign) if row.paid_at < until]
