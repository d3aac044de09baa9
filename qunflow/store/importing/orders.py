"""
The import of orders: a row becomes what the shop's own push of that order would become.

The same reading, the same merging by order number, the same attribution and the same event; so whichever comes first,
file or push, the other changes nothing. A buyer nobody knows stays unknown: orders make no persons.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection

from qunflow.clock import local_day
from qunflow.conversion.arrivals import CLOCK_SLACK
from qunflow.conversion.orders import PAID, REFUNDED, Order, merge, read_order
from qunflow.settings.workspace import Community
from qunflow.store import orders as kept
from qunflow.store.attributing import attributed, order_of, row_of, with_known
from qunflow.store.importing.crowd import Crowd, marks_of_rows
from qunflow.store.importing.notes import Watch
from qunflow.store.importing.preview import Told, told
from qunflow.store.importing.record import Work
from qunflow.store.importing.sheet import Sheet, counted
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
    """What a file of orders would bring: every order once, merged within the file."""

    preview: Told
    reasons: Mapping[int, str]
    orders: Sequence[Order]


def plan_orders(conn: Connection, vault: Vault, sheet: Sheet, community: Community, now: datetime) -> OrderPlan:
    """Look at every row; nothing is written."""
    marks, _ = marks_of_rows(sheet)
    crowd = Crowd(conn, vault, marks)
    read = _read(sheet, community, now)
    reasons = {index: one for index, one in enumerate(read) if isinstance(one, str)}
    rows = {
        index: replace(one, person_id=crowd.known_by(marks[index]))
        for index, one in enumerate(read)
        if isinstance(one, Order)
    }
    before = {
        number: order_of(row) for number, row in kept.known_orders(conn, {o.number for o in rows.values()}).items()
    }
    statuses, changed = _statuses(rows, before)
    details = {
        "orders": len({one.number for one in rows.values()}),
        "orders_changed": changed,
        "buyers_unknown": sum(one.person_id is None for one in rows.values()),
    }
    preview = told(sheet, statuses, counted([*(why for _, why, _ in sheet.rejects), *reasons.values()]), None, details)
    return OrderPlan(preview, reasons, list(rows.values()))


def work_of(conn: Connection, plan: OrderPlan, community: Community, now: datetime) -> Work:
    """What is to be done for a plan, in the transaction it was made in."""
    watch: Watch = {orders_table: sorted({one.number for one in plan.orders})}

    def write() -> tuple[Watch, pd.DataFrame]:
        found = attributed(conn, community, with_known(conn, plan.orders).values())
        kept.keep_orders(conn, [row_of(community.key, one) for one in found])
        return watch, pd.DataFrame([_event(community, one, now) for one in found if one.person_id])

    return Work(watch, write)


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


def _statuses(rows: Mapping[int, Order], before: Mapping[str, Order]) -> tuple[dict[int, str], int]:
    """Whether each row is new, and how many known orders would change."""
    seen = dict(before)
    statuses: dict[int, str] = {}
    for index, one in rows.items():
        statuses[index] = "known" if one.number in seen else "new"
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
