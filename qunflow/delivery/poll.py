"""
What became of mass tasks on the other side: delivered, no friend any more, over quota, withdrawn.

A created task is not a delivered message: the owner has to confirm it. Reminding is left to ``remind``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update

from qunflow.connectors.wecom.answers import RefusedForNow
from qunflow.delivery.moments import poll_moments
from qunflow.delivery.ports import Ports
from qunflow.errors import ChannelRefused, QunflowError, TransientError
from qunflow.store.tables import calls, groups, targets

CANCELLED = 41093
_OUTCOMES = {1: "delivered", 2: "not_friend", 3: "over_quota"}


@dataclass(slots=True)
class PollReport:
    """New outcomes by name, counted in targets; ``waiting`` is what nobody has confirmed yet."""

    outcomes: dict[str, int] = field(default_factory=dict)
    waiting: int = 0
    problem: QunflowError | None = None

    def count(self, outcome: str, number: int) -> None:
        """Add to the count of one outcome."""
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + number


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A mass task that somebody still has to confirm, with its waiting targets: address → target id."""

    call_id: int
    platform_id: str
    sender_userid: str
    community: str
    local_day: Any
    sent_at: datetime
    reminders: int
    reminded_at: datetime | None
    waiting: dict[str, int] = field(repr=False)


def poll(ports: Ports, now: datetime) -> PollReport:
    """Ask the platform about every open mass task and record what it says; one that cannot be asked stays open."""
    report = PollReport()
    with ports.store.reading() as conn:
        tasks = open_calls(conn, ports)
    for task in tasks:
        try:
            found = _results(ports, task)
        except TransientError as error:
            if not concerns_one_call(error):
                report.problem = error
            report.waiting += len(task.waiting)
            continue
        written = ports.store.write(partial(record, task=task, found=found, now=now))
        for outcome, number in written.items():
            report.count(outcome, number)
        report.waiting += len(task.waiting) - sum(written.values())
    try:
        for outcome, number in poll_moments(ports, now).items():
            report.count(outcome, number)
    except TransientError as error:
        report.problem = report.problem or error
    return report


def concerns_one_call(error: TransientError) -> bool:
    """Whether the platform only wants this one left alone, such as a task it is still dispatching (41063)."""
    return isinstance(error, RefusedForNow) and not error.concerns_all


def open_calls(conn: Connection, ports: Ports) -> list[OpenCall]:
    """Mass tasks the platform holds, with targets whose outcome is waiting."""
    wanted = (
        select(
            calls,
            targets.c.target_id,
            targets.c.target_ref,
            targets.c.community,
            targets.c.local_day,
            targets.c.sent_at,
            groups.c.chat_id,
        )
        .join(targets, targets.c.call_id == calls.c.call_id)
        .outerjoin(groups, (targets.c.target_kind == "chat") & (groups.c.group_id == targets.c.target_ref))
        .where(
            calls.c.state.in_(("sent", "reconciled")),
            calls.c.platform_id.is_not(None),
            calls.c.way.in_(("mass_task", "private_task")),
            targets.c.state == "sent",
            targets.c.outcome == "waiting",
        )
        .order_by(calls.c.call_id, targets.c.target_id)
    )
    rows = conn.execute(wanted).all()
    persons = ports.vault.external_userids(conn, [row.target_ref for row in rows if row.way == "private_task"])
    found: dict[int, OpenCall] = {}
    for row in rows:
        address = persons.get(row.target_ref, "") if row.way == "private_task" else row.chat_id or ""
        found.setdefault(row.call_id, _open_call(row)).waiting[address] = row.target_id
    return list(found.values())


def _open_call(row: Row[Any]) -> OpenCall:
    return OpenCall(
        call_id=row.call_id,
        platform_id=row.platform_id,
        sender_userid=row.sender_userid,
        community=row.community,
        local_day=row.local_day,
        sent_at=row.sent_at or row.intent_at,
        reminders=row.reminders,
        reminded_at=row.reminded_at,
        waiting={},
    )


def _results(ports: Ports, task: OpenCall) -> list[tuple[int, str, datetime | None]]:
    """(target id, outcome, instant) of the targets that have one."""
    try:
        results = ports.wecom.groupmsg_send_result(task.platform_id, task.sender_userid)
    except ChannelRefused as error:
        # Neither will ever be confirmed: withdrawn, or unknown to the platform.
        outcome = "cancelled" if error.code == CANCELLED else "missed"
        return [(target_id, outcome, None) for target_id in task.waiting.values()]
    return [
        (task.waiting[one.target], _OUTCOMES[one.status], one.sent_at)
        for one in results
        if one.target in task.waiting and one.status in _OUTCOMES
    ]


def record(
    conn: Connection, task: OpenCall, found: Sequence[tuple[int, str, datetime | None]], now: datetime
) -> dict[str, int]:
    """Write outcomes where none is known yet; returns how many of each are new."""
    written: dict[str, int] = {}
    for outcome in {one[1] for one in found}:
        rows = [{"target": target_id, "at": at or now} for target_id, name, at in found if name == outcome]
        written[outcome] = _write(conn, outcome, rows)
    return written


def _write(conn: Connection, outcome: str, rows: Iterable[dict[str, Any]]) -> int:
    done = conn.execute(
        update(targets)
        .where(targets.c.target_id == bindparam("target"), targets.c.outcome == "waiting")
        .values(outcome=outcome, outcome_at=bindparam("at")),
        list(rows),
    )
    return done.rowcount
