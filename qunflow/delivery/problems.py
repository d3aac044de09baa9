"""
What nobody knows and what could not be sent, for a person to settle: it arrived, send it again, or leave it.

One problem is one call with everybody it was meant for, since they share its fate. While the platform can still tell,
nobody may have it sent again: ``recover`` asks first. What is settled here is never asked about or sent a second time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Literal

from sqlalchemy import Connection, Row, and_, exists, select, update

from qunflow.clock import local_day
from qunflow.delivery.claims import CLAIMING
from qunflow.errors import BadInput
from qunflow.settings.workspace import Community, Workspace
from qunflow.store import audit, todos
from qunflow.store.engine import lock
from qunflow.store.tables import approvals, calls, contents, groups, targets

Settlement = Literal["arrived", "again", "dropped"]
ARRIVED = "settled by hand: it had arrived"
AGAIN = "settled by hand: sent again"
DROPPED = "settled by hand: not sent again"
# Why something may not be sent again, in the order they are looked for.
Bar = Literal["", "still_asked", "too_late"]
_APPROVED = exists().where(
    approvals.c.content_version == targets.c.content_version,
    approvals.c.slot_key == targets.c.slot_key,
    approvals.c.local_day == targets.c.local_day,
    approvals.c.voided_at.is_(None),
)


@dataclass(frozen=True, slots=True)
class Problem:
    """
    One call, or one message that never became one, about which a person has to decide.

    Args:
        number: the id of its first target, by which it is settled.
        groups: names of the groups it was meant for; ``people`` how many persons otherwise.
        bar: why it cannot be sent again, or empty; ``still_asked`` ends by itself.
        attempts: how often it was tried.
    """

    number: int
    community: str
    slot_key: str
    way: str
    sender: str
    state: str
    reason: str
    text: str
    attachments: tuple[Mapping[str, Any], ...]
    groups: tuple[str, ...]
    people: int
    due_at: datetime
    not_after: datetime
    tried_at: datetime | None
    attempts: int
    bar: Bar


def problems(conn: Connection, workspace: Workspace, now: datetime) -> list[Problem]:
    """Everything unknown or dead, oldest first."""
    rows = conn.execute(_wanted()).all()
    return [_problem(list(mine), workspace, now) for _, mine in groupby(rows, key=_together)]


def settle_by_hand(
    conn: Connection, workspace: Workspace, number: int, how: Settlement, *, by: str, at: datetime
) -> int:
    """
    Settle one problem as a person says.

    Args:
        number: of the problem.
        how: ``arrived`` counts it as sent; ``again`` approves it again, or asks for approval where that has ended;
            ``dropped`` leaves it for good.

    Returns:
        How many messages it concerned.

    Raises:
        BadInput: it is no problem any more, or may not be sent again.
    """
    # Against a sender or a recovery that takes the same call just now.
    lock(conn, CLAIMING)
    found = next((one for one in problems(conn, workspace, at) if one.number == number), None)
    if found is None:
        raise BadInput(f"message {number} is settled already", "look at the page again")
    if how == "again" and found.bar:
        raise BadInput(f"message {number} may not be sent again: {found.bar}", "settle it as arrived or leave it")
    rows = conn.execute(_wanted().where(_like(conn, number))).all()
    _close_calls(conn, {row.call_id for row in rows if row.call_id is not None}, by, at)
    _move(conn, rows, how, at)
    ids = [row.target_id for row in rows]
    audit.record(conn, by, f"delivery.settle_{how}", str(number), at, {"targets": ids[:100], "was": found.state})
    todos.close_about(conn, [todo_key(one) for one in ids], by=by, at=at)
    return len(ids)


def todo_key(target_id: int) -> str:
    """The to-do that asks a person to settle a target."""
    return f"settle/{target_id}"


def _wanted() -> Any:
    return (
        select(
            targets,
            contents.c.text,
            contents.c.attachments,
            groups.c.name.label("group_name"),
            calls.c.state.label("call_state"),
            calls.c.settled_at,
            calls.c.intent_at,
        )
        .join(contents, contents.c.content_version == targets.c.content_version)
        .outerjoin(groups, and_(targets.c.target_kind == "chat", groups.c.group_id == targets.c.target_ref))
        .outerjoin(calls, calls.c.call_id == targets.c.call_id)
        .where(targets.c.state.in_(("unknown", "dead")), targets.c.outcome != "delivered")
        .order_by(targets.c.due_at, targets.c.call_id, targets.c.state, targets.c.target_id)
    )


def _together(row: Row[Any]) -> tuple[Any, ...]:
    return (row.due_at, row.call_id or -row.target_id, row.state)


def _problem(rows: Sequence[Row[Any]], workspace: Workspace, now: datetime) -> Problem:
    first = rows[0]
    community = next((one for one in workspace.communities if one.key == first.community), None)
    return Problem(
        number=first.target_id,
        community=first.community,
        slot_key=first.slot_key,
        way=first.way,
        sender=first.sender_userid,
        state=first.state,
        reason=first.reason,
        text=first.text,
        attachments=tuple(first.attachments),
        groups=tuple(row.group_name for row in rows if row.group_name),
        people=sum(row.target_kind != "chat" for row in rows),
        due_at=first.due_at,
        not_after=first.not_after,
        tried_at=first.intent_at,
        attempts=max(row.attempts for row in rows),
        bar=_bar(first, community, now),
    )


def _bar(row: Row[Any], community: Community | None, now: datetime) -> Bar:
    if row.call_state == "unknown" and row.settled_at is None:
        return "still_asked"
    if row.way == "welcome":
        return "too_late"  # its code has long run out
    if now <= row.not_after:
        return ""
    same_day = community is not None and local_day(now, community.zone_info) <= row.local_day
    return "" if row.catch_up == "send" and same_day else "too_late"


def _like(conn: Connection, number: int) -> Any:
    first = conn.execute(select(targets.c.call_id, targets.c.state).where(targets.c.target_id == number)).one()
    if first.call_id is None:
        return targets.c.target_id == number
    return and_(targets.c.call_id == first.call_id, targets.c.state == first.state)


def _close_calls(conn: Connection, call_ids: Iterable[int], by: str, at: datetime) -> None:
    """From now on nobody asks the platform about them."""
    mine = update(calls).where(calls.c.call_id.in_(sorted(call_ids)), calls.c.state == "unknown")
    conn.execute(mine.values(state="reconciled", settled_at=at, reason=f"settled by hand: {by}"[:200]))


def _move(conn: Connection, rows: Sequence[Row[Any]], how: Settlement, at: datetime) -> None:
    ids = [row.target_id for row in rows]
    mine = update(targets).where(targets.c.target_id.in_(ids), targets.c.state.in_(("unknown", "dead")))
    if how == "arrived":
        conn.execute(
            mine.values(
                state="reconciled", reason=ARRIVED, outcome="delivered", outcome_at=at, sent_at=rows[0].intent_at
            )
        )
    elif how == "dropped":
        # Not cancelled: planned again, it would be sent after all.
        conn.execute(mine.values(state="reconciled", reason=DROPPED, outcome="missed", outcome_at=at))
    else:
        fresh = {"reason": AGAIN, "attempts": 0, "call_id": None, "card_digest": None, "outcome": "waiting"}
        conn.execute(mine.where(_APPROVED).values(state="approved", **fresh))
        # Whoever settles does not approve: where the approval was taken back, somebody has to give it again.
        conn.execute(mine.values(state="checked", **fresh))
