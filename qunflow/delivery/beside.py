"""
Mass messages that staff sent beside Qunflow, from their own phones: they eat the same quota, so they are counted.

The platform lists everybody's tasks; those that are not ours, and were confirmed, are kept with whom they reached.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal, TypeAlias

from sqlalchemy import Connection, func, select

from qunflow.connectors.wecom.client import MassTask
from qunflow.delivery.poll import concerns_one_call
from qunflow.delivery.ports import Ports
from qunflow.errors import ChannelRefused, TransientError
from qunflow.store.members import group_ids_of_chats
from qunflow.store.rows import insert_ignore
from qunflow.store.tables import calls, outside_sends

# The platform lists a month at most; later rounds only look at what may still change.
_FIRST_LOOK = timedelta(days=30)
_LATER_LOOK = timedelta(days=3)
_SENT = 1
Reach: TypeAlias = tuple[str, str, datetime]
_KINDS: tuple[tuple[Literal["group", "single"], str], ...] = (("group", "chat"), ("single", "person"))


def notice(ports: Ports, now: datetime) -> int:
    """
    Write down whom staff reached beside Qunflow; returns how many are new.

    Raises:
        TransientError: the platform does not answer; what is written already stays.
    """
    with ports.store.reading() as conn:
        known = conn.execute(select(func.count()).select_from(outside_sends)).scalar_one()
        ours = set(conn.execute(select(calls.c.platform_id).where(calls.c.platform_id.is_not(None))).scalars())
    start = now - (_LATER_LOOK if known else _FIRST_LOOK)
    new = 0
    for chat_type, kind in _KINDS:
        listed = ports.wecom.groupmsg_list(chat_type, start, now)
        for task in (one for one in listed if one.msgid not in ours):
            reached = list(_reached(ports, task))
            new += ports.store.write(partial(_keep, ports=ports, kind=kind, task=task, reached=reached, now=now))
    return new


def _reached(ports: Ports, task: MassTask) -> Iterable[Reach]:
    """(userid, chat id or external userid, instant) of everybody a task reached."""
    try:
        for owner in ports.wecom.groupmsg_task(task.msgid):
            if owner.confirmed:
                for one in ports.wecom.groupmsg_send_result(task.msgid, owner.userid):
                    if one.status == _SENT:
                        yield owner.userid, one.target, one.sent_at or task.created_at
    except ChannelRefused:
        return  # withdrawn: it reached nobody that the platform still tells of
    except TransientError as error:
        if not concerns_one_call(error):
            raise
        # Still being dispatched: the next look finds it.


def _keep(
    conn: Connection,
    ports: Ports,
    kind: str,
    task: MassTask,
    reached: Sequence[tuple[str, str, datetime]],
    now: datetime,
) -> int:
    numbers = _numbers(conn, ports, kind, [address for _, address, _ in reached], now)
    rows: list[dict[str, Any]] = [
        {
            "platform_id": task.msgid,
            "target_kind": kind,
            "target_ref": numbers[address],
            "sender_userid": userid,
            "sent_at": at,
        }
        for userid, address, at in reached
        if address in numbers
    ]
    return insert_ignore(conn, outside_sends, rows) if rows else 0


def _numbers(conn: Connection, ports: Ports, kind: str, addresses: Sequence[str], now: datetime) -> Mapping[str, int]:
    if kind == "chat":
        return group_ids_of_chats(conn, addresses)
    return ports.vault.persons_for(conn, "external_userid", addresses, now)
