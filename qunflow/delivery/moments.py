"""
Moments as the outbox sees them: a job first, then a moment of the corp that a member publishes by hand.

A job's number is good for a day and cannot be asked for, a moment's can: once the job is done the call goes by the
moment's. Making one is left to ``channels``, settling an unknown one to ``recover``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, select, update

from qunflow.connectors.wecom.calls import instant
from qunflow.connectors.wecom.client import MassTask
from qunflow.delivery.ports import Ports
from qunflow.errors import ChannelRefused
from qunflow.store.tables import calls, targets

JOB = "job:"
_OPEN = (
    select(calls.c.call_id, calls.c.platform_id, calls.c.sender_userid)
    .join(targets, targets.c.call_id == calls.c.call_id)
    .where(
        calls.c.way == "moment",
        calls.c.state.in_(("sent", "reconciled")),
        calls.c.platform_id.is_not(None),
        targets.c.state == "sent",
        targets.c.outcome == "waiting",
    )
    .order_by(calls.c.call_id)
)


def listed_moments(ports: Ports, start: datetime, end: datetime) -> list[MassTask]:
    """The corp's moments of a window, in the shape in which mass tasks are looked through."""
    found = []
    for one in ports.wecom.moments.all(start, end):
        created, text = instant(one.get("create_time")), one.get("text")
        words = str(text.get("content") or "") if isinstance(text, dict) else ""
        if created is not None and one.get("moment_id"):
            found.append(MassTask(str(one["moment_id"]), created, words, (), str(one.get("creator") or "")))
    return found


def poll_moments(ports: Ports, now: datetime) -> dict[str, int]:
    """
    Ask about every open moment; returns how many outcomes of each kind are new.

    Raises:
        ChannelUnavailable: the platform does not answer; the rest stays open.
    """
    with ports.store.reading() as conn:
        waiting = conn.execute(_OPEN).all()
    found: dict[str, int] = {}
    for call in waiting:
        outcome = _outcome(ports, call)
        if outcome:
            ports.store.write(partial(_record, call_id=call.call_id, outcome=outcome, now=now))
            found[outcome] = found.get(outcome, 0) + 1
    return found


def _outcome(ports: Ports, call: Row[Any]) -> str:
    name = str(call.platform_id)
    try:
        if name.startswith(JOB):
            name = ports.wecom.moments.job(name.removeprefix(JOB)).moment_id
            if not name:
                return ""
            ports.store.write(partial(_rename, call_id=call.call_id, moment_id=name))
        return "delivered" if ports.wecom.moments.published(name).get(call.sender_userid) else ""
    except ChannelRefused:
        return "missed"  # ended without a moment, or nobody knows it any more


def _rename(conn: Connection, call_id: int, moment_id: str) -> None:
    conn.execute(update(calls).where(calls.c.call_id == call_id).values(platform_id=moment_id))


def _record(conn: Connection, call_id: int, outcome: str, now: datetime) -> None:
    conn.execute(
        update(targets)
        .where(targets.c.call_id == call_id, targets.c.outcome == "waiting")
        .values(outcome=outcome, outcome_at=now)
    )


def unnamed_twins(conn: Connection, fingerprints: Sequence[str]) -> list[Row[Any]]:
    """Moments that go by their job's number still: one in the platform's list may be theirs."""
    wanted = select(calls).where(
        calls.c.way == "moment", calls.c.fingerprint.in_(fingerprints), calls.c.platform_id.startswith(JOB)
    )
    return list(conn.execute(wanted))
