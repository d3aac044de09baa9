"""
Campaigns, where each of them stands, and who was listed as a likely buyer.

The dates come from the workspace file and may be moved there until the offer was shown; the state moves only forward
and only from the state the caller saw.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, delete, select, update

from qunflow.store.rows import insert_ignore, upsert
from qunflow.store.tables import buyers, campaigns, groups, memberships, suppressions, targets

MOVABLE = ("planned", "warmed_up")


@dataclass(frozen=True, slots=True)
class CampaignRow:
    """One campaign: what it sells, its three local days, and where it stands."""

    campaign_id: int
    community: str
    campaign_key: str
    offer_key: str
    warm_up_on: date
    offer_on: date
    closes_on: date
    state: str

    @property
    def key(self) -> str:
        """Its slug in the workspace file."""
        return self.campaign_key


@dataclass(frozen=True, slots=True)
class BuyerRow:
    """A likely buyer: score 1 to 100, reasons in words, tier by spending."""

    person_id: int
    score: int
    reasons: tuple[str, ...]
    tier: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """A message of a campaign that reached a group: when, and how many people answered 1 (None = nobody counted)."""

    campaign: str
    slot_key: str
    local_day: date
    group_id: int
    delivered_at: datetime
    reply_count: int | None


def sync_campaigns(conn: Connection, community: str, planned: Sequence[Mapping[str, object]]) -> int:
    """
    Make the campaigns of the workspace file known; new dates count as long as nothing was offered.

    Args:
        planned: campaign_key, offer_key, warm_up_on, offer_on, closes_on of each.

    Returns:
        How many are new.
    """
    rows = [{"community": community, "state": "planned", **one} for one in planned]
    new = insert_ignore(conn, campaigns, rows)
    for one in planned:
        known = (campaigns.c.community == community) & (campaigns.c.campaign_key == one["campaign_key"])
        dates = {name: one[name] for name in ("offer_key", "warm_up_on", "offer_on", "closes_on")}
        conn.execute(update(campaigns).where(known, campaigns.c.state.in_(MOVABLE)).values(dates))
    return new


def campaigns_of(conn: Connection, community: str) -> list[CampaignRow]:
    """Every campaign of a community, by the day of its offer."""
    query = select(*(campaigns.c[name] for name in CampaignRow.__slots__)).where(campaigns.c.community == community)
    return [CampaignRow(*row) for row in conn.execute(query.order_by(campaigns.c.offer_on, campaigns.c.campaign_key))]


def move(conn: Connection, campaign_id: int, old: str, new: str) -> bool:
    """Move a campaign on; False when it does not stand at ``old`` any more."""
    stands = update(campaigns).where(campaigns.c.campaign_id == campaign_id, campaigns.c.state == old)
    return conn.execute(stands.values(state=new)).rowcount == 1


def list_buyers(conn: Connection, campaign_id: int, listed: Sequence[BuyerRow], on: date) -> int:
    """Replace the list of likely buyers of a campaign; returns how many are on it."""
    wanted = {row.person_id for row in listed}
    known = set(conn.execute(select(buyers.c.person_id).where(buyers.c.campaign_id == campaign_id)).scalars())
    for person_id in known - wanted:
        conn.execute(delete(buyers).where(buyers.c.campaign_id == campaign_id, buyers.c.person_id == person_id))
    rows = [
        {
            "campaign_id": campaign_id,
            "person_id": row.person_id,
            "score": row.score,
            "reasons": list(row.reasons),
            "tier": row.tier,
            "listed_on": on,
        }
        for row in listed
    ]
    upsert(conn, buyers, rows, key=("campaign_id", "person_id"))
    return len(rows)


def buyers_of(conn: Connection, campaign_id: int) -> list[BuyerRow]:
    """The list of likely buyers, best first."""
    query = select(buyers.c.person_id, buyers.c.score, buyers.c.reasons, buyers.c.tier)
    query = query.where(buyers.c.campaign_id == campaign_id).order_by(buyers.c.score.desc(), buyers.c.person_id)
    return [BuyerRow(row.person_id, row.score, tuple(row.reasons), row.tier) for row in conn.execute(query)]


def delivered_messages(conn: Connection, community: str) -> list[Delivered]:
    """What campaigns really brought into groups, oldest first."""
    query = select(
        targets.c.campaign,
        targets.c.slot_key,
        targets.c.local_day,
        targets.c.target_ref,
        targets.c.outcome_at,
        targets.c.reply_count,
    ).where(
        targets.c.community == community,
        targets.c.stage == "conversion",
        targets.c.campaign != "",
        targets.c.target_kind == "chat",
        targets.c.outcome == "delivered",
        targets.c.outcome_at.is_not(None),
    )
    return [Delivered(*row) for row in conn.execute(query.order_by(targets.c.outcome_at, targets.c.target_id))]


def members_by_group(conn: Connection, community: str) -> dict[int, set[int]]:
    """Persons in each open group of a community now."""
    query = (
        select(memberships.c.group_id, memberships.c.person_id)
        .join(groups, groups.c.group_id == memberships.c.group_id)
        .where(groups.c.community == community, groups.c.dissolved_at.is_(None), memberships.c.left_at.is_(None))
    )
    found: dict[int, set[int]] = {}
    for group_id, person_id in conn.execute(query):
        found.setdefault(group_id, set()).add(person_id)
    return found


def not_to_be_sold_to(conn: Connection) -> set[int]:
    """Persons who opted out or have an open service case."""
    query = select(suppressions.c.person_id).where(suppressions.c.kind.in_(("opt_out", "support_case")))
    return set(conn.execute(query).scalars())
