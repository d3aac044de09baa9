"""
Chasing what people have to do: reminders to owners and of cards, withdrawing at quiet hours, cards nobody answered.

A reminder is counted before it is made: one lost on the way is not repeated, so nobody is reminded of a task more than
three times a day. What has been confirmed already is found out by ``poll``, first.

Source: at most three reminders of a task in 24 hours, WeCom developer centre, page 96355 (read 2026-11-21).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection, select, update

from qunflow.clock import local_day
from qunflow.delivery.bounds import quiet_now
from qunflow.delivery.cards import escalate_cards, remind_of_cards, tell_new_holders
from qunflow.delivery.escalation import Overdue, escalate
from qunflow.delivery.follow_up import follow_up
from qunflow.delivery.notices import Notice, tell, title_of
from qunflow.delivery.poll import CANCELLED, OpenCall, concerns_one_call, open_calls, record
from qunflow.delivery.ports import Ports
from qunflow.errors import ChannelRefused, ConfigurationError, QunflowError, TransientError
from qunflow.settings.workspace import Community
from qunflow.store.tables import calls, targets

_REMINDED_ENOUGH = 41094


@dataclass(slots=True)
class ReminderReport:
    """Reminders made, mass tasks withdrawn, hand-sends nobody did; who was told of cards, and what went to others."""

    reminded: int = 0
    withdrawn: int = 0
    missed: int = 0
    told: int = 0
    escalated: int = 0
    problem: QunflowError | None = None


def remind(ports: Ports, now: datetime) -> ReminderReport:
    """Remind whoever is due for it, tell others where that has not helped, and close what can no longer happen."""
    report = ReminderReport()
    with ports.store.reading() as conn:
        tasks = open_calls(conn, ports)
        new = _unannounced(conn, ports, tasks)
    for task in tasks:
        try:
            _chase(ports, task, now, report, is_new=task.call_id in new)
        except TransientError as error:
            if not concerns_one_call(error):
                report.problem = error
    if ports.workspace.team:
        report.told = tell_new_holders(ports, now) + remind_of_cards(ports, now)
        report.escalated += escalate_cards(ports, now)
    report.missed = ports.store.write(partial(_close_up, ports=ports, now=now))
    return report


def _chase(ports: Ports, task: OpenCall, now: datetime, report: ReminderReport, *, is_new: bool) -> None:
    community = _community(ports, task.community)
    if community is not None and is_over(community, task.local_day, now):
        report.withdrawn += _withdraw(ports, task, now)
        return
    if community is not None and is_new:
        ports.store.write(partial(_say, ports=ports, community=community, task=task, template="created", now=now))
    if _is_due(ports, task, now):
        if ports.store.write(partial(_count, ports=ports, community=community, task=task, now=now)):
            report.reminded += _remind_once(ports, task)
    elif community is not None and _is_given_up(ports, task, now):
        report.escalated += ports.store.write(
            partial(_escalate_task, ports=ports, community=community, task=task, now=now)
        )


def is_over(community: Community, day: object, now: datetime) -> bool:
    """Whether nothing of that local day can be posted any more: quiet hours have begun, or the day is past."""
    return quiet_now(community, now) or local_day(now, community.zone_info) != day


def _community(ports: Ports, key: str) -> Community | None:
    try:
        return ports.workspace.community(key)
    except ConfigurationError:
        return None  # taken out of qunflow.yaml: left to poll


def _is_due(ports: Ports, task: OpenCall, now: datetime) -> bool:
    return task.reminders < ports.workspace.delivery.remind_limit and _has_waited(ports, task, now)


def _is_given_up(ports: Ports, task: OpenCall, now: datetime) -> bool:
    """Whether the last reminder has had its time; whoever is not in a team has nobody to take over."""
    return bool(ports.workspace.team) and _has_waited(ports, task, now)


def _has_waited(ports: Ports, task: OpenCall, now: datetime) -> bool:
    last = task.reminded_at or task.sent_at
    return now - last >= timedelta(minutes=ports.workspace.delivery.remind_after_minutes)


def _count(conn: Connection, ports: Ports, community: Community | None, task: OpenCall, now: datetime) -> bool:
    done = conn.execute(
        update(calls)
        .where(calls.c.call_id == task.call_id, calls.c.reminders == task.reminders)
        .values(reminders=task.reminders + 1, reminded_at=now)
    )
    if done.rowcount and community is not None:
        last = task.reminders + 1 == ports.workspace.delivery.remind_limit
        _say(conn, ports=ports, community=community, task=task, template="late" if last else "soon", now=now)
    return done.rowcount == 1


def _unannounced(conn: Connection, ports: Ports, tasks: list[OpenCall]) -> set[int]:
    """Calls their owner has not been told of yet: none, where there is no team to tell."""
    if not ports.workspace.team:
        return set()
    fresh = {f"task/{one.call_id}/created": one.call_id for one in tasks if one.reminders == 0}
    known = select(targets.c.slot_key).where(targets.c.slot_key.in_(list(fresh)), targets.c.way == "staff_notice")
    told = set(conn.execute(known).scalars()) if fresh else set()
    return {call_id for key, call_id in fresh.items() if key not in told}


def _say(conn: Connection, ports: Ports, community: Community, task: OpenCall, template: str, now: datetime) -> int:
    """Tell the owner what waits and how long; nothing once it is too late."""
    about = _about(conn, task)
    left = (about.not_after - now) if about else timedelta()
    if about is None or left <= timedelta():
        return 0
    values = {
        "title": title_of(ports.titles(), about.slot_key),
        "groups": len(task.waiting),
        "not_after": f"{about.not_after.astimezone(community.zone_info):%H:%M}",
        "now": f"{now.astimezone(community.zone_info):%H:%M}",
        "minutes": int(left.total_seconds()) // 60,
    }
    number = "created" if template == "created" else str(task.reminders + 1)
    notice = Notice(task.sender_userid, f"task/{task.call_id}/{number}", f"remind_{template}", values, lasts=left)
    return tell(conn, ports, community, notice, now)


@dataclass(frozen=True, slots=True)
class _About:
    slot_key: str
    not_after: datetime


def _about(conn: Connection, task: OpenCall) -> _About | None:
    wanted = select(targets.c.slot_key, targets.c.not_after).where(targets.c.call_id == task.call_id).limit(1)
    row = conn.execute(wanted).one_or_none()
    return _About(row.slot_key, row.not_after) if row else None


def _escalate_task(conn: Connection, ports: Ports, community: Community, task: OpenCall, now: datetime) -> int:
    about = _about(conn, task)
    if about is None:
        return 0
    overdue = Overdue(
        community, (task.call_id,), task.sender_userid, about.slot_key, about.not_after, len(task.waiting)
    )
    return escalate(conn, ports, overdue, now)


def _remind_once(ports: Ports, task: OpenCall) -> int:
    try:
        ports.wecom.remind(task.platform_id)
    except ChannelRefused as error:
        if error.code not in (_REMINDED_ENOUGH, CANCELLED):
            raise
        return 0
    return 1


def _withdraw(ports: Ports, task: OpenCall, now: datetime) -> int:
    try:
        ports.wecom.cancel(task.platform_id)
    except ChannelRefused as error:
        if error.code != CANCELLED:
            raise
    ended = [(target_id, "cancelled", None) for target_id in task.waiting.values()]
    ports.store.write(partial(record, task=task, found=ended, now=now))
    return 1


def _close_up(conn: Connection, ports: Ports, now: datetime) -> int:
    follow_up(conn, ports, now)
    return _close_cards(conn, ports, now)


def _close_cards(conn: Connection, ports: Ports, now: datetime) -> int:
    """Cards whose day is over without 已发 are missed; a late tap still counts."""
    wanted = select(targets.c.target_id, targets.c.community, targets.c.local_day).where(
        targets.c.way == "hand_send", targets.c.state == "sent", targets.c.outcome == "waiting"
    )
    communities = {one.key: one for one in ports.workspace.communities}
    over = [
        row.target_id
        for row in conn.execute(wanted)
        if row.community in communities and is_over(communities[row.community], row.local_day, now)
    ]
    for start in range(0, len(over), 1_000):
        part = targets.c.target_id.in_(over[start : start + 1_000])
        conn.execute(update(targets).where(part).values(outcome="missed", outcome_at=now))
    return len(over)
