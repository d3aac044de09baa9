"""Groups follow the settings, and their members are read, counted and noted as seen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Connection, insert

from qunflow.store import members
from qunflow.store.engine import Store
from qunflow.store.tables import groups
from qunflow.store.vault import Vault
from tests.seating import seat_all, seated

AT = datetime(2026, 3, 1, 4, tzinfo=UTC)
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Scene:
    """A group and some persons."""

    group: int
    persons: list[int]


def make_group(conn: Connection, key: str = "g1") -> int:
    row = {"community": "n", "group_key": key, "chat_id": f"wr-{key}", "name": "福利群", "kind": "benefit_group"}
    return int(conn.execute(insert(groups).returning(groups.c.group_id), row).scalar_one())


@pytest.fixture
def scene(store: Store, vault: Vault) -> Scene:
    """One group and three persons nobody has seen in it."""
    with store.writing() as conn:
        people = vault.persons_for(conn, "external_userid", ["a", "b", "c"], AT)
        return Scene(make_group(conn), list(people.values()))


def test_a_roster_that_was_read_is_noted(store: Store, scene: Scene) -> None:
    """Those seen are marked with the instant, the group with its version."""
    with store.writing() as conn:
        seated(conn, scene.group, scene.persons[:2], AT)
        members.saw_roster(conn, scene.group, [scene.persons[0]], "v7", AT + HOUR)
        seen = {who: row.last_seen_at for who, row in members.open_memberships(conn, scene.group).items()}
        (group,) = members.groups_of(conn, "n")
    assert seen == {scene.persons[0]: AT + HOUR, scene.persons[1]: AT}
    assert (group.member_version, group.roster_at) == ("v7", AT + HOUR)


def test_members_are_counted_by_group(store: Store, scene: Scene) -> None:
    """Who left is not counted, and an empty group counts 0."""
    with store.writing() as conn:
        empty = make_group(conn, "g2")
        seat_all(conn, [(scene.group, scene.persons[0], AT, None), (scene.group, scene.persons[1], AT, AT + HOUR)])
        assert members.member_counts(conn, "n") == {scene.group: 1, empty: 0}
        assert members.group_ids_of_chats(conn, ["wr-g2", "wr-unknown"]) == {"wr-g2": empty}


@dataclass(frozen=True)
class _Group:
    key: str
    name: str
    kind: str = "benefit_group"
    chat_id: str = "wr1"
    platform: str = "wecom"
    owner: str = "owner_zhou"
    opened_on: date = date(2026, 1, 1)


@dataclass(frozen=True)
class _Community:
    key: str
    groups: tuple[_Group, ...]


@dataclass(frozen=True)
class _Workspace:
    communities: tuple[_Community, ...]


def test_groups_follow_the_settings(store: Store) -> None:
    """A renamed group keeps its number; a group dropped from the settings keeps its members."""
    before = _Workspace((_Community("n", (_Group("g1", "1群"), _Group("g2", "2群", chat_id="wr2"))),))
    after = _Workspace((_Community("n", (_Group("g1", "春熙路1群", owner="owner_wu"),)),))
    with store.writing() as conn:
        first = members.sync_groups(conn, before)  # type: ignore[arg-type]
        second = members.sync_groups(conn, after)  # type: ignore[arg-type]
        found = members.groups_of(conn, "n")
    assert first == second
    assert [(group.group_key, group.name, group.owner_userid) for group in found] == [
        ("g1", "春熙路1群", "owner_wu"),
        ("g2", "2群", "owner_zhou"),
    ]
