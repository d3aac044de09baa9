"""Staff the settings do not name are in groups and in callbacks, and nobody's customers all the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from qunflow import runtime
from qunflow.runtime import Runtime
from qunflow.runtime.replay import replayed
from qunflow.settings.workspace import Community
from qunflow.store import inbox, members
from qunflow.store.engine import Store
from qunflow.store.history import History
from qunflow.store.vault import Vault
from tasks.acquisition_contacts import keep_contact_callbacks
from tasks.acquisition_roster import follow_closed, follow_groups, read_groups

AT = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CUSTOMER = "wmCustomer0001"
# Chosen by a company, and yet it looks like the id of a customer.
STAFF = "worldwide_head_of_customers"
JOIN, LEAVE = "add_member", "del_member"


class House:
    """One group whose roster, owner and admins are as given."""

    def __init__(self, store: Store, vault: Vault, history: History) -> None:
        self.listed = [(CUSTOMER, 2)]
        self.about: dict[str, Any] = {}
        about = {"kind": "benefit_group", "owner": "li", "admin": "li", "opened_on": date(2026, 1, 1)}
        groups = [{"key": "g1", "name": "g1", "chat_id": "wr1", **about}]
        settings = {"key": "n", "name": "小满邻里", "type": "购物", "helper": "helper_xm", "groups": groups}
        self.community = Community.model_validate(settings)
        self.at = AT
        parts = {"store": store, "vault": vault, "history": history}
        workspace = SimpleNamespace(communities=[self.community], team=())
        clock, platform = SimpleNamespace(now=lambda: self.at), SimpleNamespace(group=self.group)
        self.here = cast(Runtime, SimpleNamespace(**parts, workspace=workspace, wecom=platform, clock=clock))
        store.write(lambda conn: members.sync_groups(conn, self.here.workspace))

    def group(self, _chat: str) -> dict[str, Any]:
        joined = int(AT.timestamp())
        rows = [{"userid": who, "type": kind, "join_time": joined, "join_scene": 3} for who, kind in self.listed]
        return {"member_list": rows, "member_version": self.at.isoformat(), **self.about}

    def tell(self, what: str, who: str) -> None:
        when = f"<CreateTime>{int(self.at.timestamp())}</CreateTime>"
        head = f"<Event>change_external_chat</Event><ChatId>wr1</ChatId>{when}"
        change = (
            f"<ChangeType>update</ChangeType><UpdateDetail>{what}</UpdateDetail><MemChangeList>{who}</MemChangeList>"
        )
        body = f"<xml>{head}{change}</xml>".encode()
        key = hashlib.sha256(body).hexdigest()
        self.here.store.write(
            lambda conn: inbox.keep(conn, [inbox.sealed(self.here.vault, "wecom", key, body)], self.at)
        )

    def live(self, how: str) -> None:
        """Use what was told: by reading the group, by following it, or as one that is not read any more."""
        keep_contact_callbacks(self.community, self.at)
        if how == "closed":
            follow_closed(self.community, (), self.at)
        else:
            {"read": read_groups, "follow": follow_groups}[how](self.community, ("g1",), self.at)
        self.at += 5 * MINUTE

    def persons(self) -> int:
        with self.here.store.reading() as conn:
            assert replayed(conn, self.here.vault, "n").differing == ()
            assert sum(one.rows for one in inbox.backlogs(conn)) == 0
            return len({one.person_id for one in members.memberships_of(conn, "n")})


@pytest.fixture
def house(store: Store, vault: Vault, history: History) -> Iterator[House]:
    house = House(store, vault, history)
    with runtime.using(house.here):
        house.live("read")
        yield house


def known(house: House, *ids: str) -> set[str]:
    with house.here.store.reading() as conn:
        return set(house.here.vault.known_persons(conn, "external_userid", ids))


@pytest.mark.parametrize("how", ["read", "follow", "closed"])
@pytest.mark.parametrize("who", ["ZhangSan", "wm13"])
def test_a_colleague_told_of_between_two_looks_is_no_visitor(house: House, how: str, who: str) -> None:
    """Joined and left again before anybody looked: no roster ever said that this is staff."""
    house.tell(JOIN, who)
    house.at += MINUTE
    house.tell(LEAVE, who)
    house.live(how)
    assert (house.persons(), known(house, who)) == (1, set())


@pytest.mark.parametrize("how", ["read", "closed"])
def test_a_customer_told_of_between_two_looks_is_a_visitor(house: House, how: str) -> None:
    """The same of an external id is a visit, also of a customer with a WeCom account of their own."""
    for who in ("wmVisitor00000000000000000000001", "woVisitor00000000000000000000001"):
        house.tell(JOIN, who)
        house.tell(LEAVE, who)
    house.live(how)
    assert house.persons() == 3


@pytest.mark.parametrize("about", [{"owner": STAFF}, {"admin_list": [{"userid": STAFF}]}])
def test_an_owner_or_admin_the_platform_names_is_staff_whatever_the_id_looks_like(
    house: House, about: dict[str, Any]
) -> None:
    """A userid may begin as an external id does; who owns or keeps the group is no customer."""
    house.about = about
    house.tell(LEAVE, STAFF)
    house.live("read")
    assert (house.persons(), known(house, STAFF)) == (1, set())


def test_a_colleague_on_the_roster_is_counted_as_staff_only(house: House) -> None:
    """Type 1 in the member list, told of by a callback too."""
    house.listed.append((STAFF, 1))
    house.tell(JOIN, STAFF)
    house.live("follow")
    assert (house.persons(), known(house, STAFF)) == (1, set())
