"""Reads what ``bounds`` has to know about a batch of candidates, inside the transaction that claims them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from qunflow.delivery.bounds import Candidate, Facts, quota_of
from qunflow.delivery.model import OUT
from qunflow.settings.workspace import Community
from qunflow.store.tables import calls, contacts, groups, kill_switches, suppressions, targets

_QUOTA_WAYS = ("mass_task", "private_task")


def read_facts(conn: Connection, batch: Sequence[Candidate], communities: dict[str, Community], now: datetime) -> Facts:
    """The facts for a batch of at most a thousand candidates."""
    persons = sorted({one.target_ref for one in batch if one.target_kind == "person"})
    chats = sorted({one.target_ref for one in batch if one.target_kind == "chat"})
    return Facts(
        stopped=[(row.scope, row.key) for row in conn.execute(select(kill_switches))],
        gone={**_gone_chats(conn, chats), **_gone_persons(conn, persons)},
        suppressed=_suppressed(conn, persons),
        used=_used(conn, batch, communities, now),
        cards=_cards(conn, {one.sender_userid for one in batch}, now),
    )


def _gone_chats(conn: Connection, chats: Sequence[int]) -> dict[tuple[str, int], str]:
    wanted = select(groups.c.group_id, groups.c.chat_id, groups.c.dissolved_at).where(groups.c.group_id.in_(chats))
    rows = {row.group_id: row for row in conn.execute(wanted)} if chats else {}
    gone = {("chat", one): "the group is unknown" for one in chats if one not in rows}
    for row in rows.values():
        if row.dissolved_at is not None:
            gone["chat", row.group_id] = "the group is dissolved"
        elif not row.chat_id:
            gone["chat", row.group_id] = "the group has no chat id"
    return gone


def _gone_persons(conn: Connection, persons: Sequence[int]) -> dict[tuple[str, int], str]:
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
    conn: Connection, batch: Sequence[Candidate], communities: dict[str, Community], now: datetime
) -> dict[tuple[str, int], int]:
    used: dict[tuple[str, int], int] = {}
    for key in {one.community for one in batch} & set(communities):
        start, end, _ = quota_of(communities[key].quota.mode, now)
        mine = [one for one in batch if one.community == key and one.way in _QUOTA_WAYS]
        for kind in ("chat", "person"):
            refs = {one.target_ref for one in mine if one.target_kind == kind}
            used |= _out_between(conn, kind, refs, start, end)
    return used


def _out_between(
    conn: Connection, kind: str, refs: Iterable[int], start: datetime, end: datetime
) -> dict[tuple[str, int], int]:
    wanted = sorted(refs)
    if not wanted:
        return {}
    # An unknown outcome counts as sent; a task withdrawn before anybody confirmed it does not.
    statement = (
        select(targets.c.target_ref, func.count())
        .join(calls, calls.c.call_id == targets.c.call_id)
        .where(
            targets.c.target_kind == kind,
            targets.c.target_ref.in_(wanted),
            targets.c.way.in_(_QUOTA_WAYS),
            targets.c.state.in_(OUT),
            targets.c.outcome != "cancelled",
            calls.c.intent_at >= start,
            calls.c.intent_at < end,
        )
        .group_by(targets.c.target_ref)
    )
    return {(kind, ref): count for ref, count in conn.execute(statement)}


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
