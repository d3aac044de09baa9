"""
What a day would send, as people will see it: each message once, who gets it, who does not and why, what quota is left.

Bounds are judged as of each message's hour with what is known now; the claim judges again when it is time.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, func, select

from qunflow.delivery.bounds import Candidate, verdict
from qunflow.delivery.facts import read_facts
from qunflow.delivery.model import UNSENT, Content
from qunflow.delivery.notices import STAGE as NOTICES
from qunflow.delivery.quota import QUOTA_WAYS, period_of, platform_day
from qunflow.rendering.lint import BannedWord, Finding, lint
from qunflow.settings.workspace import Community, Workspace
from qunflow.store.tables import approvals, contents, groups, memberships, targets


@dataclass(frozen=True, slots=True)
class Bubble:
    """
    One text with whom it reaches: names of groups, and how many people those are.

    ``waiting`` is how many messages with it can be approved; ``author`` who changed it by hand, if anybody did.
    """

    version: str
    text: str
    attachments: tuple[Mapping[str, Any], ...]
    groups: tuple[str, ...]
    people: int
    findings: tuple[Finding, ...]
    waiting: int
    author: str


@dataclass(frozen=True, slots=True)
class SlotView:
    """
    One slot of a day.

    Args:
        bubbles: its different texts.
        groups: how many groups it reaches; ``people`` how many members they have, or how many persons are written to.
        states: state → messages.
        left_out: reason → messages that will not go or did not pass, as far as that is known now.
        quota_left: of the chat or person that has least, after this one; None where it uses none.
        waiting_ids: what can be approved.
        approved_by: who approved, empty when nobody has; ``effective_at`` when that begins to hold, if later.
    """

    slot_key: str
    stage: str
    way: str
    due_at: datetime
    not_after: datetime
    senders: tuple[str, ...]
    bubbles: tuple[Bubble, ...]
    groups: int
    people: int
    states: Mapping[str, int]
    left_out: Mapping[str, int]
    quota_left: int | None
    waiting_ids: tuple[int, ...]
    approved_by: str
    effective_at: datetime | None
    self_confirmed: bool

    @property
    def waiting_versions(self) -> tuple[str, ...]:
        """The contents that would be approved."""
        return tuple(bubble.version for bubble in self.bubbles if bubble.waiting)


def day_view(
    conn: Connection,
    workspace: Workspace,
    community: Community,
    day: date,
    now: datetime,
    banned: Sequence[BannedWord] = (),
) -> tuple[SlotView, ...]:
    """Every slot of a community's local day that is in the outbox, by time."""
    rows = conn.execute(_rows(community.key, day)).all()
    members = _members(conn, [row.target_ref for row in rows if row.target_kind == "chat"])
    signed = {(row.content_version, row.slot_key): row for row in conn.execute(_signatures(day))}
    by_slot: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        by_slot[row.slot_key].append(row)
    views = [
        _slot_view(conn, community, mine, members, signed.get((mine[-1].content_version, slot)), now, banned)
        for slot, mine in by_slot.items()
    ]
    return tuple(sorted(views, key=lambda view: (view.due_at, view.slot_key)))


def _rows(community: str, day: date) -> Any:
    return (
        select(targets, contents.c.text, contents.c.attachments, groups.c.group_key, groups.c.name.label("group_name"))
        .join(contents, contents.c.content_version == targets.c.content_version)
        .outerjoin(groups, and_(targets.c.target_kind == "chat", groups.c.group_id == targets.c.target_ref))
        .where(targets.c.community == community, targets.c.local_day == day, targets.c.state != "cancelled")
        .where(targets.c.stage != NOTICES)
        .order_by(targets.c.due_at, targets.c.slot_key, targets.c.target_id)
    )


def _signatures(day: date) -> Any:
    return select(approvals).where(approvals.c.local_day == day, approvals.c.voided_at.is_(None))


def _members(conn: Connection, group_ids: Sequence[int]) -> dict[int, int]:
    if not group_ids:
        return {}
    counted = (
        select(memberships.c.group_id, func.count(memberships.c.person_id.distinct()))
        .where(memberships.c.group_id.in_(sorted(set(group_ids))), memberships.c.left_at.is_(None))
        .group_by(memberships.c.group_id)
    )
    return {row[0]: row[1] for row in conn.execute(counted)}


def _slot_view(
    conn: Connection,
    community: Community,
    rows: Sequence[Row[Any]],
    members: Mapping[int, int],
    signature: Row[Any] | None,
    now: datetime,
    banned: Sequence[BannedWord],
) -> SlotView:
    first = rows[0]
    left_out, quota_left = _judged(conn, community, rows, now)
    chats = {row.target_ref for row in rows if row.target_kind == "chat"}
    persons = sum(row.target_kind == "person" for row in rows)
    return SlotView(
        slot_key=first.slot_key,
        stage=first.stage,
        way=first.way,
        due_at=first.due_at,
        not_after=first.not_after,
        senders=tuple(sorted({row.sender_userid for row in rows})),
        bubbles=_bubbles(rows, members, banned),
        groups=len(chats),
        people=sum(members.get(one, 0) for one in chats) + persons,
        states=Counter(row.state for row in rows),
        left_out=left_out,
        quota_left=quota_left,
        waiting_ids=tuple(row.target_id for row in rows if row.state == "checked"),
        approved_by=signature.approved_by if signature else "",
        effective_at=signature.effective_at if signature else None,
        self_confirmed=bool(signature and signature.self_confirmed),
    )


def _bubbles(rows: Sequence[Row[Any]], members: Mapping[int, int], banned: Sequence[BannedWord]) -> tuple[Bubble, ...]:
    by_text: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        by_text[row.content_version].append(row)
    return tuple(
        Bubble(
            version=mine[0].content_version,
            text=mine[0].text,
            attachments=tuple(mine[0].attachments),
            groups=tuple(row.group_name or "" for row in mine if row.target_kind == "chat"),
            people=sum(members.get(row.target_ref, 0) if row.target_kind == "chat" else 1 for row in mine),
            findings=tuple(lint(Content(mine[0].text, tuple(mine[0].attachments)), mine[0].way, banned)),
            waiting=sum(row.state == "checked" for row in mine),
            author=mine[0].author,
        )
        for mine in by_text.values()
    )


def _judged(
    conn: Connection, community: Community, rows: Sequence[Row[Any]], now: datetime
) -> tuple[Mapping[str, int], int | None]:
    """Reasons of those that will not go, and the least quota that is left after the others."""
    out: Counter[str] = Counter(row.reason for row in rows if row.state in ("refused", "skipped", "dead"))
    waiting = [Candidate.of(row) for row in rows if row.state in UNSENT]
    at = max(rows[0].due_at, now)
    facts = read_facts(conn, waiting, {community.key: community}, at)
    for one in waiting:
        found = verdict(one, community, facts, at)
        if found.what == "send":
            facts.count(one)
        else:
            out[found.why] += 1
    if rows[0].way not in QUOTA_WAYS or not waiting:
        return out, None
    most = period_of(community.quota.mode, platform_day(at)).most
    return out, max(most - max((facts.used.get(one.key, 0) for one in waiting), default=0), 0)
