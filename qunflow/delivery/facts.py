"""Reads what ``bounds`` has to know about a batch of candidates, inside the transaction that claims them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import BindParameter, Connection, Row, and_, bindparam, case, func, literal, or_, select

from qunflow.clock import day_bounds, local_day
from qunflow.delivery.bounds import Candidate, Facts, Key
from qunflow.delivery.model import OUT
from qunflow.delivery.quota import QUOTA_WAYS, period_of, platform_day
from qunflow.settings.workspace import Community
from qunflow.store.tables import (
    Instant,
    calls,
    contacts,
    groups,
    kill_switches,
    outside_sends,
    suppressions,
    targets,
    waves,
)

_BY_CARD = ("hand_send", "staff_notice")
# Made once, as building a statement costs more than running it.
_REFS: BindParameter[Any] = bindparam("refs", expanding=True)
_DAYS: BindParameter[Any] = bindparam("days", expanding=True)
_SINCE, _UNTIL, _MIDNIGHT = (bindparam(name, type_=Instant()) for name in ("since", "until", "midnight"))
_KIND: BindParameter[str] = bindparam("kind")
_FIRST_DAY: BindParameter[date] = bindparam("first_day")
# A dead letter that nobody gave up on before it left may have arrived: it counts as heard.
_PERHAPS_OUT = or_(
    targets.c.state.in_(OUT), and_(targets.c.state == "dead", targets.c.outcome.in_(("waiting", "delivered")))
)
_STOPPED = select(kill_switches.c.scope, kill_switches.c.key)
_CHATS = select(groups.c.group_id, groups.c.dissolved_at).where(groups.c.group_id.in_(_REFS))
# Somebody who deleted every contact with us cannot be written to.
_WITHOUT_CONTACT = (
    select(contacts.c.person_id)
    .where(contacts.c.person_id.in_(_REFS))
    .group_by(contacts.c.person_id)
    .having(func.count().filter(contacts.c.deleted_at.is_(None)) == 0)
)
_SUPPRESSED = select(suppressions.c.person_id, suppressions.c.kind).where(suppressions.c.person_id.in_(_REFS))
# An unknown outcome counts as sent; a task withdrawn before anybody confirmed it does not.
_OURS = (
    select(targets.c.target_ref.label("ref"), targets.c.stage.label("stage"), calls.c.intent_at.label("at"))
    .join(calls, calls.c.call_id == targets.c.call_id)
    .where(
        targets.c.target_kind == _KIND,
        targets.c.target_ref.in_(_REFS),
        targets.c.local_day >= _FIRST_DAY,
        targets.c.way.in_(QUOTA_WAYS),
        _PERHAPS_OUT,
        targets.c.outcome != "cancelled",
        calls.c.intent_at >= _SINCE,
        calls.c.intent_at < _UNTIL,
    )
)
_BESIDE = select(outside_sends.c.target_ref, literal(""), outside_sends.c.sent_at).where(
    outside_sends.c.target_kind == _KIND,
    outside_sends.c.target_ref.in_(_REFS),
    outside_sends.c.sent_at >= _SINCE,
    outside_sends.c.sent_at < _UNTIL,
)
_USES = _OURS.union_all(_BESIDE)
_BOTH = _USES.subquery()
_QUOTA_USE = select(
    _BOTH.c.ref,
    func.count().label("used"),
    func.sum(case((_BOTH.c.stage == "conversion", 1), else_=0)).label("converted"),
).group_by(_BOTH.c.ref)
_HEARD_IN_GROUPS = (
    select(targets.c.target_ref, func.count())
    .where(
        targets.c.target_kind == "chat",
        targets.c.target_ref.in_(_REFS),
        targets.c.local_day.in_(_DAYS),
        _PERHAPS_OUT,
        targets.c.outcome.not_in(("cancelled", "missed")),
    )
    .group_by(targets.c.target_ref)
)
# Whatever community wrote to them: it is one person.
_GOT_BY_PERSONS = (
    select(
        targets.c.target_ref.label("ref"),
        func.sum(case((calls.c.intent_at >= _MIDNIGHT, 1), else_=0)).label("today"),
        func.count().label("week"),
    )
    .join(calls, calls.c.call_id == targets.c.call_id)
    .where(
        targets.c.target_kind == "person",
        targets.c.target_ref.in_(_REFS),
        targets.c.local_day >= _FIRST_DAY,
        targets.c.marketing,
        _PERHAPS_OUT,
        targets.c.outcome != "cancelled",
        calls.c.intent_at >= _SINCE,
    )
    .group_by(targets.c.target_ref)
)
_RELEASED = select(waves.c.slot_key, waves.c.local_day, waves.c.wave).where(waves.c.slot_key.in_(_REFS))
_CARDS = (
    select(calls.c.sender_userid, func.count())
    .where(
        calls.c.sender_userid.in_(_REFS),
        calls.c.way.in_(_BY_CARD),
        calls.c.intent_at > _SINCE,
    )
    .group_by(calls.c.sender_userid)
)
# A message of one day may leave on the next, and zones differ by a day at most.
_DAY_SLACK = timedelta(days=2)


def read_facts(
    conn: Connection, batch: Sequence[Candidate], communities: Mapping[str, Community], now: datetime
) -> Facts:
    """The facts for a batch of at most a thousand candidates."""
    persons = sorted({one.target_ref for one in batch if one.target_kind == "person"})
    used, kept = _used(conn, batch, communities, now)
    today, week = _heard(conn, batch, communities, now)
    return Facts(
        stopped=[(row.scope, row.key) for row in conn.execute(_STOPPED)],
        gone={**_gone_chats(conn, batch), **_gone_persons(conn, persons)},
        suppressed=_suppressed(conn, persons),
        used=used,
        kept=kept,
        cards=_cards(conn, {one.sender_userid for one in batch if one.way in _BY_CARD}, now),
        heard_today=today,
        heard_week=week,
        released=_released(conn, batch),
    )


def quota_uses(
    conn: Connection, kind: str, refs: Sequence[int], since: datetime, until: datetime
) -> Sequence[Row[Any]]:
    """What counts against the quota of chats or persons from ``since`` to before ``until``: rows of ref, stage, at."""
    return conn.execute(_USES, {"kind": kind, "refs": refs, **_window(since, until)}).all()


def _window(since: datetime, until: datetime) -> dict[str, Any]:
    return {"since": since, "until": until, "first_day": platform_day(since) - _DAY_SLACK}


def _gone_chats(conn: Connection, batch: Sequence[Candidate]) -> dict[Key, str]:
    chats = sorted({one.target_ref for one in batch if one.target_kind == "chat"})
    rows = {row.group_id: row.dissolved_at for row in conn.execute(_CHATS, {"refs": chats})} if chats else {}
    gone = {("chat", one): "the group is unknown" for one in chats if one not in rows}
    return gone | {("chat", one): "the group is dissolved" for one, at in rows.items() if at is not None}


def _gone_persons(conn: Connection, persons: Sequence[int]) -> dict[Key, str]:
    if not persons:
        return {}
    found = conn.execute(_WITHOUT_CONTACT, {"refs": persons}).scalars()
    return {("person", person): "no contact any more" for person in found}


def _suppressed(conn: Connection, persons: Sequence[int]) -> dict[int, set[str]]:
    found: dict[int, set[str]] = defaultdict(set)
    if persons:
        for row in conn.execute(_SUPPRESSED, {"refs": persons}):
            found[row.person_id].add(row.kind)
    return found


def _used(
    conn: Connection, batch: Sequence[Candidate], communities: Mapping[str, Community], now: datetime
) -> tuple[dict[Key, int], dict[Key, int]]:
    """What is used of the quota, and what of the rest is kept for conversion."""
    used: dict[Key, int] = {}
    kept: dict[Key, int] = {}
    for community, mine in _by_community(batch, communities):
        bounds = _window(*period_of(community.quota.mode, platform_day(now)).instants)
        for kind in ("chat", "person"):
            refs = sorted({one.target_ref for one in mine if one.target_kind == kind and one.way in QUOTA_WAYS})
            if refs:
                rows = conn.execute(_QUOTA_USE, {"kind": kind, "refs": refs, **bounds}).all()
                used |= {(kind, row.ref): row.used for row in rows}
                converted = {row.ref: row.converted for row in rows}
                kept |= {(kind, ref): max(community.quota.reserve - converted.get(ref, 0), 0) for ref in refs}
    return used, kept


def _by_community(
    batch: Sequence[Candidate], communities: Mapping[str, Community]
) -> Iterator[tuple[Community, list[Candidate]]]:
    for key in sorted({one.community for one in batch} & set(communities)):
        yield communities[key], [one for one in batch if one.community == key]


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
            heard = conn.execute(_HEARD_IN_GROUPS, {"refs": chats, "days": days})
            today |= {("chat", ref): number for ref, number in heard}
        persons = sorted({one.target_ref for one in mine if one.target_kind == "person" and one.marketing})
        if persons:
            for row in _got_by(conn, persons, community, now):
                today["person", row.ref], week[row.ref] = row.today, row.week
    return today, week


def _got_by(conn: Connection, persons: Sequence[int], community: Community, now: datetime) -> Sequence[Row[Any]]:
    zone, since = community.zone_info, now - timedelta(days=7)
    midnight = day_bounds(local_day(now, zone), zone)[0]
    first_day = local_day(since, zone) - _DAY_SLACK
    return conn.execute(
        _GOT_BY_PERSONS, {"refs": persons, "midnight": midnight, "since": since, "first_day": first_day}
    ).all()


def _released(conn: Connection, batch: Sequence[Candidate]) -> set[tuple[str, date, int]]:
    slots = sorted({one.slot_key for one in batch if one.wave > 1})
    if not slots:
        return set()
    return {(row.slot_key, row.local_day, row.wave) for row in conn.execute(_RELEASED, {"refs": slots})}


def _cards(conn: Connection, senders: Iterable[str], now: datetime) -> dict[str, int]:
    wanted = sorted(senders)
    if not wanted:
        return {}
    found = conn.execute(_CARDS, {"refs": wanted, "since": now - timedelta(seconds=60)})
    return {row[0]: row[1] for row in found}
