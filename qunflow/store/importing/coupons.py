"""
The import of coupon codes that a shop made: the stock, whom they were given to, and which were used.

Each code belongs to a coupon of the settings, named by its key or found by its face value. A code given to nobody is
good for whoever shows it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from qunflow.clock import day_bounds, local_day
from qunflow.settings.workspace import Community
from qunflow.store import coupons as kept
from qunflow.store.coupons import BroughtCoupon
from qunflow.store.importing.crowd import Crowd, marks_of_rows
from qunflow.store.importing.notes import Owner, Watch
from qunflow.store.importing.preview import Told, told
from qunflow.store.importing.record import Work
from qunflow.store.importing.sheet import Sheet, counted
from qunflow.store.rows import chunks
from qunflow.store.tables import coupons as coupons_table
from qunflow.store.tables import ledger_entries, ledger_postings
from qunflow.store.vault import Vault

if TYPE_CHECKING:
    import pandas as pd

NO_CODE, LONG_CODE, BAD_TIME = "no_code", "long_code", "bad_time"
UNKNOWN_COUPON, OTHER_VALUE = "unknown_coupon", "other_value"
_LONGEST_CODE = 32


@dataclass(frozen=True, slots=True)
class CouponPlan:
    """What a file of codes would bring: every code once."""

    preview: Told
    reasons: Mapping[int, str]
    coupons: Sequence[BroughtCoupon]


@dataclass(frozen=True, slots=True)
class _Columns:
    """What the file says of each code."""

    text: Mapping[str, Sequence[str]]
    at: Mapping[str, Sequence[datetime | None]]
    value: Sequence[int | None]
    said: Mapping[str, Sequence[str]] = field(default_factory=dict)


def plan_coupons(
    conn: Connection, vault: Vault, sheet: Sheet, community: Community, now: datetime, coupon: str = ""
) -> CouponPlan:
    """
    Look at every row; nothing is written.

    Args:
        coupon: the coupon of the settings all codes belong to; empty to find it row by row.
    """
    marks, _ = marks_of_rows(sheet)
    crowd = Crowd(conn, vault, marks)
    columns = _columns(sheet, community)
    reasons: dict[int, str] = {}
    rows: dict[int, BroughtCoupon] = {}
    for index in range(len(sheet.numbers)):
        key, reason = _coupon_of(columns, index, community, coupon)
        if reason := _reason(columns, index) or reason:
            reasons[index] = reason
        else:
            rows[index] = _brought(columns, index, key, community, crowd.known_by(marks[index]), now)
    seen = _known_codes(conn, [one.code for one in rows.values()])
    statuses: dict[int, str] = {}
    for index, one in rows.items():
        statuses[index] = "known" if one.code in seen else "new"
        seen.add(one.code)
    fresh = [rows[index] for index, status in statuses.items() if status == "new"]
    details = {
        "coupons_given": sum(one.person_id is not None for one in fresh),
        "coupons_used": sum(one.redeemed_at is not None for one in fresh),
        "coupons_over": sum(one.redeemed_at is None and one.expires_at <= now for one in fresh),
        "holders_unknown": sum(bool(marks[index]) and one.person_id is None for index, one in rows.items()),
    }
    preview = told(sheet, statuses, counted([*(why for _, why, _ in sheet.rejects), *reasons.values()]), None, details)
    return CouponPlan(preview, reasons, fresh)


def work_of(conn: Connection, plan: CouponPlan, now: datetime) -> Work:
    """What is to be done for a plan, in the transaction it was made in."""
    codes = [one.code for one in plan.coupons]
    keys = [key for one in plan.coupons for key in kept.booked_as(one.event_key)]
    before: Watch = {coupons_table: codes, ledger_entries: keys}

    def write() -> tuple[Watch, pd.DataFrame]:
        import pandas as pd

        kept.bring_in(conn, plan.coupons, now)
        return {**before, ledger_postings: entries_of(conn, keys)}, pd.DataFrame()

    return Work(before, write)


def entries_of(conn: Connection, keys: Sequence[str]) -> list[Owner]:
    """The numbers of ledger entries by their event keys."""
    found: list[Owner] = []
    for part in chunks(keys):
        query = select(ledger_entries.c.entry_id).where(ledger_entries.c.event_key.in_(part))
        found.extend(conn.execute(query).scalars())
    return found


def _columns(sheet: Sheet, community: Community) -> _Columns:
    times = ("valid_until", "issued_at", "redeemed_at")
    return _Columns(
        text={name: sheet.texts(name) for name in ("code", "coupon", "batch", "value")},
        at={name: sheet.instants(name, community.zone_info) for name in times},
        value=sheet.money("value"),
        said={name: sheet.texts(name) for name in times},
    )


def _reason(columns: _Columns, index: int) -> str:
    code = columns.text["code"][index]
    if not code:
        return NO_CODE
    if len(code) > _LONGEST_CODE:
        return LONG_CODE
    unread = any(said[index] and columns.at[name][index] is None for name, said in columns.said.items())
    return BAD_TIME if unread or columns.at["valid_until"][index] is None else ""


def _coupon_of(columns: _Columns, index: int, community: Community, coupon: str) -> tuple[str, str]:
    """The key of the coupon a code belongs to, or why there is none."""
    value = columns.value[index]
    wanted = coupon or columns.text["coupon"][index]
    fitting = [
        one
        for one in community.coupons
        if (one.key == wanted if wanted else value is not None and one.amount_fen == value)
    ]
    if len(fitting) != 1 or (columns.text["value"][index] and value is None):
        return "", UNKNOWN_COUPON
    return fitting[0].key, OTHER_VALUE if value is not None and value != fitting[0].amount_fen else ""


def _brought(
    columns: _Columns, index: int, key: str, community: Community, person: int | None, now: datetime
) -> BroughtCoupon:
    code, batch = columns.text["code"][index], columns.text["batch"][index]
    until = columns.at["valid_until"][index]
    assert until is not None
    return BroughtCoupon(
        code=code,
        event_key=f"stock/{community.key}/{batch[:80]}/{code}",
        offer_key=key,
        community=community.key,
        person_id=person,
        issued_at=columns.at["issued_at"][index] or now,
        expires_at=_end_of(until, columns.said["valid_until"][index], community),
        redeemed_at=columns.at["redeemed_at"][index],
    )


def _end_of(until: datetime, said: str, community: Community) -> datetime:
    """A day without an hour is good to its end."""
    begin, end = day_bounds(local_day(until, community.zone_info), community.zone_info)
    return end if until == begin and ":" not in said.removesuffix(" 00:00:00") else until


def _known_codes(conn: Connection, codes: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for part in chunks(codes):
        found.update(conn.execute(select(coupons_table.c.code).where(coupons_table.c.code.in_(part))).scalars())
    return found
