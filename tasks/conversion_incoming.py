"""
Clicks and orders between the inbox, the state and the history: moving rows, no rule of its own.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import Connection

from qunflow.acquisition.leads import e164
from qunflow.clock import local_day
from qunflow.conversion.arrivals import Incoming, OrderArrival, problem_with_click, problem_with_order
from qunflow.conversion.attribution import Source
from qunflow.conversion.orders import Click, Order, read_click, read_order
from qunflow.runtime.stage import StageRun
from qunflow.settings.workspace import Community
from qunflow.store import campaigns, inbox
from qunflow.store import orders as kept
from qunflow.store.attributing import attributed, order_of, row_of, sources_of_links, with_known
from qunflow.store.inbox import InboxRow
from tasks.conversion_persons import with_buyers, with_known_buyers

INBOX_LIMIT = 20_000
# An offer's delivery may be known later than the orders it brought.
ATTRIBUTE_AGAIN = timedelta(days=14)


def read(conn: Connection, run: StageRun) -> Incoming:
    """What came in for the run's community; rows of another one are left to its own run."""
    vault = run.runtime.vault
    clicks = [_click(row) for row in inbox.unapplied(conn, vault, "click", INBOX_LIMIT)]
    rows = inbox.unapplied(conn, vault, "order", INBOX_LIMIT)
    orders = with_known_buyers(conn, vault, [_order(row) for row in rows])
    codes = {one.code for one, _ in clicks} | {one.order.short_code for one in orders if one.order}
    links = sources_of_links(conn, codes)
    own = [(one, at) for one, at in clicks if _is_ours(links.get(one.code), run)]
    return Incoming(
        clicks=tuple(one for one, _ in own),
        orders=tuple(one for one in orders if _belongs(conn, run, one, links)),
        received={one.inbox_id: at for one, at in own},
        links=links,
        people=vault.known_persons(conn, "external_userid", {one.actor for one, _ in own if one.actor}),
    )


def keep(conn: Connection, *, run: StageRun, incoming: Incoming) -> int:
    """Write clicks and orders into state and history and say of every row what became of it; returns orders kept."""
    incoming = with_buyers(conn, run, incoming)
    usable = [one for one in incoming.orders if one.order and not problem_with_order(one, run.now)]
    found = _attributed(conn, run, [one.order for one in usable if one.order])
    kept.keep_orders(conn, [row_of(run.community.key, one) for one in found])
    _remember(conn, run, incoming, found)
    _mark(conn, run, incoming)
    return len(usable)


def set_aside(incoming: Incoming, now: datetime) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Rows that cannot be used, for the quarantine; what they say stays sealed in the inbox."""
    return [
        (str(row["inbox_id"]), str(row["reason"]), {"inbox_id": row["inbox_id"], "kind": row["kind"]})
        for row in incoming.rows(now)
        if row["reason"]
    ]


def _click(row: InboxRow) -> tuple[Click, datetime]:
    return read_click(row.inbox_id, _body(row)), row.received_at


def _body(row: InboxRow) -> dict[str, Any]:
    return row.body if isinstance(row.body, dict) else {}


def _order(row: InboxRow) -> OrderArrival:
    body = _body(row)
    order = read_order(body)
    usable, reason = (None, order) if isinstance(order, str) else (order, "")
    accounts = {name: str(body.get(name) or "") for name in ("external_userid", "unionid", "openid")}
    phone = e164(str(body["phone"])) if body.get("phone") else None
    return OrderArrival(row.inbox_id, row.received_at, usable, reason, **accounts, phone=phone or "")


def _is_ours(source: Source | None, run: StageRun) -> bool:
    # A link nobody knows belongs to whoever reads it first, so that it is set aside once.
    return source is None or source.community == run.community.key


def _belongs(conn: Connection, run: StageRun, arrival: OrderArrival, links: Mapping[str, Source]) -> bool:
    """Whether an order is this community's: by link, by buyer, and what nobody can tell is the first one's."""
    communities = run.runtime.workspace.communities
    if len(communities) == 1 or arrival.order is None:
        return True
    if arrival.order.short_code in links:
        return links[arrival.order.short_code].community == run.community.key
    homes = [one.key for one in communities if _is_member(conn, one, arrival.order.person_id)]
    return (homes or [communities[0].key])[0] == run.community.key


def _is_member(conn: Connection, community: Community, person_id: int | None) -> bool:
    return any(person_id in people for people in campaigns.members_by_group(conn, community.key).values())


def _attributed(conn: Connection, run: StageRun, arrived: list[Order]) -> list[Order]:
    """Arrived orders merged with what is known, and those still without a campaign, each with what it belongs to."""
    waiting = kept.unattributed(conn, run.community.key, run.now - ATTRIBUTE_AGAIN)
    merged = {row.source_key: order_of(row) for row in waiting} | with_known(conn, arrived)
    return attributed(conn, run.community, merged.values())


def _remember(conn: Connection, run: StageRun, incoming: Incoming, orders: Iterable[Order]) -> None:
    """Append clicks and payments of known people to the history; a refund changes the order, not what happened."""
    here, ids = run.runtime, [*incoming.received, *(one.inbox_id for one in incoming.orders)]
    if not ids:
        return
    batch = f"{min(ids)}-{max(ids)}"
    for source, events in (
        ("inbox:click", [_click_event(run, one, incoming) for one in incoming.clicks if _is_known(one, incoming, run)]),
        ("inbox:order", [_order_event(run, one) for one in orders if one.person_id]),
    ):
        if events:
            here.history.append(conn, source, f"{source}:{batch}", pd.DataFrame(events))


def _is_known(click: Click, incoming: Incoming, run: StageRun) -> bool:
    return click.actor in incoming.people and not problem_with_click(click, incoming.links, run.now)


def _click_event(run: StageRun, click: Click, incoming: Incoming) -> dict[str, Any]:
    source = incoming.links[click.code]
    props = {"campaign": source.campaign, "code": click.code, "slot": source.slot}
    event = _event(run, f"click/{click.inbox_id}", "click", click.at or run.now, incoming.people[click.actor])
    return {**event, "group_id": source.group_id or 0, "props": json.dumps(props, ensure_ascii=False)}


def _order_event(run: StageRun, order: Order) -> dict[str, Any]:
    event = _event(run, f"order/{run.community.key}/{order.number}", "order", order.paid_at, order.person_id or 0)
    props = json.dumps({"campaign": order.campaign}, ensure_ascii=False)
    return {**event, "group_id": order.group_id or 0, "amount": order.amount_fen, "props": props}


def _event(run: StageRun, key: str, kind: str, at: datetime, person_id: int) -> dict[str, Any]:
    return {
        "event_key": key,
        "happened_at": at,
        "recorded_at": run.now,
        "local_day": local_day(at, run.zone),
        "kind": kind,
        "person_id": person_id,
    }


def _mark(conn: Connection, run: StageRun, incoming: Incoming) -> None:
    reasons: dict[str, list[int]] = defaultdict(list)
    for row in incoming.rows(run.now):
        reasons[str(row["reason"])].append(int(str(row["inbox_id"])))
    persons = {one.inbox_id: incoming.people[one.actor] for one in incoming.clicks if one.actor in incoming.people}
    persons |= {one.inbox_id: one.order.person_id for one in incoming.orders if one.order and one.order.person_id}
    for reason, ids in reasons.items():
        inbox.mark(conn, ids, "quarantined" if reason else "applied", reason, run.now, persons if not reason else None)
