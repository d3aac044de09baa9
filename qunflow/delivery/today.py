"""
A person's day: the cards they send by hand, the mass tasks that wait for their confirmation, and how far they are.

Only reads; tapping is left to ``hand_send``, showing to ``web``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Literal

from sqlalchemy import Connection, Row, and_, false, func, or_, select

from qunflow.clock import local_day
from qunflow.delivery.model import OUT
from qunflow.settings.workspace import Workspace
from qunflow.store.tables import contents, groups, memberships, targets

Phase = Literal["unapproved", "later", "now", "late", "done"]
# What a person looks at first.
_URGENCY: tuple[Phase, ...] = ("late", "now", "later", "unapproved", "done")
# The platform holds the task; of an unknown one nobody knows yet.
_MADE = ("sent", "reconciled")
_SHOWN = ("planned", "checked", "approved", *OUT, "dead")


@dataclass(frozen=True, slots=True)
class Card:
    """One group that gets one message from a person; ``late`` also counts a card whose day is over."""

    target_id: int
    group: str
    sender: str
    phase: Phase
    reason: str
    done_at: datetime | None
    replies: int | None


@dataclass(frozen=True, slots=True)
class Sheet:
    """The same words for one or more groups at one minute."""

    community: str
    slot_key: str
    due_at: datetime
    not_after: datetime
    text: str
    attachments: tuple[Mapping[str, Any], ...]
    cards: tuple[Card, ...]

    @property
    def phase(self) -> Phase:
        """That of its most urgent card."""
        return min((card.phase for card in self.cards), key=_URGENCY.index)


@dataclass(frozen=True, slots=True)
class Task:
    """A mass task of one owner: ``waiting`` and ``done`` are names of groups, ``people`` those in the waiting ones."""

    community: str
    slot_key: str
    sender: str
    due_at: datetime
    not_after: datetime
    text: str
    is_made: bool
    waiting: tuple[str, ...]
    done: tuple[str, ...]
    people: int

    def minutes_left(self, now: datetime) -> int:
        """Whole minutes until it is too late, never below 0."""
        return max(int((self.not_after - now).total_seconds()) // 60, 0)


@dataclass(frozen=True, slots=True)
class Day:
    """Everything of a day that waits for somebody's hand."""

    sheets: tuple[Sheet, ...]
    tasks: tuple[Task, ...]

    @property
    def total(self) -> int:
        """How many taps the day has: a card each, and a confirmation for each mass task."""
        return sum(len(one.cards) for one in self.sheets) + len(self.tasks)

    @property
    def done(self) -> int:
        """How many of them are made."""
        cards = sum(card.phase == "done" for one in self.sheets for card in one.cards)
        return cards + sum(one.is_made and not one.waiting for one in self.tasks)

    @property
    def unconfirmed(self) -> int:
        """How many mass tasks wait for their owner just now."""
        return sum(one.is_made and bool(one.waiting) for one in self.tasks)

    def count(self, *phases: Phase) -> int:
        """How many cards are in one of these phases."""
        return sum(card.phase in phases for one in self.sheets for card in one.cards)


def day_of(conn: Connection, workspace: Workspace, now: datetime, userid: str | None = None) -> Day:
    """
    The local day of every community, for one person or for everybody.

    Args:
        userid: whose work; everybody's when left out.
    """
    cards = conn.execute(_rows(workspace, now, "hand_send", userid)).all()
    tasks = conn.execute(_rows(workspace, now, "mass_task", userid)).all()
    return Day(tuple(_sheets(cards, now)), tuple(_tasks(conn, tasks)))


def _rows(workspace: Workspace, now: datetime, way: str, userid: str | None) -> Any:
    today = [
        and_(targets.c.community == one.key, targets.c.local_day == local_day(now, one.zone_info))
        for one in workspace.communities
    ]
    wanted = (
        select(targets, contents.c.text, contents.c.attachments, groups.c.name.label("group_name"))
        .join(contents, contents.c.content_version == targets.c.content_version)
        .join(groups, and_(targets.c.target_kind == "chat", groups.c.group_id == targets.c.target_ref))
        .where(
            or_(false(), *today), targets.c.way == way, targets.c.state.in_(_SHOWN), targets.c.outcome != "cancelled"
        )
        .order_by(
            targets.c.due_at, targets.c.slot_key, targets.c.content_version, targets.c.sender_userid, groups.c.name
        )
    )
    return wanted if userid is None else wanted.where(targets.c.sender_userid == userid)


def _sheets(rows: Sequence[Row[Any]], now: datetime) -> Iterable[Sheet]:
    for _, found in groupby(rows, key=lambda row: (row.community, row.due_at, row.slot_key, row.content_version)):
        mine = list(found)
        first = mine[0]
        yield Sheet(
            community=first.community,
            slot_key=first.slot_key,
            due_at=first.due_at,
            not_after=first.not_after,
            text=first.text,
            attachments=tuple(first.attachments),
            cards=tuple(_card(row, now) for row in mine),
        )


def _card(row: Row[Any], now: datetime) -> Card:
    return Card(
        target_id=row.target_id,
        group=row.group_name,
        sender=row.sender_userid,
        phase=phase_of(row.state, row.outcome, row.not_after, now),
        reason=row.reason if row.state == "approved" else "",
        done_at=row.outcome_at,
        replies=row.reply_count,
    )


def phase_of(state: str, outcome: str, not_after: datetime, now: datetime) -> Phase:
    """Where a card stands for the person who holds it."""
    if outcome == "delivered":
        return "done"
    if state in ("planned", "checked"):
        return "unapproved"
    if state == "approved":
        return "later"
    return "late" if outcome == "missed" or now > not_after else "now"


def _tasks(conn: Connection, rows: Sequence[Row[Any]]) -> Iterable[Task]:
    by_task: dict[tuple[str, ...], list[Row[Any]]] = defaultdict(list)
    for row in rows:
        by_task[row.community, row.sender_userid, row.slot_key, row.content_version].append(row)
    people = people_in(conn, [row.target_ref for row in rows])
    for mine in by_task.values():
        first = mine[0]
        waiting = [row for row in mine if row.outcome == "waiting"]
        yield Task(
            community=first.community,
            slot_key=first.slot_key,
            sender=first.sender_userid,
            due_at=first.due_at,
            not_after=first.not_after,
            text=first.text,
            is_made=any(row.state in _MADE for row in mine),
            waiting=tuple(row.group_name for row in waiting),
            done=tuple(row.group_name for row in mine if row.outcome == "delivered"),
            people=sum(people.get(row.target_ref, 0) for row in waiting),
        )


def people_in(conn: Connection, group_ids: Iterable[int]) -> dict[int, int]:
    """Group id → how many persons are in it."""
    wanted = (
        select(memberships.c.group_id, func.count(memberships.c.person_id.distinct()))
        .where(memberships.c.group_id.in_(sorted(set(group_ids))), memberships.c.left_at.is_(None))
        .group_by(memberships.c.group_id)
    )
    return {row[0]: row[1] for row in conn.execute(wanted)}
