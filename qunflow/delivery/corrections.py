"""
What was wrong: stopped where it has not gone, withdrawn where nobody has confirmed it, and told to people where it has.

Nobody can recall a message from a customer group but the person who sent it, so that is a to-do. A correction is a
message like any other: planned, checked, approved by somebody else, sent by hand. A changed price or stock is noticed
when the day is planned again, against what the audit knows of the offer.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, select, update

from qunflow.clock import local_day
from qunflow.community.offers import yuan
from qunflow.delivery.claims import CLAIMING
from qunflow.delivery.model import OUT, UNSENT, Content, Planned
from qunflow.delivery.outbox import check, plan
from qunflow.delivery.withdrawing import RECALLED
from qunflow.settings.workspace import Community, Offer
from qunflow.store import audit, todos
from qunflow.store.engine import lock
from qunflow.store.tables import audit_log, contents, groups, targets
from qunflow.store.todos import Kind, NewTodo

CORRECTION = "/correction"
_LASTS = timedelta(hours=2)
_TERMS = "offer.terms"


@dataclass(frozen=True, slots=True)
class Recalled:
    """Counted in groups: not sent any more, told to be recalled by hand, and given a correction to post."""

    stopped: int
    recalls: int
    corrections: int


def recall(
    conn: Connection,
    community: Community,
    slot_key: str,
    day: date,
    *,
    by: str,
    at: datetime,
    correction: str = "",
) -> Recalled:
    """
    A slot of a day was wrong, for every group.

    Args:
        correction: what to post instead, or empty; it waits for approval.
    """
    lock(conn, CLAIMING)
    rows = conn.execute(_in_groups(community.key, slot_key, day)).all()
    unsent = [row for row in rows if row.state in UNSENT]
    _change(conn, unsent, state="skipped", outcome="missed", reason=RECALLED)
    out = [row for row in rows if row.state in (*OUT, "dead") and row.outcome in ("waiting", "delivered")]
    # An open card is taken off the phone at once; an open task is withdrawn by the next round.
    cards = [row for row in out if row.way == "hand_send" and row.outcome == "waiting" and row.state == "sent"]
    _change(conn, cards, outcome="cancelled", outcome_at=at, reason=RECALLED)
    tasks = [row for row in out if row.way == "mass_task" and row.outcome == "waiting" and row.state == "sent"]
    _change(conn, tasks, reason=RECALLED)
    arrived = [row for row in out if row.outcome == "delivered"]
    _change(conn, arrived, reason=RECALLED)
    made = todos.add(conn, [_todo("recall", row, at, row.text) for row in arrived], at)
    told = _correct(conn, community, arrived, correction, by, at) if correction else 0
    done = Recalled(stopped=len(unsent) + len(cards) + len(tasks), recalls=made, corrections=told)
    detail = {"stopped": done.stopped, "recalls": done.recalls, "corrections": done.corrections}
    audit.record(conn, by, "delivery.recall", f"{slot_key} {day}", at, detail)
    return done


def recall_late(conn: Connection, at: datetime) -> int:
    """To-dos for what arrived although it had been recalled: confirmed or posted in the last second."""
    wanted = _joined().where(
        targets.c.reason == RECALLED,
        targets.c.outcome == "delivered",
        targets.c.state == "sent",
        targets.c.due_at > at - timedelta(days=1),
    )
    return todos.add(conn, [_todo("recall", row, at, row.text) for row in conn.execute(wanted)], at)


def note_terms(conn: Connection, community: Community, at: datetime) -> int:
    """
    Remember what each offer costs and how many there are; where that has changed, today's messages that named the old
    terms and are out get a to-do to be corrected.

    Returns:
        How many to-dos are new.
    """
    known = _known_terms(conn, community)
    made = 0
    for offer in community.offers:
        now = {"price": yuan(offer.price_fen), "stock": str(offer.stock)}
        old = known.get(offer.key)
        if old == now:
            continue
        audit.record(conn, "settings", _TERMS, f"{community.key}/{offer.key}", at, now)
        if old is not None:
            made += _correct_terms(conn, community, offer, old, now, at)
    return made


def _correct_terms(
    conn: Connection, community: Community, offer: Offer, old: Mapping[str, str], now: Mapping[str, str], at: datetime
) -> int:
    changed = [name for name in ("price", "stock") if old.get(name) != now[name]]
    wanted = _joined().where(
        targets.c.community == community.key,
        targets.c.local_day == local_day(at, community.zone_info),
        targets.c.target_kind == "chat",
        targets.c.state.in_(OUT),
        targets.c.outcome.in_(("waiting", "delivered")),
    )
    wrong = [
        row
        for row in conn.execute(wanted)
        if offer.name in row.text and any(_names(row.text, old.get(name, "")) for name in changed)
    ]
    note = "、".join(f"{offer.name} {old.get(name)} → {now[name]}" for name in changed)
    # Changed back and forth, each change is one of its own.
    suffix = "/".join(now.values())
    return todos.add(conn, [_todo("correct", row, at, "", note, suffix) for row in wrong], at)


def _names(text: str, number: str) -> bool:
    """Whether a number stands in a text, and not only as a part of another."""
    return bool(number) and re.search(rf"(?<![\d.]){re.escape(number)}(?!\.?\d)", text) is not None


def _known_terms(conn: Connection, community: Community) -> dict[str, Mapping[str, str]]:
    wanted = (
        select(audit_log.c.subject, audit_log.c.detail)
        .where(audit_log.c.action == _TERMS, audit_log.c.subject.startswith(f"{community.key}/", autoescape=True))
        .order_by(audit_log.c.audit_id)
    )
    return {row.subject.rpartition("/")[2]: row.detail for row in conn.execute(wanted)}


def _joined() -> Any:
    return (
        select(targets, contents.c.text, contents.c.attachments, groups.c.name.label("group_name"))
        .join(contents, contents.c.content_version == targets.c.content_version)
        .join(groups, and_(targets.c.target_kind == "chat", groups.c.group_id == targets.c.target_ref))
    )


def _in_groups(community: str, slot_key: str, day: date) -> Any:
    return _joined().where(targets.c.community == community, targets.c.slot_key == slot_key, targets.c.local_day == day)


def _change(conn: Connection, rows: Collection[Row[Any]], **values: Any) -> None:
    conn.execute(update(targets).where(targets.c.target_id.in_([row.target_id for row in rows])).values(**values))


def _todo(kind: Kind, row: Row[Any], at: datetime, text: str, note: str = "", suffix: str = "") -> NewTodo:
    details = {"slot": row.slot_key, **({"text": text} if text else {}), **({"note": note} if note else {})}
    key = f"{kind}/{row.target_id}{'/' + suffix if suffix else ''}"
    return NewTodo(key, row.community, kind, row.sender_userid, at, details, row.target_ref, row.target_id)


def _correct(conn: Connection, community: Community, rows: Iterable[Row[Any]], text: str, by: str, at: datetime) -> int:
    admins = {group.key: group.admin for group in community.groups}
    keys = {row.group_id: row.group_key for row in conn.execute(select(groups.c.group_id, groups.c.group_key))}
    planned = [
        Planned(
            community=row.community,
            stage=row.stage,
            campaign=row.campaign,
            slot_key=f"{row.slot_key}{CORRECTION}"[:120],
            day=local_day(at, community.zone_info),
            way="hand_send",
            sender_userid=admins.get(keys.get(row.target_ref, ""), row.sender_userid),
            target_kind="chat",
            target_ref=row.target_ref,
            content=Content(text),
            due_at=at,
            not_after=at + _LASTS,
            marketing=False,
            author=by,
        )
        for row in rows
    ]
    report = plan(conn, planned, at)
    check(conn, report.ids)
    return report.added
