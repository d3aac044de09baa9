"""Reads what ``bounds`` has to know about a batch of candidates, inside the transaction that claims them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, and_, case, func, literal, or_, select

from qunflow.clock import day_bounds, local_day
from qunflow.delivery.bounds import Candidate, Facts, Key
from qunflow.delivery.model import OUT
from qunflow.delivery.quota import QUOTA_WAYS, period_of, platform_day
from qunflow.settings.workspace import Community
from qunflow.store.tables import calls, contacts, groups, kill_switches, outside_sends, suppressions, targets, waves

# A dead letter that nobody gave up on before it left may have arrived: it counts as heard.
_PERHAPS_OUT = or_(
    targets.c.state.in_(OUT), and_(targets.c.state == "dead", targets.c.outcome.in_(("waiting", "delivered")))
)


def read_facts(
    conn: Connection, batch: Sequence[Candidate], communities: Mapping[str, Community], now: datetime
) -> Facts:
    """The facts for a batch of at most a thousand candidates."""
    persons = sorted({one.target_ref for one in batch if one.target_kind == "person"})
    used, kept = _used(conn, batch, communities, now)
    today, week = _heard(conn, batch, communities, now)
    return Facts(
        stopped=[(row.scope, row.key) for row in conn.execute(select(kill_switches))],
        gone={**_gone_chats(conn, batch), **_gone_persons(conn, persons)},
        suppressed=_suppressed(conn, persons),
        used=used,
        kept=kept,
        cards=_cards(conn, {one.sender_userid for one in batch}, now),
        heard_today=today,
        heard_week=week,
        released=_released(conn, batch),
    )


def _gone_chats(conn: Connection, batch: Sequence[Candidate]) -> dict[Key, str]:
    chats = sorted({one.target_ref for one in batch if one.target_kind == "chat"})
    wanted = select(groups.c.group_id, groups.c.dissolved_at).where(groups.c.group_id.in_(chats))
    rows = {row.group_id: row for row in conn.execute(wanted)} if chats else {}
    gone = {("chat", one): "the group is unknown" for one in chats if one not in rows}
    for row in rows.values():
        if row.dissolved_at is not None:
            gone["chat", row.group_id] = "the group is dissolved"
    return gone


def _gone_persons(conn: Connection, persons: Sequence[int]) -> dict[Key, str]:
    if not persons:
        return {}
    # Somebody who deleted every contact with us cannot be written to.
    still = func.count().filter(contacts.c.deleted_at.is_(None))
    statement = (
        select(contacts.c.person_id)
        .where(contacts.c.person_id.in_(persons))
        .group_by(contacts.c.person_id)
        .having(still == 0)
    )
    return {("person", person): "no contact any more" for person in conn.execute(statement).scalars()}


def _suppressed(conn: Connection, persons: Sequence[int]) -> dict[int, set[str]]:
    found: dict[int, set[str]] = defaultdict(set)
    if persons:
        for row in conn.execute(select(suppressions).where(suppressions.c.person_id.in_(persons))):
            found[row.person_id].add(row.kind)
    return found


def _used(
    conn: Connection, batch: Sequence[Candidate], communities: Mapping[str, Community], now: datetime
) -> tuple[dict[Key, int], dict[Key, int]]:
    """What is used of the quota, and what of the rest is kept for conversion."""
    used: dict[Key, int] = {}
    kept: dict[Key, int] = {}
    for community, mine in _by_community(batch, communities):
        start, end = period_of(community.quota.mode, platform_day(now)).instants
        for kind in ("chat", "person"):
            refs = sorted({one.target_ref for one in mine if one.target_kind == kind and one.way in QUOTA_WAYS})
            if refs:
                rows = conn.execute(_quota_use(kind, refs, start, end)).all()
                used |= {(kind, row.ref): row.used for row in rows}
                converted = {row.ref: row.converted for row in rows}
                kept |= {(kind, ref): max(community.quota.reserve - converted.get(ref, 0), 0) for ref in refs}
    return used, kept


def _by_community(
    batch: Sequence[Candidate], communities: Mapping[str, Community]
) -> Iterator[tuple[Community, list[Candidate]]]:
    for key in sorted({one.community for one in batch} & set(communities)):
        yield communities[key], [one for one in batch if one.community == key]


def _quota_use(kind: str, refs: Sequence[int], start: datetime, end: datetime) -> Select[Any]:
    # An unknown outcome counts as sent; a task withdrawn before anybody confirmed it does not.
    ours = (
        select(targets.c.target_ref.label("ref"), targets.c.stage.label("stage"))
        .join(calls, calls.c.call_id == targets.c.call_id)
        .where(
            targets.c.target_kind == kind,
            targets.c.target_ref.in_(refs),
            targets.c.way.in_(QUOTA_WAYS),
            _PERHAPS_OUT,
            targets.c.outcome != "cancelled",
            calls.c.intent_at >= start,
            calls.c.intent_at < end,
        )
    )
    beside = select(outside_sends.c.target_ref, literal("")).where(
        outside_sends.c.target_kind == kind,
        outside_sends.c.target_ref.in_(refs),
        outside_sends.c.sent_at >= start,
        outside_sends.c.sent_at < end,
    )
    both = ours.union_all(beside).subquery()
    converted = func.sum(case((both.c.stage == "conversion", 1), else_=0))
    return select(both.c.ref, func.count().label("used"), converted.label("converted")).group_by(both.c.ref)


def _heard(
    conn: Connection, batch: Sequence[Candidate], communities: Mapping[str, Community], now: datetime
) -> tuple[dict[Key, int], dict[int, int]]:
    """What groups heard on the local day, and what persons got of marketing today and in seven days."""
    today: dict[Key, int] = {}
    week: dict[int, int] = {}
    for community, mine in _by_community(batch, communities):
        chats = sorted({one.target_ref for one in mine if one.target_kind == "chat"})
        days = sorted({one.local_day for one in mine if one.target_kind == "chat"})
        if chats:
            today |= {("chat", ref): heard for ref, heard in conn.execute(_heard_in_groups(chats, days))}
        persons = sorted({one.target_ref for one in mine if one.target_kind == "person" and one.marketing})
        if persons:
            midnight = day_bounds(local_day(now, community.zone_info), community.zone_info)[0]
            rows = conn.execute(_got_by_persons(persons, midnight, now - timedelta(days=7))).all()
            today |= {("person", row.ref): row.today for row in rows}
            week |= {row.ref: row.week for row in rows}
    return today, week


def _heard_in_groups(chats: Sequence[int], days: Sequence[date]) -> Select[Any]:
    return (
        select(targets.c.target_ref, func.count())
        .where(
            targets.c.target_kind == "chat",
            targets.c.target_ref.in_(chats),
            targets.c.local_day.in_(days),
            _PERHAPS_OUT,
            targets.c.outcome.not_in(("cancelled", "missed")),
        )
        .group_by(targets.c.target_ref)
    )


def _got_by_persons(persons: Sequence[int], midnight: datetime, since: datetime) -> Select[Any]:
    # Whatever community wrote to them: it is one person.
    return (
        select(
            targets.c.target_ref.label("ref"),
            func.sum(case((calls.c.intent_at >= midnight, 1), else_=0)).label("today"),
            func.count().label("week"),
        )
        .join(calls, calls.c.call_id == targets.c.call_id)
        .where(
            targets.c.target_kind == "person",
            targets.c.target_ref.in_(persons),
            targets.c.marketing,
            _PERHAPS_OUT,
            targets.c.outcome != "cancelled",
            calls.c.intent_at >= since,
        )
        .group_by(targets.c.target_ref)
    )


def _released(conn: Connection, batch: Sequence[Candidate]) -> set[tuple[str, date, int]]:
    slots = sorted({one.slot_key for one in batch if one.wave > 1})
    if not slots:
        return set()
    return {
        (row.slot_key, row.local_day, row.wave)
        for row in conn.execute(select(waves).where(waves.c.slot_key.in_(slots)))
    }


def _cards(conn: Connection, senders: Iterable[str], now: datetime) -> dict[str, int]:
    statement = (
        select(calls.c.sender_userid, func.count())
        .where(
            calls.c.sender_userid.in_(sorted(senders)),
            calls.c.way.in_(("hand_send", "staff_notice")),
            calls.c.intent_at > now - timedelta(seconds=60),
        )
        .group_by(calls.c.sender_userid)
    )
    return {row[0]: row[1] for row in conn.execute(statement)}
