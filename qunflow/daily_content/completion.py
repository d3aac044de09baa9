"""
推送完成率: which of the day's slots really reached the groups, by owner and by group.

A created task counts for nothing until the owner confirmed it, a card until the person tapped 已发.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

IN_GROUPS = ("mass_task", "hand_send")
WITHDRAWN = ("cancelled",)


@dataclass(frozen=True, slots=True)
class Push:
    """
    One message to one group as the outbox shows it; ``outcome`` is ``delivered`` once people could read it.

    ``due_at`` is when it should have left, ``sent_at`` when it did: the task was made, the card was sent.
    """

    slot_key: str
    group_id: int
    owner: str
    way: str
    state: str
    outcome: str
    not_after: datetime
    replies: int | None
    due_at: datetime | None = None
    sent_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """
    Counts of one owner or one group.

    ``planned`` are all slots, ``ripe`` those delivered already or past their last moment, ``overdue`` the ripe ones
    that were not delivered.
    """

    planned: int
    ripe: int
    delivered: int
    overdue: int
    replies: int | None

    @property
    def rate(self) -> float | None:
        """delivered ÷ ripe; None while nothing is due."""
        return self.delivered / self.ripe if self.ripe else None


def completion_by(pushes: Iterable[Push], now: datetime, *, key: str) -> Mapping[str | int, Completion]:
    """Completion by ``owner`` (userid) or ``group_id``; what was replaced by newer content is not counted."""
    grouped: dict[str | int, list[Push]] = {}
    for push in pushes:
        if push.way in IN_GROUPS and push.state not in WITHDRAWN:
            grouped.setdefault(getattr(push, key), []).append(push)
    return {name: _completion(members, now) for name, members in grouped.items()}


def lateness_p95_s(pushes: Iterable[Push]) -> float | None:
    """
    How many seconds after its instant a message left, at the 95th percentile by nearest rank; None when none has.

    What people do later, such as confirming a task, is completion and not lateness.
    """
    late = sorted(
        max((push.sent_at - push.due_at).total_seconds(), 0.0)
        for push in pushes
        if push.sent_at is not None and push.due_at is not None
    )
    return late[math.ceil(0.95 * len(late)) - 1] if late else None


def _completion(pushes: list[Push], now: datetime) -> Completion:
    delivered = [push for push in pushes if push.outcome == "delivered"]
    overdue = [push for push in pushes if push.outcome != "delivered" and push.not_after <= now]
    counted = [push.replies for push in pushes if push.replies is not None]
    return Completion(
        planned=len(pushes),
        ripe=len(delivered) + len(overdue),
        delivered=len(delivered),
        overdue=len(overdue),
        replies=sum(counted) if counted else None,
    )
