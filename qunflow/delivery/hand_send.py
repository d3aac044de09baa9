"""
Hand-send (手动发): a person gets a card at the minute, posts the message in the group and taps 已发.

The link on a card is a secret: 43 characters derived from the workspace's key, of which the database only holds a
hash. Sending the card is left to ``sender``, the page behind the link to ``web``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, select, update

from qunflow.delivery.model import OUT
from qunflow.store.tables import contents, groups, targets
from qunflow.store.vault import Vault


@dataclass(frozen=True, slots=True)
class HandCard:
    """What the person who sends by hand needs to see; ``outcome`` is ``delivered`` once they tapped 已发."""

    target_id: int
    community: str
    group: str
    group_id: int
    chat_id: str
    text: str
    attachments: tuple[dict[str, Any], ...]
    due_at: datetime
    not_after: datetime
    state: str
    outcome: str
    outcome_at: datetime | None
    reply_count: int | None


def card_token(vault: Vault, target_id: int) -> str:
    """The secret in the link of a target's card: always the same, so that a card can be asked for again."""
    return vault.digest("hand_card", str(target_id))[:43]


def token_digest(token: str) -> str:
    """What the database knows of a card's token."""
    return hashlib.sha256(token.encode()).hexdigest()


def hand_card(conn: Connection, digest: str) -> HandCard | None:
    """The card behind a token's digest, or None when there is none."""
    statement = (
        select(targets, groups.c.name, groups.c.group_id, groups.c.chat_id, contents.c.text, contents.c.attachments)
        .join(contents, contents.c.content_version == targets.c.content_version)
        .join(groups, groups.c.group_id == targets.c.target_ref)
        .where(targets.c.card_digest == digest, targets.c.way == "hand_send")
    )
    row = conn.execute(statement).one_or_none()
    if row is None:
        return None
    return HandCard(
        target_id=row.target_id,
        community=row.community,
        group=row.name,
        group_id=row.group_id,
        chat_id=row.chat_id or "",
        text=row.text,
        attachments=tuple(row.attachments),
        due_at=row.due_at,
        not_after=row.not_after,
        state=row.state,
        outcome=row.outcome,
        outcome_at=row.outcome_at,
        reply_count=row.reply_count,
    )


def mark_hand_sent(conn: Connection, digest: str, reply_count: int | None, at: datetime) -> bool:
    """
    Record that the person posted the message; tapping again only updates the count of replies.

    Returns:
        False when no card has this digest.
    """
    return _mark(conn, targets.c.card_digest == digest, reply_count, at)


def undo_hand_sent(conn: Connection, digest: str, at: datetime) -> bool:
    """Take back a tap made by mistake; returns False when no card has this digest."""
    del at  # the card waits again, as before the tap
    return _undo(conn, targets.c.card_digest == digest)


def mark_posted(conn: Connection, target_id: int, reply_count: int | None, at: datetime) -> bool:
    """``mark_hand_sent`` for a signed-in person, who needs no token; False when the card has not been given out."""
    return _mark(conn, targets.c.target_id == target_id, reply_count, at)


def undo_posted(conn: Connection, target_id: int) -> bool:
    """``undo_hand_sent`` for a signed-in person."""
    return _undo(conn, targets.c.target_id == target_id)


def card_holder(conn: Connection, target_id: int) -> str:
    """The userid of whoever sends a card by hand; empty when there is no such card."""
    wanted = select(targets.c.sender_userid).where(targets.c.target_id == target_id, targets.c.way == "hand_send")
    return conn.execute(wanted).scalar_one_or_none() or ""


def _mark(conn: Connection, which: ColumnElement[bool], reply_count: int | None, at: datetime) -> bool:
    # Tapped again, it was posted when it was tapped first.
    first = case((targets.c.outcome == "delivered", targets.c.outcome_at), else_=at)
    return _set_outcome(conn, which, outcome="delivered", outcome_at=first, reply_count=reply_count)


def _undo(conn: Connection, which: ColumnElement[bool]) -> bool:
    return _set_outcome(conn, which, outcome="waiting", outcome_at=None, reply_count=None)


def _set_outcome(conn: Connection, which: ColumnElement[bool], **values: Any) -> bool:
    # A card whose call is still unsettled has plainly arrived when its link is used: the outcome is taken, too.
    card = update(targets).where(which, targets.c.way == "hand_send", targets.c.state.in_((*OUT, "dead")))
    return conn.execute(card.values(**values)).rowcount == 1
