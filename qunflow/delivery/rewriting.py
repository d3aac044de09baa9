"""
Changing the words of what has not gone out: a new content, an author, and no approval until somebody reads it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from qunflow.delivery.model import UNSENT, Content, Planned
from qunflow.delivery.outbox import check, plan
from qunflow.errors import BadInput
from qunflow.store import audit
from qunflow.store.tables import contents, targets


def rewrite(conn: Connection, slot_key: str, day: date, version: str, text: str, author: str, at: datetime) -> int:
    """
    Put other words in the place of one content of a slot, for every group that has not got it yet.

    Args:
        version: the content that was read when the change was made.

    Returns:
        How many messages say the new words; they wait for approval.

    Raises:
        BadInput: nothing with that content waits in the slot any more.
    """
    rows = conn.execute(_waiting(slot_key, day, version)).all()
    if not rows:
        raise BadInput(f"nothing of {slot_key} with these words waits any more", "look at the page again")
    report = plan(conn, list(_again(rows, text, author)), at)
    check(conn, report.ids)
    detail = {"from": version, "to": Content(text, tuple(rows[0].attachments)).version, "targets": len(rows)}
    audit.record(conn, author, "delivery.rewrite", f"{slot_key} {day}", at, detail)
    return report.added


def _waiting(slot_key: str, day: date, version: str) -> Any:
    return (
        select(targets, contents.c.attachments)
        .join(contents, contents.c.content_version == targets.c.content_version)
        .where(
            targets.c.slot_key == slot_key,
            targets.c.local_day == day,
            targets.c.content_version == version,
            targets.c.state.in_(UNSENT),
        )
    )


def _again(rows: Sequence[Row[Any]], text: str, author: str) -> Iterable[Planned]:
    for row in rows:
        yield Planned(
            community=row.community,
            stage=row.stage,
            campaign=row.campaign,
            slot_key=row.slot_key,
            day=row.local_day,
            way=row.way,
            sender_userid=row.sender_userid,
            target_kind=row.target_kind,
            target_ref=row.target_ref,
            content=Content(text, tuple(row.attachments)),
            due_at=row.due_at,
            not_after=row.not_after,
            marketing=row.marketing,
            catch_up=row.catch_up,
            author=author,
            wave=row.wave,
        )
