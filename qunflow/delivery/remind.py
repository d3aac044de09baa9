"""
Chasing what people have to do: reminders to owners, withdrawing at quiet hours, cards nobody answered.

A reminder is counted before it is made: one lost on the way is not repeated, so nobody is reminded more than three
times a day. What has been confirmed already is found out by ``poll``, first.

Source: at most three reminders of a task in 24 hours, WeCom developer centre, page 96355 (read 2026-11-21).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection, select, update

from qunflow.clock import local_day
from qunflow.delivery.bounds import quiet_now
from qunflow.delivery.poll import CANCELLED, OpenCall, concerns_one_call, open_calls, record
from qunflow.delivery.ports import Ports
from qunflow.errors import ChannelRefused, ConfigurationError, QunflowError, TransientError
from qunflow.settings.workspace import Community
from qunflow.store.tables import calls, targets

_REMINDED_ENOUGH = 41094


@dataclass(slots=True)
class ReminderReport:
    """Reminders made, mass tasks withdrawn, hand-sends nobody did."""

    reminded: int = 0
    withdrawn: int = 0
    missed: int = 0
    problem: QunflowError | None = None


def remind(ports: Ports, now: datetime) -> ReminderReport:
    """Remind owners who are due for it, and close what can no longer happen today."""
    report = ReminderReport()
    with ports.store.reading() as conn:
        tasks = open_calls(conn, ports)
    for task in tasks:
        try:
            _chase(ports, task, now, report)
        except TransientError as error:
            if not concerns_one_call(error):
                report.problem = error
    report.missed = ports.store.write(partial(_close_cards, ports=ports, now=now))
    return report


def _chase(ports: Ports, task: OpenCall, now: datetime, report: ReminderReport) -> None:
    community = _community(ports, task.community)
    if community is not None and is_over(community, task.local_day, now):
        report.withdrawn += _withdraw(ports, task, now)
    elif _is_due(ports, task, now) and ports.store.write(partial(_count, task=task, now=now)):
        report.reminded += _remind_once(ports, task)


def is_over(community: Community, day: object, now: datetime) -> bool:
    """Whether nothing of that local day can be posted any more: quiet hours have begun, or the day is past."""
    return quiet_now(community, now) or local_day(now, community.zone_info) != day


def _community(ports: Ports, key: str) -> Community | None:
    try:
        return ports.workspace.community(key)
    except ConfigurationError:
        return None  # taken out of qunflow.yaml: left to poll


def _is_due(ports: Ports, task: OpenCall, now: datetime) -> bool:
    settings = ports.workspace.delivery
    last = task.reminded_at or task.sent_at
    return task.reminders < settings.remind_limit and now - last >= timedelta(minutes=settings.remind_after_minutes)


def _count(conn: Connection, task: OpenCall, now: datetime) -> bool:
    done = conn.execute(
        update(calls)
        .where(calls.c.call_id == task.call_id, calls.c.reminders == task.reminders)
        .values(reminders=task.reminders + 1, reminded_at=now)
    )
    return done.rowcount == 1


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
