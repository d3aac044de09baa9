"""Callbacks about groups nobody reads any more are used all the same, and those of strangers' groups never count."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from qunflow import runtime
from qunflow.errors import ChannelRefused
from qunflow.runtime import Runtime
from qunflow.runtime.replay import replayed
from qunflow.settings.workspace import Community
from qunflow.store import inbox, members
from qunflow.store.engine import Store
from qunflow.store.history import History
from qunflow.store.vault import Vault
from tasks.acquisition_contacts import keep_contact_callbacks
from tasks.acquisition_roster import follow_closed, read_groups

AT = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
JOIN, LEAVE = "add_member", "del_member"


@dataclass
class House:
    """A workspace whose groups are as given, beside a platform that shows rosters or knows a group no longer."""

    here: Runtime
    rosters: dict[str, list[str]]

    @property
    def community(self) -> Community:
        return self.here.workspace.communities[0]

    def tell(self, chat: str, at: datetime, what: str, who: str = "wm1") -> None:
        change = (
            f"<ChangeType>update</ChangeType><UpdateDetail>{what}</UpdateDetail><MemChangeList>{who}</MemChangeList>"
            if what != "dismiss"
            else "<ChangeType>dismiss</ChangeType>"
        )
        head = f"<Event>change_external_chat</Event><ChatId>{chat}</ChatId>"
        body = f"<xml><CreateTime>{int(at.timestamp())}</CreateTime>{head}{change}</xml>".encode()
        with self.here.store.writing() as conn:
            inbox.keep(conn, [inbox.sealed(self.here.vault, "wecom", hashlib.sha256(body).hexdigest(), body)], AT)

    def live(self, at: datetime, *read: str) -> None:
        """One run that reads some groups."""
        self.here.clock.at = at  # type: ignore[attr-defined]
        self.here.store.write(lambda conn: members.sync_groups(conn, self.here.workspace))
        keep_contact_callbacks(self.community, at)
        read_groups(self.community, read, at)
        follow_closed(self.community, read, at)

    def stays(self) -> list[tuple[datetime, datetime | None]]:
        with self.here.store.reading() as conn:
            return [(one.joined_at, one.left_at) for one in members.memberships_of(conn, "n")]

    def waiting(self) -> int:
        with self.here.store.reading() as conn:
            return sum(one.rows for one in inbox.backlogs(conn))

    def differing(self) -> tuple[tuple[str, int], ...]:
        with self.here.store.reading() as conn:
            return replayed(conn, self.here.vault, "n").differing


def community(*groups: dict[str, Any]) -> Community:
    about = {"kind": "benefit_group", "owner": "li", "admin": "li", "opened_on": date(2026, 1, 1)}
    listed = [{"name": one["key"], **about, **one} for one in groups]
    return Community.model_validate(
        {"key": "n", "name": "小满邻里", "type": "购物", "helper": "helper_xm", "groups": listed}
    )


@pytest.fixture
def house(store: Store, vault: Vault, history: History) -> Iterator[House]:
    rosters: dict[str, list[str]] = {"wr1": ["wm1"]}

    def group(chat: str) -> dict[str, Any]:
        if chat not in rosters:
            raise ChannelRefused("49008: the group is gone", "look at the group")
        joined = int(AT.timestamp())
        listed = [{"userid": who, "type": 2, "join_time": joined, "join_scene": 3} for who in rosters[chat]]
        return {"member_list": listed, "member_version": "v1"}

    parts = {"store": store, "vault": vault, "history": history}
    workspace = SimpleNamespace(communities=[community({"key": "g1", "chat_id": "wr1"})], team=())
    platform, clock = SimpleNamespace(group=group), SimpleNamespace(at=AT)
    clock.now = lambda: clock.at
    here = cast(Runtime, SimpleNamespace(**parts, workspace=workspace, wecom=platform, clock=clock))
    with runtime.using(here):
        yield House(here, rosters)


def test_a_leave_of_a_closed_group_is_used_and_does_not_lie_in_the_way(house: House) -> None:
    """The group is read no longer, its callback ends the stay, nothing waits and replay agrees."""
    house.live(AT + MINUTE, "g1")
    house.tell("wr1", AT + 5 * MINUTE, LEAVE)
    house.live(AT + 9 * MINUTE)
    assert (house.stays(), house.waiting(), house.differing()) == ([(AT, AT + 5 * MINUTE)], 0, ())


def test_a_group_dropped_from_the_settings_is_still_followed(house: House) -> None:
    """Its people are ours still: a leave ends their stay."""
    house.live(AT + MINUTE, "g1")
    house.here.workspace.communities[0] = community()  # type: ignore[index]
    house.tell("wr1", AT + 5 * MINUTE, LEAVE)
    house.live(AT + 9 * MINUTE)
    assert (house.stays(), house.waiting(), house.differing()) == ([(AT, AT + 5 * MINUTE)], 0, ())


@pytest.mark.parametrize("is_listed", [True, False])
def test_a_group_that_is_gone_was_left_by_everybody_told_of(house: House, *, is_listed: bool) -> None:
    """Also by who joined after the last look, by who is told of late, and while the platform still shows a roster."""
    house.live(AT + MINUTE, "g1")
    if not is_listed:
        del house.rosters["wr1"]
    house.tell("wr1", AT + 3 * MINUTE, JOIN, "wmVisitor000000000000002")
    house.tell("wr1", AT + 6 * MINUTE, "dismiss")
    house.live(AT + 9 * MINUTE, "g1")
    house.tell("wr1", AT + 4 * MINUTE, JOIN, "wmVisitor000000000000003")
    house.live(AT + 12 * MINUTE, "g1")
    over = AT + 6 * MINUTE
    assert house.stays() == [(AT, over), (AT + 3 * MINUTE, over), (AT + 4 * MINUTE, over)]
    assert (house.waiting(), house.differing()) == (0, ())


def test_what_was_told_of_a_group_before_it_was_ours_never_counts(house: House) -> None:
    """A group of somebody else that is added later begins with its first look, in the state and in replay."""
    house.tell("wr2", AT - 60 * MINUTE, JOIN, "wmVisitor000000000000007")
    house.tell("wr2", AT - 50 * MINUTE, LEAVE, "wmVisitor000000000000007")
    house.live(AT + MINUTE, "g1")
    assert house.waiting() == 0
    both = community({"key": "g1", "chat_id": "wr1"}, {"key": "g2", "chat_id": "wr2"})
    house.here.workspace.communities[0] = both  # type: ignore[index]
    house.rosters["wr2"] = ["wmVisitor000000000000007"]
    house.live(AT + 9 * MINUTE, "g1", "g2")
    assert (house.stays(), house.differing()) == ([(AT, None), (AT, None)], ())
