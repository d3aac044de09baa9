"""
The morning card: before the first message of the day everybody who has work is told how much, in three lines.

Once a local day and person; what is counted is what is in the outbox when it is told.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, select

from qunflow.clock import instant_of, local_day
from qunflow.community.roles import may
from qunflow.delivery.notices import STAGE, Notice, tell
from qunflow.delivery.ports import Ports
from qunflow.delivery.problems import problems
from qunflow.language import catalogue
from qunflow.settings.workspace import Community
from qunflow.store.tables import targets

# Later nobody needs to be told what the day will bring.
_WITHIN = timedelta(minutes=90)
_LIVE = ("checked", "approved", "intent", "sent", "unknown", "reconciled")


@dataclass(frozen=True, slots=True)
class _Work:
    cards: int
    tasks: int
    first: datetime


def good_morning(ports: Ports, now: datetime) -> int:
    """Queue the morning cards that are due; returns how many are new."""
    at = ports.workspace.delivery.morning_at
    if at is None or not ports.workspace.team:
        return 0
    told = 0
    for community in ports.workspace.communities:
        day = local_day(now, community.zone_info)
        due = instant_of(day, at, community.zone_info)
        if due <= now < due + _WITHIN:
            told += _of_community(ports, community, day, now)
    return told


def _of_community(ports: Ports, community: Community, day: date, now: datetime) -> int:
    with ports.store.reading() as conn:
        known = set(conn.execute(_told(community, day)).scalars())
        work = _work_of(conn.execute(_day(community, day)).all())
        new = {who: mine for who, mine in work.items() if _key(community, who) not in known}
        old = _left_over(conn, ports, community, day, now) if new else (0, 0)
    return sum(
        ports.store.write(
            partial(tell, ports=ports, community=community, notice=_notice(ports, community, who, mine, old), now=now)
        )
        for who, mine in new.items()
    )


def _key(community: Community, userid: str) -> str:
    return f"morning/{community.key}/{userid}"


def _told(community: Community, day: date) -> Any:
    return select(targets.c.slot_key).where(
        targets.c.community == community.key, targets.c.local_day == day, targets.c.stage == STAGE
    )


def _day(community: Community, day: date) -> Any:
    return select(targets.c.sender_userid, targets.c.way, targets.c.slot_key, targets.c.due_at).where(
        targets.c.community == community.key,
        targets.c.local_day == day,
        targets.c.way.in_(("hand_send", "mass_task")),
        targets.c.state.in_(_LIVE),
    )


def _work_of(rows: Any) -> dict[str, _Work]:
    by_person: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        by_person[row.sender_userid].append(row)
    return {
        who: _Work(
            cards=sum(row.way == "hand_send" for row in mine),
            tasks=len({row.slot_key for row in mine if row.way == "mass_task"}),
            first=min(row.due_at for row in mine),
        )
        for who, mine in by_person.items()
    }


def _left_over(conn: Connection, ports: Ports, community: Community, day: date, now: datetime) -> tuple[int, int]:
    """Of yesterday: messages nobody posted, and what waits to be settled."""
    missed = select(targets.c.target_id).where(
        targets.c.community == community.key,
        targets.c.local_day == day - timedelta(days=1),
        targets.c.outcome.in_(("missed", "cancelled")),
        targets.c.way.in_(("hand_send", "mass_task")),
        targets.c.state == "sent",
    )
    return len(conn.execute(missed).all()), len(problems(conn, ports.workspace, now))


def _notice(ports: Ports, community: Community, who: str, work: _Work, old: tuple[int, int]) -> Notice:
    words = catalogue(ports.lang)
    member = ports.workspace.member(who)
    missed, unsettled = old
    left = words.text("desk.morning.missed", number=missed) if missed else words.text("desk.morning.all_sent")
    if unsettled and member is not None and may(member.roles, "settle"):
        left += words.text("desk.morning.unsettled", number=unsettled)
    first = f"{work.first.astimezone(community.zone_info):%H:%M}"
    values = {"cards": work.cards, "tasks": work.tasks, "first": first, "problems": left}
    return Notice(who, _key(community, who), "morning", values, lasts=_WITHIN)
