"""Live codes are kept once, and a dissolved group is gone, on both engines."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import insert

from qunflow.store import live_codes, members, rosters
from qunflow.store.engine import Store
from qunflow.store.tables import groups

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


def test_a_channel_is_found_in_every_community_that_has_it(store: Store) -> None:
    """Two communities may call a channel alike; each has its own code, told apart by the community."""
    other = live_codes.LiveCode("cfg2", "another", "poster-a", (3,), CODE.url, AT)
    with store.writing() as conn:
        for code in (CODE, other):
            live_codes.keep_code(conn, code)

    with store.reading() as conn:
        assert live_codes.codes_for(conn, "poster-a") == [other, CODE]
        assert live_codes.codes_for(conn, "poster-b") == []


def test_a_group_is_dissolved_once(store: Store, group_id: int) -> None:
    """The first word counts; the group is not among those of the community any more."""
    with store.writing() as conn:
        told = [rosters.dissolve(conn, group_id, AT), rosters.dissolve(conn, group_id, AT + timedelta(days=1))]
        left = members.groups_of(conn, "neighbours")

    assert (told, left) == ([True, False], [])
