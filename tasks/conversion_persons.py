"""
Who bought: everything an order names somebody by is put to the rules of identity, and a coupon of one's own is used up.

Reading and keeping orders is ``conversion_incoming``'s; the rules are ``qunflow.acquisition.identity``'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from sqlalchemy import Connection

from qunflow.acquisition.identity import ACCOUNTS, Mark, leading
from qunflow.conversion.arrivals import Incoming, OrderArrival, problem_with_order
from qunflow.conversion.orders import Order
from qunflow.runtime import Runtime, identity
from qunflow.runtime.stage import StageRun
from qunflow.store import coupons, merging, people
from qunflow.store import orders as kept
from qunflow.store.vault import Vault

_TOLD = (*ACCOUNTS, "phone")


def with_known_buyers(conn: Connection, vault: Vault, arrivals: Iterable[OrderArrival]) -> list[OrderArrival]:
    """Orders with the buyer as far as somebody is known already; nothing is written, nobody joined."""
    listed = list(arrivals)
    known: dict[Mark, int] = {}
    for kind in _TOLD:
        found = vault.known_persons(conn, kind, {getattr(one, kind) for one in listed if getattr(one, kind)})
        known |= {Mark(kind, value): person for value, person in found.items()}
    holders = coupons.holders(conn, [one.order.coupon_code for one in listed if one.order])
    return [_bought_by(one, next(iter(leading(marks_of(one), known)), None), holders) for one in listed]


def with_buyers(conn: Connection, run: StageRun, incoming: Incoming) -> Incoming:
    """
    What came in with its buyers known, made or joined, and with whoever clicked as they are known afterwards.

    Orders go by the time they were paid, so that the same orders make the same persons. The buyer of an order who was
    erased stays so: a refund that comes later makes nobody new of them.
    """
    usable = [(one, one.order) for one in incoming.orders if one.order and not problem_with_order(one, run.now)]
    erased = _erased_buyers(conn, [order for _, order in usable])
    found: dict[int, int] = {}
    for one, order in sorted(usable, key=lambda pair: (pair[1].paid_at, pair[0].inbox_id)):
        person = erased.get(order.number) or _buyer(conn, run.runtime, one, order, run)
        if person:
            found[one.inbox_id] = person
    known_as = merging.aliases(conn)
    now = {inbox_id: known_as.get(person, person) for inbox_id, person in found.items()}
    orders = tuple(_with_person(one, now[one.inbox_id]) if one.inbox_id in now else one for one in incoming.orders)
    clickers = {actor: known_as.get(person, person) for actor, person in incoming.people.items()}
    return replace(incoming, orders=orders, people=clickers)


def marks_of(one: OrderArrival) -> list[Mark]:
    """What an order says of its buyer, without its coupon."""
    return [Mark(kind, value) for kind in _TOLD if (value := getattr(one, kind))]


def _buyer(conn: Connection, here: Runtime, one: OrderArrival, order: Order, run: StageRun) -> int | None:
    # Asked anew for each order: the one before may have handed the coupon to somebody else's number.
    holders = coupons.holders(conn, [order.coupon_code])
    held = {Mark("coupon", coupons.as_issued(code)): person for code, person in holders.items()}
    marks = marks_of(one)
    person = identity.person_of(conn, here, marks, run.now, held) if marks or held else None
    if held:
        coupons.redeem(conn, order.coupon_code, order.paid_at)
    return person


def _bought_by(one: OrderArrival, person: int | None, holders: Mapping[str, int]) -> OrderArrival:
    if one.order is None:
        return one
    return replace(one, order=replace(one.order, person_id=person or holders.get(one.order.coupon_code)))


def _with_person(one: OrderArrival, person: int) -> OrderArrival:
    return replace(one, order=replace(one.order, person_id=person)) if one.order else one


def _erased_buyers(conn: Connection, orders: Iterable[Order]) -> dict[str, int]:
    """Order number → buyer, for orders that are known and whose buyer was erased."""
    rows = kept.known_orders(conn, {one.number for one in orders})
    buyers = {number: row.person_id for number, row in rows.items() if row.person_id is not None}
    gone = people.erased(conn, buyers.values())
    return {number: person for number, person in buyers.items() if person in gone}
