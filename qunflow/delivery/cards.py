"""
Reminding of cards that were given out and not posted, and telling somebody else when that has not helped.

Each reminder is counted in the transaction that queues its words: it is told once, whoever else runs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, and_, select, update

from qunflow.clock import local_day
from qunflow.delivery.chasing import card_is_given_up, card_moments
from qunflow.delivery.escalation import Overdue, escalate, name_of
from qunflow.delivery.notices import Notice, tell, title_of
from qunflow.delivery.ports import Ports
from qunflow.settings.workspace import Community
from qunflow.store.tables import calls, groups, targets

# Nobody is reminded of what fell due longer ago.
_STILL = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Late:
    """Cards of one person with the same message, not posted, that one reminder can speak of."""

    community: Community
    sender: str
    slot_key: str
    not_after: datetime
    rows: tuple[Row[Any], ...]
    reminders: int

    @property
    def call_ids(self) -> list[int]:
        """Their calls."""
        return [row.call_id for row in self.rows]


def remind_of_cards(ports: Ports, now: datetime) -> int:
    """Tell whoever has cards to post that their time runs; returns how many were told."""
    with ports.store.reading() as conn:
        late = [one for one in open_cards(conn, ports, now) if _moments_passed(ports, one, now) > one.reminders]
    return sum(ports.store.write(partial(_remind, ports=ports, one=one, now=now)) for one in late)


def tell_new_holders(ports: Ports, now: datetime) -> int:
    """Tell whoever got cards that had been given out to somebody else; returns how many were told."""
    with ports.store.reading() as conn:
        moved = [one for one in open_cards(conn, ports, now) if one.rows[0].first_holder != one.sender]
        keys = [_handed_key(one) for one in moved]
        known = select(targets.c.slot_key).where(targets.c.slot_key.in_(keys), targets.c.way == "staff_notice")
        told = set(conn.execute(known).scalars()) if keys else set()
    new = [one for one in moved if _handed_key(one) not in told]
    return sum(ports.store.write(partial(_hand, ports=ports, one=one, now=now)) for one in new)


def escalate_cards(ports: Ports, now: datetime) -> int:
    """Tell somebody else of cards for which reminding has not helped, once; returns how many times that was."""
    settings = ports.workspace.delivery
    with ports.store.reading() as conn:
        late = [
            one
            for one in open_cards(conn, ports, now, escalated=False)
            if card_is_given_up(one.not_after, settings, now)
        ]
    return sum(ports.store.write(partial(_escalate, ports=ports, one=one, now=now)) for one in late)


def open_cards(conn: Connection, ports: Ports, now: datetime, escalated: bool | None = None) -> list[Late]:
    """Cards given out, not posted and not too late."""
    wanted = (
        select(
            targets, groups.c.name.label("group_name"), calls.c.reminders, calls.c.sender_userid.label("first_holder")
        )
        .join(calls, calls.c.call_id == targets.c.call_id)
        .join(groups, and_(targets.c.target_kind == "chat", groups.c.group_id == targets.c.target_ref))
        .where(
            targets.c.way == "hand_send",
            targets.c.state == "sent",
            targets.c.outcome == "waiting",
            targets.c.due_at.between(now - _STILL, now),
            targets.c.not_after >= now,
        )
        .order_by(*(targets.c[name] for name in _TOGETHER), calls.c.reminders, targets.c.target_id)
    )
    if escalated is not None:
        wanted = wanted.where(calls.c.escalated_at.is_not(None) if escalated else calls.c.escalated_at.is_(None))
    return list(_grouped(conn.execute(wanted).all(), ports))


_TOGETHER = ("community", "sender_userid", "slot_key", "due_at", "not_after")


def _grouped(rows: Iterable[Row[Any]], ports: Ports) -> Iterable[Late]:
    communities = {one.key: one for one in ports.workspace.communities}
    for key, found in groupby(rows, key=lambda row: (*(getattr(row, name) for name in _TOGETHER), row.reminders)):
        if key[0] in communities:
            yield Late(communities[key[0]], key[1], key[2], key[4], tuple(found), key[5])


def _moments_passed(ports: Ports, one: Late, now: datetime) -> int:
    moments = card_moments(one.rows[0].due_at, one.not_after, ports.workspace.delivery)
    return sum(at <= now for at in moments)


def _remind(conn: Connection, ports: Ports, one: Late, now: datetime) -> int:
    passed = _moments_passed(ports, one, now)
    mine = update(calls).where(calls.c.call_id.in_(one.call_ids), calls.c.reminders == one.reminders)
    if not conn.execute(mine.values(reminders=passed, reminded_at=now)).rowcount:
        return 0
    values = {
        "title": title_of(ports.titles(), one.slot_key),
        "groups": len(one.rows),
        "names": "、".join(row.group_name for row in one.rows[:5]) + ("…" if len(one.rows) > 5 else ""),
        "not_after": f"{one.not_after.astimezone(one.community.zone_info):%H:%M}",
        # The platform swallows the same words twice.
        "minutes": int((one.not_after - now).total_seconds()) // 60,
    }
    notice = Notice(one.sender, f"remind/{one.sender}/{one.slot_key}/{passed}", "remind_card", values)
    return tell(conn, ports, one.community, notice, now)


def _handed_key(one: Late) -> str:
    day = local_day(one.not_after, one.community.zone_info)
    return f"handed/{one.sender}/{one.slot_key}/{day}"[:120]


def _hand(conn: Connection, ports: Ports, one: Late, now: datetime) -> int:
    values = {
        "who": name_of(ports, one.rows[0].first_holder),
        "title": title_of(ports.titles(), one.slot_key),
        "groups": len(one.rows),
        "not_after": f"{one.not_after.astimezone(one.community.zone_info):%H:%M}",
    }
    return tell(conn, ports, one.community, Notice(one.sender, _handed_key(one), "handed_over", values), now)


def _escalate(conn: Connection, ports: Ports, one: Late, now: datetime) -> int:
    overdue = Overdue(one.community, tuple(one.call_ids), one.sender, one.slot_key, one.not_after, len(one.rows))
    return escalate(conn, ports, overdue, now)
