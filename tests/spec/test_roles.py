"""Who may do what, as one table: a change of it is a decision."""

from __future__ import annotations

import pytest

from qunflow.community.roles import ACTIONS, ALLOWED, ROLES, Action, may

#                 author approver operator engineer
TABLE: dict[Action, tuple[bool, bool, bool, bool]] = {
    "look": (True, True, True, True),
    "send_by_hand": (True, True, True, True),
    "write": (True, True, False, False),
    "approve": (False, True, False, False),
    "release": (False, True, False, False),
    "settle": (False, True, True, True),
    "stop": (True, True, True, True),
    "resume": (False, True, False, True),
    "absent": (False, True, True, False),
    "audit": (False, True, False, True),
    "invite": (False, False, False, True),
}


@pytest.mark.parametrize("action", ACTIONS)
def test_each_role_may_what_the_table_says(action: Action) -> None:
    """Four roles for each action."""
    assert tuple(may([role], action) for role in ROLES) == TABLE[action]


def test_several_roles_allow_what_any_of_them_allows() -> None:
    """A team of one has all four."""
    assert all(may(ROLES, action) for action in ALLOWED)
    assert not any(may((), action) for action in ALLOWED)
