"""
The outbox: planned → checked → approved, in batches, and the board that shows where each message stands.

For one slot, local day and target at most one message ever goes out. What happens after approval is left to
``claims`` (bounds and intent), ``sender`` (the call) and ``settle`` (what came of it).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, TypeAlias

from sqlalchemy import Connection, Row, and_, bindparam, insert, select, update

from qunflow.delivery.hand_send import hand_card, mark_hand_sent, token_digest, undo_hand_sent
from qunflow.delivery.model import OUT, UNSENT, Planned, PlanReport
from qunflow.store.engine import lock
from qunflow.store.rows import insert_ignore
from qunflow.store.tables import approvals, audit_log, calls, contents, groups, targets

__all__ = [
    "approve",
    "board",
    "cancel",
    "check",
    "hand_card",
    "mark_hand_sent",
    "plan",
    "token_digest",
    "undo_hand_sent",
]

BATCH = 1_000
PLANNING = "delivery: plan"
Place: TypeAlias = tuple[str, date, str, int]
New: TypeAlias = tuple[Planned, str]
"""A message with the version of its content, which is dear to find out."""


def plan(conn: Connection, planned: Sequence[Planned], at: datetime) -> PlanReport:
    """
    Write down what is to be sent; planning the same again changes nothing.

    Other content for a slot, day and target replaces what has not gone out yet, and voids its approval. Where
    something has gone out already, or may have, the new content is not taken; nor where a person has changed the words
    by hand and no person writes the new ones.

    Args:
        planned: messages; of two for the same place the later one counts.
        at: the present instant.
    """
    # Two who plan the same place at once would each find it free.
    lock(conn, PLANNING)
    wanted = {one.place: one for one in planned}
    existing = _existing(conn, wanted)
    by_hand = {place for place, rows in existing.items() if _is_changed_by_hand(wanted[place], rows)}
    new, revived, kept, superseded, already_sent = _compared(
        {place: one for place, one in wanted.items() if place not in by_hand}, existing
    )
    insert_ignore(conn, contents, _content_rows(new, at))
    _withdraw(conn, superseded, at)
    _revive(conn, revived, at)
    added = _add(conn, new, at)
    return PlanReport(
        added=len(added) + len(revived),
        unchanged=len(kept) + len(by_hand),
        superseded=len(superseded),
        already_sent=already_sent,
        ids=(*added, *revived, *kept),
    )


def check(
    conn: Connection, ids: Collection[int], findings: Mapping[int, str] = MappingProxyType({})
) -> tuple[int, int]:
    """
    Record what the data and copy checks said about planned targets.

    Args:
        ids: planned targets that were looked at.
        findings: target id → what is wrong with it; those are refused, the others pass.

    Returns:
        How many passed, and how many were refused.
    """
    bad = {one: why for one, why in findings.items() if one in set(ids)}
    passed = _move(conn, [one for one in ids if one not in bad], ("planned",), "checked")
    refused = sum(_move(conn, [one], ("planned", "checked"), "refused", why) for one, why in bad.items())
    return passed, refused


def approve(conn: Connection, which: str | Collection[int], *, by: str, at: datetime, day: date | None = None) -> int:
    """
    Approve checked targets: exactly the content they carry now may go out.

    Args:
        which: target ids, or a slot key (then ``day`` narrows it to one local day).
        by: who approves; never empty.
        at: the present instant.

    Returns:
        How many targets are newly approved; what is not checked stays as it is.
    """
    rows = list(_checked(conn, which, day))
    if not rows:
        return 0
    _write_approvals(conn, rows, by, at)
    _note(conn, at, by, "approve", which, {"targets": len(rows)})
    return _move(conn, [row.target_id for row in rows], ("checked",), "approved")


def awaiting(conn: Connection, slot_key: str, day: date | None = None) -> list[int]:
    """Target ids of a slot that wait for approval, on one local day or on all."""
    return [row.target_id for row in _checked(conn, slot_key, day)]


def cancel(conn: Connection, ids: Collection[int], *, reason: str, by: str, at: datetime) -> int:
    """Take back targets that have not gone out; returns how many there were."""
    number = _move(conn, ids, UNSENT, "cancelled", reason)
    if number:
        _note(conn, at, by, "cancel", ids, {"targets": number, "reason": reason})
    return number


def due_instants(conn: Connection, day: date) -> list[datetime]:
    """The instants at which messages of a local day fall due, each once."""
    return list(conn.execute(select(targets.c.due_at).distinct().where(targets.c.local_day == day)).scalars())


def board(conn: Connection, community: str, day: date) -> list[dict[str, Any]]:
    """
    Every message of a community's local day with where it stands, in order of time.

    Each row: ``target_id``, ``stage``, ``campaign``, ``slot``, ``group`` (name, empty for a person), ``group_id``,
    ``target_kind``, ``target_ref``, ``way``, ``sender``, ``due_at``, ``not_after``, ``state``, ``reason``,
    ``outcome``, ``outcome_at``, ``reply_count``, ``reminders``, ``content_version``, ``text``.
    """
    statement = (
        select(
            targets,
            targets.c.slot_key.label("slot"),
            targets.c.sender_userid.label("sender"),
            groups.c.name.label("group"),
            groups.c.group_id,
            calls.c.reminders,
            contents.c.text,
        )
        .join(contents, contents.c.content_version == targets.c.content_version)
        .outerjoin(groups, and_(targets.c.target_kind == "chat", groups.c.group_id == targets.c.target_ref))
        .outerjoin(calls, calls.c.call_id == targets.c.call_id)
        .where(targets.c.community == community, targets.c.local_day == day)
        .order_by(targets.c.due_at, targets.c.slot_key, targets.c.target_id)
    )
    return [_board_row(row) for row in conn.execute(statement)]


def _board_row(row: Row[Any]) -> dict[str, Any]:
    hidden = {"community", "local_day", "slot_key", "sender_userid", "card_digest", "marketing", "planned_at"}
    shown = {key: value for key, value in row._mapping.items() if key not in hidden}
    return {**shown, "group": row.group or "", "reminders": row.reminders or 0}


def _chunks(items: Collection[Any]) -> Iterator[list[Any]]:
    listed = list(items)
    for start in range(0, len(listed), BATCH):
        yield listed[start : start + BATCH]


def _existing(conn: Connection, wanted: Mapping[Place, Planned]) -> dict[Place, list[Row[Any]]]:
    found: dict[Place, list[Row[Any]]] = defaultdict(list)
    days = {place[1] for place in wanted}
    for slots in _chunks({place[0] for place in wanted}):
        statement = select(targets).where(targets.c.slot_key.in_(slots), targets.c.local_day.in_(days))
        if conn.dialect.name == "postgresql":
            statement = statement.with_for_update()
        for row in conn.execute(statement):
            place = (row.slot_key, row.local_day, row.target_kind, row.target_ref)
            if place in wanted:
                found[place].append(row)
    return found


def _is_changed_by_hand(one: Planned, rows: Sequence[Row[Any]]) -> bool:
    # What a person wrote stands: a flow that runs again must not put its own words back.
    return not one.author and any(row.author and row.state != "cancelled" for row in rows)


def _compared(
    wanted: Mapping[Place, Planned], existing: Mapping[Place, list[Row[Any]]]
) -> tuple[list[New], list[int], list[int], list[Row[Any]], int]:
    new: list[New] = []
    revived: list[int] = []
    kept: list[int] = []
    superseded: list[Row[Any]] = []
    already_sent = 0
    for place, one in wanted.items():
        rows = existing.get(place, [])
        version = one.content.version
        same = next((row for row in rows if row.content_version == version), None)
        if same is not None and same.state != "cancelled":
            kept.append(same.target_id)
        elif any(_may_be_out(row) for row in rows):
            already_sent += 1
        else:
            superseded += [row for row in rows if row.state in UNSENT]
            if same is None:
                new.append((one, version))
            else:
                revived.append(same.target_id)
    return new, revived, kept, superseded, already_sent


def _may_be_out(row: Row[Any]) -> bool:
    # What was given up after it may have left is out for all we know; what was given up before it left is not.
    return row.state in OUT or (row.state == "dead" and row.outcome != "missed")


def _content_rows(new: Sequence[New], at: datetime) -> list[dict[str, Any]]:
    distinct = {version: one.content for one, version in new}
    return [
        {
            "content_version": version,
            "text": content.text,
            "attachments": [dict(one) for one in content.attachments],
            "created_at": at,
        }
        for version, content in distinct.items()
    ]


def _target_row(one: Planned, version: str, at: datetime) -> dict[str, Any]:
    return {
        "community": one.community,
        "stage": one.stage,
        "campaign": one.campaign,
        "slot_key": one.slot_key,
        "local_day": one.day,
        "way": one.way,
        "sender_userid": one.sender_userid,
        "target_kind": one.target_kind,
        "target_ref": one.target_ref,
        "content_version": version,
        "due_at": one.due_at,
        "not_after": one.not_after,
        "marketing": one.marketing,
        "catch_up": one.catch_up,
        "author": one.author,
        "wave": one.wave,
        "planned_at": at,
    }


def _add(conn: Connection, new: Sequence[New], at: datetime) -> list[int]:
    if not new:
        return []
    rows = [_target_row(one, version, at) for one, version in new]
    return list(conn.execute(insert(targets).returning(targets.c.target_id), rows).scalars().all())


def _withdraw(conn: Connection, superseded: Sequence[Row[Any]], at: datetime) -> None:
    _move(conn, [row.target_id for row in superseded], UNSENT, "cancelled", "replaced by newer content")
    # An edit voids the approval of what it replaces: other groups of the slot keep theirs only by approving again.
    for key in {(row.content_version, row.slot_key, row.local_day) for row in superseded}:
        _void(conn, key, at)


def _void(conn: Connection, key: tuple[str, str, date], at: datetime) -> None:
    version, slot, day = key
    still_used = select(targets.c.target_id).where(
        targets.c.content_version == version,
        targets.c.slot_key == slot,
        targets.c.local_day == day,
        targets.c.state == "approved",
    )
    conn.execute(
        update(approvals)
        .where(
            approvals.c.content_version == version,
            approvals.c.slot_key == slot,
            approvals.c.local_day == day,
            approvals.c.voided_at.is_(None),
            ~still_used.exists(),
        )
        .values(voided_at=at)
    )


def _revive(conn: Connection, ids: Sequence[int], at: datetime) -> None:
    for part in _chunks(ids):
        conn.execute(
            update(targets)
            .where(targets.c.target_id.in_(part), targets.c.state == "cancelled")
            .values(state="planned", reason="", planned_at=at)
        )


def _move(conn: Connection, ids: Collection[int], old: Sequence[str], new: str, reason: str = "") -> int:
    number = 0
    for part in _chunks(ids):
        done = conn.execute(
            update(targets)
            .where(targets.c.target_id.in_(part), targets.c.state.in_(old))
            .values(state=new, reason=reason[:200])
        )
        number += done.rowcount
    return number


def _checked(conn: Connection, which: str | Collection[int], day: date | None) -> Iterator[Row[Any]]:
    statement = select(targets).where(targets.c.state == "checked")
    if isinstance(which, str):
        statement = statement.where(targets.c.slot_key == which)
        yield from conn.execute(statement if day is None else statement.where(targets.c.local_day == day)).all()
        return
    for part in _chunks(which):
        yield from conn.execute(statement.where(targets.c.target_id.in_(part))).all()


def _write_approvals(conn: Connection, rows: Sequence[Row[Any]], by: str, at: datetime) -> None:
    keys = {(row.content_version, row.slot_key, row.local_day) for row in rows}
    given = [
        {"content_version": version, "slot_key": slot, "local_day": day, "approved_by": by, "approved_at": at}
        for version, slot, day in sorted(keys)
    ]
    insert_ignore(conn, approvals, given)
    conn.execute(
        update(approvals)
        .where(
            approvals.c.content_version == bindparam("version"),
            approvals.c.slot_key == bindparam("slot"),
            approvals.c.local_day == bindparam("day"),
            approvals.c.voided_at.is_not(None),
        )
        .values(approved_by=by, approved_at=at, voided_at=None),
        [{"version": version, "slot": slot, "day": day} for version, slot, day in sorted(keys)],
    )


def _note(
    conn: Connection, at: datetime, by: str, action: str, which: str | Collection[int], detail: dict[str, Any]
) -> None:
    subject = which if isinstance(which, str) else ",".join(str(one) for one in list(which)[:10])
    row = {"at": at, "actor": by, "action": f"delivery.{action}", "subject": subject[:160], "detail": detail}
    conn.execute(insert(audit_log), [row])
