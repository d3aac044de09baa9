"""
The import of orders: a row becomes what the shop's own push of that order would become.

The same reading, the same rules of who bought, the same merging by order number, attribution and event; so whichever
comes first, file or push, the other changes nothing. Only where a push would join two known persons a file asks
somebody, as a wrong file must be easy to take back.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, select

from qunflow.acquisition.identity import Mark
from qunflow.clock import local_day
from qunflow.conversion.arrivals import CLOCK_SLACK
from qunflow.conversion.orders import PAID, REFUNDED, Order, merge, read_order
from qunflow.settings.workspace import Community
from qunflow.store import coupons, people
from qunflow.store import orders as kept
from qunflow.store.attributing import attributed, order_of, row_of, with_known
from qunflow.store.importing.coupons import entries_of
from qunflow.store.importing.crowd import Crowd, marks_of_rows
from qunflow.store.importing.notes import OF_PERSONS, Watch
from qunflow.store.importing.preview import Told, told
from qunflow.store.importing.record import Work
from qunflow.store.importing.sheet import Sheet, counted
from qunflow.store.orders import OrderRow
from qunflow.store.tables import coupons as coupons_table
from qunflow.store.tables import ledger_entries, ledger_postings
from qunflow.store.tables import orders as orders_table
from qunflow.store.vault import Vault

NOT_PAID, FUTURE, BAD_STATUS = "not_paid", "in_the_future", "bad_refund"
_UNPAID = (
    "待付款",
    "待支付",
    "未付款",
    "未支付",
    "已取消",
    "取消",
    "交易关闭",
    "已关闭",
    "关闭",
    "unpaid",
    "cancelled",
    "closed",
)
_REFUNDED = ("已退款", "退款成功", "全额退款", "退款完成", "已全额退款", "refunded")
_PARTLY = ("部分退款", "partly refunded")


@dataclass(frozen=True, slots=True)
class OrderPlan:
    """What a file of orders would bring, oldest payment first; persons have the numbers of the crowd."""

    preview: Told
    reasons: Mapping[int, str]
    crowd: Crowd
    orders: Sequence[Order]
    held: Mapping[str, int]


def plan_orders(conn: Connection, vault: Vault, sheet: Sheet, community: Community, now: datetime) -> OrderPlan:
    """Look at every row; nothing is written."""
    read = _read(sheet, community, now)
    reasons = {index: one for index, one in enumerate(read) if isinstance(one, str)}
    usable = {index: one for index, one in enumerate(read) if isinstance(one, Order)}
    held = coupons.holders(conn, [one.coupon_code for one in usable.values()])
    before = {number: order_of(row) for number, row in _known(conn, usable).items()}
    crowd, found, doubtful = _with_buyers(conn, vault, sheet, usable, before, held)
    statuses, changed = _statuses(found, before, doubtful)
    details = {
        "orders": len({one.number for one in found.values()}),
        "orders_changed": changed,
        "strangers": crowd.strangers,
        "buyers_unknown": sum(one.person_id is None for one in found.values()),
    }
    preview = told(sheet, statuses, counted([*(why for _, why, _ in sheet.rejects), *reasons.values()]), None, details)
    return OrderPlan(preview, reasons, crowd, list(found.values()), held)


def work_of(conn: Connection, vault: Vault, plan: OrderPlan, community: Community, now: datetime) -> Work:
    """What is to be done for a plan, in the transaction it was made in."""
    codes = [coupons.as_issued(code) for code in plan.held] + list(plan.held)
    keys = [key for row in _coupons(conn, codes) for key in coupons.booked_as(row.event_key)]
    watch: Watch = {
        orders_table: sorted({one.number for one in plan.orders}),
        coupons_table: sorted(set(codes)),
        ledger_entries: keys,
    }
    known = plan.crowd.known

    def write() -> tuple[Watch, pd.DataFrame]:
        number_of = plan.crowd.write(conn, vault, now)
        orders = [_settled(plan.crowd, number_of, one) for one in plan.orders]
        for one in orders:
            if one.coupon_code in plan.held:
                coupons.redeem(conn, one.coupon_code, one.paid_at)
        found = attributed(conn, community, with_known(conn, orders).values())
        kept.keep_orders(conn, [row_of(community.key, one) for one in found])
        persons: Watch = dict.fromkeys(OF_PERSONS, sorted({*known, *number_of.values()}))
        events = pd.DataFrame([_event(community, one, now) for one in found if one.person_id])
        return {**persons, **watch, ledger_postings: entries_of(conn, keys)}, events

    return Work({**dict.fromkeys(OF_PERSONS, known), **watch, ledger_postings: entries_of(conn, keys)}, write)


def _with_buyers(
    conn: Connection,
    vault: Vault,
    sheet: Sheet,
    usable: Mapping[int, Order],
    before: Mapping[str, Order],
    held: Mapping[str, int],
) -> tuple[Crowd, dict[int, Order], set[int]]:
    """Orders by the time they were paid, each with who bought it, and which rows leave that in doubt."""
    marks, _ = marks_of_rows(sheet)
    by_coupon = {code: Mark("coupon", coupons.as_issued(code)) for code in held}
    crowd = Crowd(conn, vault, [marks[index] for index in usable], {by_coupon[code]: held[code] for code in held})
    gone = people.erased(conn, [one.person_id for one in before.values() if one.person_id is not None])
    found: dict[int, Order] = {}
    doubtful: set[int] = set()
    for index, one in sorted(usable.items(), key=lambda pair: (pair[1].paid_at, pair[0])):
        was = before.get(one.number)
        person = was.person_id if was is not None and was.person_id in gone else None
        mine = [*marks[index], *([by_coupon[one.coupon_code]] if one.coupon_code in held else [])]
        if person is None and mine:
            person, unsure = crowd.person_of(mine)
            doubtful |= {index} if unsure else set()
        found[index] = replace(one, person_id=person)
    return crowd, found, doubtful


def _settled(crowd: Crowd, number_of: Mapping[int, int], order: Order) -> Order:
    if order.person_id is None:
        return order
    now = crowd.now(order.person_id)
    return replace(order, person_id=number_of.get(now, now))


def _known(conn: Connection, usable: Mapping[int, Order]) -> dict[str, OrderRow]:
    return kept.known_orders(conn, {one.number for one in usable.values()})


def _coupons(conn: Connection, codes: Sequence[str]) -> Sequence[Any]:
    return conn.execute(select(coupons_table).where(coupons_table.c.code.in_(list(codes)))).all() if codes else []


def _read(sheet: Sheet, community: Community, now: datetime) -> list[Order | str]:
    text = {name: sheet.texts(name) for name in ("order_no", "refunded", "status", "coupon", "link_code")}
    amount, refunded = sheet.money("amount"), sheet.money("refunded")
    paid_at = sheet.instants("paid_at", community.zone_info)
    found: list[Order | str] = []
    for index in range(len(sheet.numbers)):
        row = {name: values[index] for name, values in text.items()}
        at = paid_at[index]
        if row["refunded"] and refunded[index] is None:
            found.append("bad_refund")
        elif reason := _not_to_count(row["status"], refunded[index]):
            found.append(reason)
        elif at is not None and at > now + CLOCK_SLACK:
            found.append(FUTURE)
        else:
            found.append(read_order(_body(row, amount[index], at, refunded[index])))
    return found


def _not_to_count(status: str, refunded: int | None) -> str:
    """Why an order of that status is none, or "": one nobody paid, one refunded in part without saying how much."""
    if refunded:
        return ""
    if status in _UNPAID:
        return NOT_PAID
    return BAD_STATUS if status in _PARTLY else ""


def _body(row: Mapping[str, str], amount: int | None, at: datetime | None, refunded: int | None) -> dict[str, Any]:
    """The row as the body of an order push."""
    given_back = bool(refunded) or row["status"] in _REFUNDED
    return {
        # Excel exports of some shops put a mark before long numbers to keep them text.
        "order_no": row["order_no"].lstrip("'`\t"),
        "status": REFUNDED if given_back else PAID,
        "amount_fen": amount,
        "paid_at": at.isoformat() if at else None,
        "refunded_fen": refunded or None,
        "coupon": row["coupon"],
        "link_code": row["link_code"],
    }


def _statuses(
    rows: Mapping[int, Order], before: Mapping[str, Order], doubtful: Collection[int]
) -> tuple[dict[int, str], int]:
    """Whether each row is new, known or doubtful, and how many known orders would change."""
    seen = dict(before)
    statuses: dict[int, str] = {}
    for index, one in rows.items():
        statuses[index] = "doubtful" if index in doubtful else "known" if one.number in seen else "new"
        seen[one.number] = merge(seen.get(one.number), one)
    return statuses, sum(seen[number] != was for number, was in before.items())


def _event(community: Community, order: Order, now: datetime) -> dict[str, Any]:
    return {
        "event_key": f"order/{community.key}/{order.number}",
        "happened_at": order.paid_at,
        "recorded_at": now,
        "local_day": local_day(order.paid_at, community.zone_info),
        "kind": "order",
        "person_id": order.person_id,
        "group_id": order.group_id or 0,
        "amount": order.amount_fen,
        "props": json.dumps({"campaign": order.campaign}, ensure_ascii=False),
    }


def pushed_keys(orders: Sequence[Mapping[str, Any]]) -> list[str]:
    """Under which keys the shop's own pushes of orders (number, refunded_fen) would have come in."""
    return [
        f"{one['source_key']}/{state}"
        for one in orders
        for state in ("paid", "refunded/all", f"refunded/{one['refunded_fen']}")
    ]
