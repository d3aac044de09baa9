"""
Taking back mass tasks that nobody has confirmed yet: marked first, withdrawn at the platform after.

What was confirmed before the platform withdrew it counts as delivered.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial

from sqlalchemy import select

from qunflow.delivery.poll import CANCELLED, OpenCall, concerns_one_call, open_calls, record
from qunflow.delivery.ports import Ports
from qunflow.errors import ChannelRefused, QunflowError, TransientError
from qunflow.store.tables import targets

HANDED_OVER = "withdrawn: the owner is away"
RECALLED = "withdrawn: it was wrong"
_DELIVERED = 1


def withdraw_marked(ports: Ports, now: datetime) -> tuple[int, QunflowError | None]:
    """
    Withdraw every open task whose targets are marked.

    Returns:
        How many tasks were withdrawn, and what stopped the round, if anything did; the next round goes on with it.
    """
    with ports.store.reading() as conn:
        wanted = select(targets.c.call_id).where(
            targets.c.reason.in_((HANDED_OVER, RECALLED)), targets.c.state == "sent", targets.c.outcome == "waiting"
        )
        marked = set(conn.execute(wanted).scalars())
        tasks = [one for one in open_calls(conn, ports) if one.call_id in marked] if marked else []
    done = 0
    for task in tasks:
        try:
            done += _withdraw(ports, task, now)
        except TransientError as error:
            if not concerns_one_call(error):
                return done, error
        except ChannelRefused:
            continue  # the platform keeps it: it stays its owner's, who is reminded
    return done, None


def _withdraw(ports: Ports, task: OpenCall, now: datetime) -> int:
    # Asked before as well: of a withdrawn task the platform may tell nothing any more.
    confirmed = _confirmed(ports, task)
    if not task.waiting.keys() <= confirmed.keys():
        try:
            ports.wecom.cancel(task.platform_id)
        except ChannelRefused as error:
            if error.code != CANCELLED:
                raise
        confirmed |= _confirmed(ports, task)
    found = [
        (target_id, "delivered" if address in confirmed else "cancelled", confirmed.get(address))
        for address, target_id in task.waiting.items()
    ]
    ports.store.write(partial(record, task=task, found=found, now=now))
    return 1


def _confirmed(ports: Ports, task: OpenCall) -> dict[str, datetime | None]:
    try:
        results = ports.wecom.groupmsg_send_result(task.platform_id, task.sender_userid)
    except ChannelRefused:
        return {}  # of a withdrawn task nothing more is told
    return {one.target: one.sent_at for one in results if one.status == _DELIVERED}
