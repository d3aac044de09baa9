"""
Who may do what: four roles, and one table of what each of them is allowed.

Who somebody is, is found out by a personal link or a one-time code; that is left to the store and the pages.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, get_args

Role = Literal["author", "approver", "operator", "engineer"]
Action = Literal[
    "look", "send_by_hand", "write", "approve", "release", "settle", "stop", "resume", "absent", "audit", "invite"
]

ROLES: tuple[Role, ...] = get_args(Role)
ACTIONS: tuple[Action, ...] = get_args(Action)

# Anybody may pull the brake; letting go of it again is a decision.
ALLOWED: dict[Action, frozenset[Role]] = {
    "look": frozenset(ROLES),
    "send_by_hand": frozenset(ROLES),
    "write": frozenset({"author", "approver"}),
    "approve": frozenset({"approver"}),
    "release": frozenset({"approver"}),
    "settle": frozenset({"operator", "approver", "engineer"}),
    "stop": frozenset(ROLES),
    "resume": frozenset({"approver", "engineer"}),
    "absent": frozenset({"operator", "approver"}),
    "audit": frozenset({"approver", "engineer"}),
    "invite": frozenset({"engineer"}),
}


def may(roles: Collection[Role], action: Action) -> bool:
    """Whether somebody with these roles is allowed an action."""
    return bool(ALLOWED[action] & frozenset(roles))
