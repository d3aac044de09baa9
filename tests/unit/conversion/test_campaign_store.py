"""Campaigns, buyers and orders in the store, on both engines."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Connection, insert

from qunflow.store import campaigns, orders
from qunflow.store.campaigns import BuyerRow
from qunflow.store.engine import Store
from qunflow.store.orders import SOURCE, OrderRow
from qunflow.store.tables import contents, groups, memberships, persons, short_links, suppressions, targets

NOON = datetime(2026, 3, 7, 4, 0, tzinfo=UTC)
DATES: dict[str, Any] = {
    "campaign_key": "spring",
    "offer_key": "orange",
    "warm_up_on": date(2026, 3, 5),
    "offer_on": date(2026, 3, 7),
    "closes_on": date(2026, 3, 8),
}
ORDER = OrderRow("neighbours", SOURCE, "A1", None, None, "", 2990, NOON, 0, "", "")


def spring(conn: Connection) -> campaigns.CampaignRow:
    campaigns.sync_campaigns(conn, "neighbours", [DATES])
    return campaigns.campaigns_of(conn, "neighbours")[0]


def people(conn: Connection, count: int) -> list[int]:
    rows = [{"created_at": NOON}] * count
    return list(conn.execute(insert(persons).returning(persons.c.person_id), rows).scalars())


def group(conn: Connection, key: str = "g1") -> int:
    row = {"community": "neighbours", "group_key": key, "name": key, "kind": "benefit_group"}
    return int(conn.execute(insert(groups).returning(groups.c.group_id), row).scalar_one())


def test_dates_may_move_until_the_offer(store: Store) -> None:
    """New dates in the settings count while nothing was offered; afterwards what people were told stays."""
    with store.writing() as conn:
        row = spring(conn)
        later = {**DATES, "closes_on": date(2026, 3, 9)}
        assert campaigns.sync_campaigns(conn, "neighbours", [later]) == 0
        assert campaigns.campaigns_of(conn, "neighbours")[0].closes_on == date(2026, 3, 9)
        spring(conn)
        assert campaigns.move(conn, row.campaign_id, "planned", "offered")
        campaigns.sync_campaigns(conn, "neighbours", [later])

        assert campaigns.campaigns_of(conn, "neighbours")[0].closes_on == date(2026, 3, 8)


def test_a_campaign_moves_only_from_where_it_was_seen(store: Store) -> None:
    """Two runs that both saw "planned" cannot both move it."""
    with store.writing() as conn:
        row = spring(conn)

        assert campaigns.move(conn, row.campaign_id, "planned", "warmed_up")
        assert not campaigns.move(conn, row.campaign_id, "planned", "held")
        assert spring(conn).state == "warmed_up"


def test_the_list_of_buyers_is_replaced(store: Store) -> None:
    """Who no longer meets the conditions leaves the list; scores are renewed."""
    with store.writing() as conn:
        row, (ann, ben) = spring(conn), people(conn, 2)
        first = [BuyerRow(ann, 50, ("买过",), "low"), BuyerRow(ben, 90, ("点过",), "high")]
        campaigns.list_buyers(conn, row.campaign_id, first, date(2026, 3, 5))
        assert campaigns.buyers_of(conn, row.campaign_id) == [first[1], first[0]]
        campaigns.list_buyers(conn, row.campaign_id, [replace(first[0], score=70)], date(2026, 3, 6))

        assert campaigns.buyers_of(conn, row.campaign_id) == [replace(first[0], score=70)]


def test_an_order_stays_one_row(store: Store) -> None:
    """The same number is written over, never added."""
    with store.writing() as conn:
        orders.keep_orders(conn, [ORDER])
        orders.keep_orders(conn, [replace(ORDER, refunded_fen=990, campaign="spring")])

        assert orders.known_orders(conn, ["A1", "A2"]) == {"A1": replace(ORDER, refunded_fen=990, campaign="spring")}
        assert len(orders.orders_of(conn, "neighbours", "spring")) == 1
        assert orders.unattributed(conn, "neighbours", NOON) == []


def test_orders_without_a_campaign_are_found_again(store: Store) -> None:
    """An order whose offer was not known to be delivered can be looked at again for a while."""
    with store.writing() as conn:
        orders.keep_orders(conn, [ORDER])

        assert orders.unattributed(conn, "neighbours", NOON) == [ORDER]
        assert orders.unattributed(conn, "neighbours", NOON.replace(hour=5)) == []


def test_only_what_people_could_read_is_delivered(store: Store) -> None:
    """A task that waits for its owner is no delivery, nor is a card nobody acted on."""
    with store.writing() as conn:
        place, version = group(conn), "v" * 32
        conn.execute(insert(contents), {"content_version": version, "text": "t", "attachments": [], "created_at": NOON})
        for number, outcome in enumerate(("delivered", "waiting", "missed")):
            conn.execute(insert(targets), target(place, f"spring/slot-{number}", outcome, version))
        found = campaigns.delivered_messages(conn, "neighbours")

    assert [(one.slot_key, one.reply_count, one.delivered_at) for one in found] == [("spring/slot-0", 7, NOON)]


def target(group_id: int, slot: str, outcome: str, version: str) -> dict[str, Any]:
    return {
        "community": "neighbours",
        "stage": "conversion",
        "campaign": "spring",
        "slot_key": slot,
        "local_day": date(2026, 3, 5),
        "way": "hand_send",
        "sender_userid": "admin",
        "target_kind": "chat",
        "target_ref": group_id,
        "content_version": version,
        "due_at": NOON,
        "not_after": NOON,
        "marketing": True,
        "state": "sent",
        "planned_at": NOON,
        "outcome": outcome,
        "outcome_at": NOON,
        "reply_count": 7,
    }


def test_who_is_in_which_group(store: Store) -> None:
    """Somebody may be in two groups; who left is in none."""
    with store.writing() as conn:
        one, two = group(conn), group(conn, "g2")
        ann, ben, cem = people(conn, 3)
        for place, who, left in ((one, ann, None), (two, ann, None), (two, ben, None), (one, cem, NOON)):
            row = {"group_id": place, "person_id": who, "joined_at": NOON, "last_seen_at": NOON, "left_at": left}
            conn.execute(insert(memberships), {**row, "left_known_by": "roster" if left else None})

        assert campaigns.members_by_group(conn, "neighbours") == {one: {ann}, two: {ann, ben}}


def test_who_said_no_is_known(store: Store) -> None:
    """Opted out or with an open case: not to be sold to; asked not to be invited is another thing."""
    with store.writing() as conn:
        who = people(conn, 3)
        for person, kind in zip(who, ("opt_out", "support_case", "do_not_invite"), strict=True):
            conn.execute(insert(suppressions), {"person_id": person, "kind": kind, "since": NOON, "source": "test"})

        assert campaigns.not_to_be_sold_to(conn) == set(who[:2])


def test_where_a_link_stands(store: Store) -> None:
    """A link's code leads to its campaign, slot and group."""
    with store.writing() as conn:
        place = group(conn)
        row = {"code": "abcdefghij", "link_key": "k", "destination": "https://shop.example.com/", "campaign": "spring"}
        more = {"community": "neighbours", "slot_key": "spring/offer", "group_id": place}
        conn.execute(insert(short_links), {**row, **more, "created_at": NOON, "expires_at": NOON})

        assert orders.links_by_code(conn, ["abcdefghij", "x"])["abcdefghij"].slot_key == "spring/offer"
        assert orders.link_slots(conn, "neighbours", "spring") == {("spring/offer", place)}
