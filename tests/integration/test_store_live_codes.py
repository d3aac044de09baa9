"""Live codes and what rosters add to memberships are kept once, on both engines."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, insert

from qunflow.store import live_codes, members, rosters
from qunflow.store.engine import Store
from qunflow.store.tables import groups
from qunflow.store.vault import Vault

AT = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
CODE = live_codes.LiveCode("cfg1", "neighbours", "poster-a", (1, 2), "https://example.com/qr", AT)


@pytest.fixture
def group_id(store: Store) -> int:
    row = {"community": "neighbours", "group_key": "g1", "chat_id": "wr1", "name": "1群", "kind": "benefit_group"}
    with store.writing() as conn:
        made = conn.execute(insert(groups).returning(groups.c.group_id), {**row, "opened_on": date(2026, 1, 1)})
        return int(made.scalar_one())


def test_a_channel_has_one_code_whose_groups_may_change(store: Store) -> None:
    """Writing a code down twice keeps one; a code that moved on keeps its place."""
    moved = live_codes.LiveCode("cfg1", "neighbours", "poster-a", (2,), CODE.url, AT)
    with store.writing() as conn:
        for code in (CODE, CODE, moved):
            live_codes.keep_code(conn, code)

    with store.reading() as conn:
        assert live_codes.codes_of(conn, "neighbours") == [moved]
        assert live_codes.codes_of(conn, "elsewhere") == []


def test_how_somebody_came_is_filled_in_once(store: Store, vault: Vault, group_id: int) -> None:
    """An imported join learns its channel from the roster; what is known is not overwritten."""
    with store.writing() as conn:
        person = vault.persons_for(conn, "external_userid", ["wm1"], AT)["wm1"]
        members.apply_joins(conn, [members.Join(group_id, person, AT)], AT)
        stay = members.open_memberships(conn, group_id)[person]
        first = rosters.describe_joins(conn, [described(stay, "poster-a")])
        second = rosters.describe_joins(conn, [described(stay, "other")])
        known = members.open_memberships(conn, group_id)[person]

    assert (first, second) == (1, 0)
    assert (known.channel, known.join_scene, known.pulled_in) == ("poster-a", 1, True)


def described(stay: members.Membership, channel: str) -> Mapping[str, Any]:
    return {
        "membership_id": stay.membership_id,
        "join_scene": 1,
        "pulled_in": True,
        "inviter_userid": "",
        "channel": channel,
    }


def test_only_ended_stays_are_past(store: Store, vault: Vault, group_id: int) -> None:
    """The stay somebody is in is no past stay; the one they left is, with its joining time."""
    with store.writing() as conn:
        person = vault.persons_for(conn, "external_userid", ["wm1"], AT)["wm1"]
        members.apply_joins(conn, [members.Join(group_id, person, AT)], AT)
        during = rosters.past_stays(conn, group_id, [person])
        leave_at(conn, group_id, person, AT + timedelta(hours=1))
        after = rosters.past_stays(conn, group_id, [person])

    assert (during, after) == (frozenset(), frozenset({(person, AT)}))


def leave_at(conn: Connection, group_id: int, person: int, at: datetime) -> None:
    members.apply_leaves(conn, [members.Leave(group_id, person, at, "callback")])


def test_a_group_is_dissolved_once(store: Store, group_id: int) -> None:
    """The first word counts; the group is not among those of the community any more."""
    with store.writing() as conn:
        told = [rosters.dissolve(conn, group_id, AT), rosters.dissolve(conn, group_id, AT + timedelta(days=1))]
        left = members.groups_of(conn, "neighbours")

    assert (told, left) == ([True, False], [])
