"""Memberships are the same intervals in whatever order joins and leaves arrive, however often."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, insert

from qunflow.store import members
from qunflow.store.engine import Store
from qunflow.store.members import Join, Leave
from qunflow.store.tables import groups
from qunflow.store.vault import Vault

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


def join(scene: Scene, who: int = 0, at: datetime = AT, channel: str = "") -> Join:
    return Join(scene.group, scene.persons[who], at, channel=channel)


def leave(scene: Scene, who: int = 0, at: datetime = AT + HOUR) -> Leave:
    return Leave(scene.group, scene.persons[who], at, "callback")


def test_joins_and_leaves_give_back_what_changed(store: Store, scene: Scene) -> None:
    """New joins and real leaves come back for history; repetitions do not."""
    with store.writing() as conn:
        both = [join(scene, 0), join(scene, 1, channel="poster-a")]
        assert members.apply_joins(conn, both, AT) == both
        assert members.apply_joins(conn, both, AT + HOUR) == []
        ((left, was),) = members.apply_leaves(conn, [leave(scene, 0), leave(scene, 2)])
        assert members.apply_leaves(conn, [leave(scene, 0)]) == []
        assert (left.person_id, was.joined_at) == (scene.persons[0], AT)
        assert list(members.open_memberships(conn, scene.group)) == [scene.persons[1]]
        first, second = members.memberships_of(conn, "n")
    assert (first.left_at, first.left_known_by) == (AT + HOUR, "callback")
    assert (second.left_at, second.channel, second.last_seen_at) == (None, "poster-a", AT)


def test_a_join_told_twice_by_slightly_different_clocks_is_one(store: Store, scene: Scene) -> None:
    """The callback and the roster name one join some seconds apart."""
    with store.writing() as conn:
        members.apply_joins(conn, [join(scene, at=AT)], AT)
        assert members.apply_joins(conn, [join(scene, at=AT - timedelta(seconds=2))], AT) == []
        assert members.apply_joins(conn, [join(scene, at=AT + timedelta(seconds=2))], AT) == []


def test_an_old_roster_does_not_bring_somebody_back(store: Store, scene: Scene) -> None:
    """A join within a membership that has ended was told before."""
    with store.writing() as conn:
        members.apply_joins(conn, [join(scene)], AT)
        members.apply_leaves(conn, [leave(scene)])
        assert members.apply_joins(conn, [join(scene), join(scene, at=AT + HOUR / 2)], AT) == []
        assert members.open_memberships(conn, scene.group) == {}


def test_coming_back_opens_a_second_membership(store: Store, scene: Scene) -> None:
    """Joining after having left is a new interval."""
    with store.writing() as conn:
        members.apply_joins(conn, [join(scene)], AT)
        members.apply_leaves(conn, [leave(scene)])
        assert len(members.apply_joins(conn, [join(scene, at=AT + 2 * HOUR)], AT)) == 1
        assert len(members.memberships_of(conn, "n")) == 2


def test_a_leave_before_the_join_changes_nothing(store: Store, scene: Scene) -> None:
    """A late leave of an earlier stay does not throw out who came back since."""
    with store.writing() as conn:
        members.apply_joins(conn, [join(scene, at=AT + 2 * HOUR)], AT)
        assert members.apply_leaves(conn, [leave(scene, at=AT + HOUR)]) == []


def test_a_roster_that_was_read_is_noted(store: Store, scene: Scene) -> None:
    """Those seen are marked with the instant, the group with its version."""
    with store.writing() as conn:
        members.apply_joins(conn, [join(scene, 0), join(scene, 1)], AT)
        members.saw_roster(conn, scene.group, [scene.persons[0]], "v7", AT + HOUR)
        seen = {who: row.last_seen_at for who, row in members.open_memberships(conn, scene.group).items()}
        (group,) = members.groups_of(conn, "n")
    assert seen == {scene.persons[0]: AT + HOUR, scene.persons[1]: AT}
    assert (group.member_version, group.roster_at) == ("v7", AT + HOUR)


def test_members_are_counted_by_group(store: Store, scene: Scene) -> None:
    """Who left is not counted, and an empty group counts 0."""
    with store.writing() as conn:
        empty = make_group(conn, "g2")
        members.apply_joins(conn, [join(scene, 0), join(scene, 1)], AT)
        members.apply_leaves(conn, [leave(scene, 1)])
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


STAYS = st.lists(st.tuples(st.integers(0, 5), st.integers(1, 4)), min_size=1, max_size=3)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stays=STAYS, repeats=st.integers(1, 3))
def test_telling_a_story_again_changes_nothing(
    store: Store, vault: Vault, stays: list[tuple[int, int]], repeats: int
) -> None:
    """Stays told in order, with every join and leave repeated, are exactly those intervals."""
    with store.writing() as conn:
        number = len(members.groups_of(conn, "n"))
        group = make_group(conn, f"story-{number}")
        (person,) = vault.persons_for(conn, "phone", ["story"], AT).values()
        told: list[tuple[datetime, datetime]] = []
        start = AT
        for gap, length in stays:
            start += gap * HOUR + HOUR
            told.append((start, start + length * HOUR))
            start += length * HOUR
        for begin, end in told:
            for _ in range(repeats):
                members.apply_joins(conn, [Join(group, person, begin)] * repeats, begin)
            for _ in range(repeats):
                members.apply_leaves(conn, [Leave(group, person, end, "roster")] * repeats)
        for begin, _ in told:
            assert members.apply_joins(conn, [Join(group, person, begin)], begin) == []
        found = [(row.joined_at, row.left_at) for row in members.memberships_of(conn, "n") if row.group_id == group]
    assert found == told
