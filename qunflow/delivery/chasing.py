"""
Whom to tell, and when: moments of reminding for cards, and who takes over when reminding has not helped.

Pure; what is told is left to ``remind`` and ``cards``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from qunflow.community.roles import Role
from qunflow.settings.workspace import Delivery, Workspace
from qunflow.store.absences import Absence, present


def card_moments(due_at: datetime, not_after: datetime, settings: Delivery) -> tuple[datetime, ...]:
    """When a card that was not posted is reminded of: some minutes after it is due, and once before it is too late."""
    last = not_after - timedelta(minutes=settings.last_call_minutes)
    first = due_at + timedelta(minutes=settings.remind_after_minutes)
    return tuple(at for at in ((first, last) if first < last else (last,)) if due_at < at < not_after)


def card_is_given_up(not_after: datetime, settings: Delivery, now: datetime) -> bool:
    """Whether the last reminder has had its time without effect."""
    return now >= not_after - timedelta(minutes=settings.last_call_minutes) / 2


def supervisor(workspace: Workspace, known: Sequence[Absence], userid: str, at: datetime) -> str:
    """
    Who is told when somebody does not answer: their stand-in, an approver who is there, else an operator; never they
    themselves. Empty when there is nobody.
    """
    stand_in = present(known, userid, at)
    if stand_in not in ("", userid):
        return stand_in
    ranks: tuple[Role, ...] = ("approver", "operator")
    for role in ranks:
        for one in workspace.team:
            if role in one.roles and one.userid != userid and present(known, one.userid, at) == one.userid:
                return one.userid
    return ""
