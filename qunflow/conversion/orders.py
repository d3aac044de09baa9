"""
What the shop and the short links tell: clicks and orders, as they came in and as they count.

An order has one number for ever: paid, refunded in part, refunded, in any order and any number of times, it stays one
order. Leaves opening sealed rows and looking persons up to the tasks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

PAID, REFUNDED = "paid", "refunded"
# A shop may hand over orders of years ago by mistake; anything dearer than a million yuan is one too.
MOST_FEN = 100_000_000


@dataclass(frozen=True, slots=True)
class Click:
    """A tap on a short link: ``actor`` is the platform's id or empty, ``at`` an aware instant or None if unreadable."""

    inbox_id: int
    code: str
    actor: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Order:
    """
    An order as it counts: money in fen, ``paid_at`` aware UTC.

    ``person_id``, ``group_id`` and ``campaign`` are what attribution found: None and "" when it found nothing.
    """

    number: str
    amount_fen: int
    paid_at: datetime
    refunded_fen: int = 0
    short_code: str = ""
    coupon_code: str = ""
    person_id: int | None = None
    group_id: int | None = None
    campaign: str = ""


def read_click(inbox_id: int, body: Mapping[str, Any]) -> Click:
    """A click as the short-link page wrote it down."""
    return Click(inbox_id, str(body.get("code", "")), str(body.get("actor") or ""), instant(body.get("at")))


def instant(text: object) -> datetime | None:
    """An ISO 8601 instant with a zone, in UTC; anything else is None: a time without a zone could be any hour."""
    try:
        read = datetime.fromisoformat(text) if isinstance(text, str) else None
        return read.astimezone(UTC) if read is not None and read.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def read_order(body: Mapping[str, Any]) -> Order | str:
    """
    An order hook's body as an order, or the reason why it is none.

    A refund without an amount given back counts as refunded in full.
    """
    number, status = str(body.get("order_no") or ""), body.get("status")
    amount, paid_at = _fen(body.get("amount_fen")), instant(body.get("paid_at"))
    if not number or len(number) > 120:
        return "no_order_number"
    if status not in (PAID, REFUNDED):
        return "unknown_status"
    if amount is None or paid_at is None:
        return "bad_amount" if amount is None else "bad_time"
    refunded = _refunded(body, amount) if status == REFUNDED else 0
    if refunded is None:
        return "bad_refund"
    return Order(number, amount, paid_at, refunded, _code(body, "link_code"), _code(body, "coupon"))


def merge(known: Order | None, arrived: Order) -> Order:
    """
    One order from what was known and what arrived, the same whichever came first.

    A refund never shrinks, codes and attributions once known stay, the earliest payment is the payment.
    """
    if known is None:
        return arrived
    first, second = sorted((known, arrived), key=lambda one: one.paid_at)
    return replace(
        first,
        amount_fen=max(known.amount_fen, arrived.amount_fen),
        refunded_fen=max(known.refunded_fen, arrived.refunded_fen),
        short_code=first.short_code or second.short_code,
        coupon_code=first.coupon_code or second.coupon_code,
        person_id=first.person_id or second.person_id,
        group_id=first.group_id or second.group_id,
        campaign=first.campaign or second.campaign,
    )


def _code(body: Mapping[str, Any], name: str) -> str:
    # Longer than any code we give: not ours, and the column holds 32.
    code = str(body.get(name) or "")
    return code if len(code) <= 32 else ""


def _fen(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_FEN:
        return None
    return value


def _refunded(body: Mapping[str, Any], amount: int) -> int | None:
    if body.get("refunded_fen") is None:
        return amount
    refunded = _fen(body["refunded_fen"])
    return refunded if refunded is not None and refunded <= amount else None
