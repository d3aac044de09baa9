"""
Approval by a person: bound to the exact content, never by its author while somebody else can, taken back at will.

A team of one confirms its own words, but only after a delay in which they can still be taken back, and labelled so.
Stages on standing approval follow a SOP that was settled once; an edit by hand takes a message out of it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, select, tuple_, update

from qunflow.community.roles import may
from qunflow.delivery import outbox
from qunflow.errors import BadInput
from qunflow.settings.workspace import Workspace
from qunflow.store import audit, team
from qunflow.store.tables import approvals, targets


@dataclass(frozen=True, slots=True)
class Approved:
    """Counted in messages: approved, those of them that take effect later, and left for somebody else to approve."""

    approved: int
    delayed: int
    for_somebody_else: int


def runs_on_standing_approval(workspace: Workspace, stage: str) -> bool:
    """Whether a stage's messages follow a SOP that needs no person each day."""
    return stage in workspace.approval.standing


def approve_as(conn: Connection, workspace: Workspace, userid: str, ids: Collection[int], at: datetime) -> Approved:
    """
    Approve checked messages in the name of a person.

    Raises:
        BadInput: the person is not in the team or is no approver.
    """
    _require_approver(workspace, userid)
    rows = conn.execute(select(targets).where(targets.c.target_id.in_(list(ids)), targets.c.state == "checked")).all()
    own = [row for row in rows if row.author == userid]
    waits = bool(own) and _somebody_else_approves(workspace, userid)
    mine = [] if waits else own
    others = [row.target_id for row in rows if row.author != userid]
    done = outbox.approve(conn, others, by=userid, at=at) if others else 0
    if mine:
        done += outbox.approve(conn, [row.target_id for row in mine], by=userid, at=at)
        effective_at = at + timedelta(minutes=workspace.approval.self_confirm_after_minutes)
        _delay(conn, {(row.content_version, row.slot_key, row.local_day) for row in mine}, effective_at)
    return Approved(done, len(mine), len(own) if waits else 0)


def approve_with_code(
    conn: Connection, workspace: Workspace, code: str, ids: Collection[int], at: datetime
) -> Approved:
    """
    ``approve_as`` for whoever holds this one-time code, which is used up by it.

    Nothing is used up when nothing waits for approval: a step that is tried again finds its work done.

    Raises:
        BadInput: the code is not valid, or its person is no approver.
    """
    waiting = select(targets.c.target_id).where(targets.c.target_id.in_(list(ids)), targets.c.state == "checked")
    if conn.execute(waiting).first() is None:
        return Approved(0, 0, 0)
    userid = team.use_code(conn, code, at)
    if not userid:
        raise BadInput(
            "this approval code is not valid", "a code works once, for ten minutes: `qunflow team code USERID`"
        )
    return approve_as(conn, workspace, userid, ids, at)


def take_back(conn: Connection, userid: str, slot_key: str, day: date, at: datetime) -> int:
    """Take back the approval of what has not gone out yet in a slot of a day; returns how many messages."""
    undone = conn.execute(
        update(targets)
        .where(targets.c.slot_key == slot_key, targets.c.local_day == day, targets.c.state == "approved")
        .values(state="checked", reason="")
    ).rowcount
    if undone:
        conn.execute(
            update(approvals)
            .where(approvals.c.slot_key == slot_key, approvals.c.local_day == day, approvals.c.voided_at.is_(None))
            .values(voided_at=at)
        )
        audit.record(conn, userid, "delivery.take_back", f"{slot_key} {day}", at, {"targets": undone})
    return undone


def _require_approver(workspace: Workspace, userid: str) -> None:
    member = workspace.member(userid)
    if member is None or not may(member.roles, "approve"):
        listed = ", ".join(one.userid for one in workspace.team if may(one.roles, "approve"))
        raise BadInput(f"{userid} may not approve", f"these may: {listed or 'nobody yet; see team in qunflow.yaml'}")


def _somebody_else_approves(workspace: Workspace, userid: str) -> bool:
    return any(one.userid != userid and may(one.roles, "approve") for one in workspace.team)


def _delay(conn: Connection, keys: Collection[tuple[str, str, date]], effective_at: datetime) -> None:
    conn.execute(
        update(approvals)
        .where(tuple_(approvals.c.content_version, approvals.c.slot_key, approvals.c.local_day).in_(sorted(keys)))
        .values(effective_at=effective_at, self_confirmed=True)
    )
