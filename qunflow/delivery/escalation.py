"""Handing the chasing to somebody else once reminding has not helped: a to-do and a word, once for each call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, update

from qunflow.clock import local_day
from qunflow.delivery.chasing import supervisor
from qunflow.delivery.notices import Notice, tell, title_of
from qunflow.delivery.ports import Ports
from qunflow.settings.workspace import Community
from qunflow.store import absences, todos
from qunflow.store.tables import calls
from qunflow.store.todos import NewTodo


@dataclass(frozen=True, slots=True)
class Overdue:
    """What somebody has not done although they were reminded; ``number`` is how many groups wait for it."""

    community: Community
    call_ids: tuple[int, ...]
    sender: str
    slot_key: str
    not_after: datetime
    number: int


def escalate(conn: Connection, ports: Ports, one: Overdue, now: datetime) -> int:
    """Returns 1 when somebody was told, 0 when that was done before or there is nobody to tell."""
    mine = update(calls).where(calls.c.call_id.in_(one.call_ids), calls.c.escalated_at.is_(None))
    if not conn.execute(mine.values(escalated_at=now)).rowcount:
        return 0
    to = supervisor(ports.workspace, absences.noted(conn, now), one.sender, now)
    if not to:
        return 0
    zone = one.community.zone_info
    values = {
        "title": title_of(ports.titles(), one.slot_key),
        "who": name_of(ports, one.sender),
        "groups": one.number,
        "not_after": f"{one.not_after.astimezone(zone):%H:%M}",
    }
    key = f"chase/{one.community.key}/{one.slot_key}/{local_day(one.not_after, zone)}/{one.sender}"
    note = ports.templates.render("delivery/escalated.j2", values).strip()
    details = {"note": note, "slot": one.slot_key}
    todos.add(conn, [NewTodo(key[:200], one.community.key, "chase", to, one.not_after, details)], now)
    return tell(conn, ports, one.community, Notice(to, f"chase/{one.sender}/{one.slot_key}", "escalated", values), now)


def name_of(ports: Ports, userid: str) -> str:
    """How somebody is called."""
    member = ports.workspace.member(userid)
    return (member.name if member else "") or userid
