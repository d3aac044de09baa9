"""Friends, leads, invitations and acts are kept once, and those who do not want to be asked are found."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import insert

from qunflow.store import audit, leads, people
from qunflow.store.engine import Store
from qunflow.store.leads import Lead
from qunflow.store.people import Contact
from qunflow.store.tables import groups
from qunflow.store.vault import Vault

AT = datetime(2026, 3, 1, 4, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = date(2026, 3, 1)


@pytest.fixture
def persons(store: Store, vault: Vault) -> list[int]:
    """Three persons."""
    with store.writing() as conn:
        return list(vault.persons_for(conn, "external_userid", ["a", "b", "c"], AT).values())


@pytest.fixture
def group(store: Store) -> int:
    """An empty group of the community `n`."""
    with store.writing() as conn:
        row = {"community": "n", "group_key": "g1", "name": "福利群", "kind": "benefit_group"}
        return int(conn.execute(insert(groups).returning(groups.c.group_id), row).scalar_one())


def contact(person: int, at: datetime = AT, channel: str = "poster-a") -> Contact:
    return Contact(person, "helper_xm", "n", channel, at)


def test_a_friend_is_noted_once(store: Store, persons: list[int]) -> None:
    """Repetitions, within a call or after it, give nothing back."""
    first = contact(persons[0])
    with store.writing() as conn:
        assert people.add_contacts(conn, [first, first]) == [first]
        assert people.add_contacts(conn, [contact(persons[0], AT - HOUR), contact(persons[1])]) == [contact(persons[1])]
        assert people.contacts_of(conn, "n") == [first, contact(persons[1])]
        assert people.contacts_of(conn, "other") == []


def test_a_friendship_can_end_and_begin_again(store: Store, persons: list[int]) -> None:
    """It ends as worked out; a list opens it again only when the friendship is newer than the end."""
    friend = contact(persons[0])
    ended = replace(friend, deleted_at=AT + HOUR)
    pair = (persons[0], "helper_xm")
    with store.writing() as conn:
        people.keep_contacts(conn, [friend])
        people.keep_contacts(conn, [ended])
        assert people.contacts_of(conn, "n") == []
        assert people.contacts_between(conn, [pair, (persons[0], "li")]) == {pair: ended}
        assert people.add_contacts(conn, [friend]) == []
        back = contact(persons[0], AT + 2 * HOUR, "poster-b")
        assert people.add_contacts(conn, [back]) == [back]
        assert people.contacts_of(conn, "n") == [back]


def test_who_was_forgotten_is_told_from_who_was_not(store: Store, vault: Vault, persons: list[int]) -> None:
    """Nobody may be made anew of a person who asked to be erased."""
    with store.writing() as conn:
        vault.erase(conn, persons[1], AT)
        assert people.erased(conn, [*persons, 999]) == {persons[1]}


def test_who_asked_to_be_left_alone_is_found(store: Store, persons: list[int]) -> None:
    """By list or by any list."""
    with store.writing() as conn:
        assert people.suppress(conn, persons[:2], "opt_out", AT, "reply TD") == 2
        assert people.suppress(conn, persons[:1], "opt_out", AT, "again") == 0
        people.suppress(conn, persons[2:], "do_not_invite", AT, "by hand")
        assert people.suppressed(conn, persons) == set(persons)
        assert people.suppressed(conn, persons, "opt_out") == set(persons[:2])


def lead(person: int, key: str, at: datetime = AT) -> Lead:
    return Lead("n", "form:Oet50U", key, person, "poster-a", at)


def test_a_lead_is_kept_once_and_a_second_form_is_a_duplicate(store: Store, persons: list[int]) -> None:
    """The first form of a person counts; further ones point to it, in the same call or later."""
    with store.writing() as conn:
        new = leads.add_leads(conn, [lead(persons[0], "2", AT + HOUR), lead(persons[0], "1"), lead(persons[1], "3")])
        assert [(row.source_key, row.duplicate_of) for row in new] == [
            ("1", None),
            ("3", None),
            ("2", new[0].lead_id),
        ]
        assert leads.add_leads(conn, [lead(persons[0], "1"), lead(persons[1], "3")]) == []
        (late,) = leads.add_leads(conn, [lead(persons[1], "4", AT - HOUR)])
        assert late.duplicate_of == new[1].lead_id
        assert len(leads.leads_of(conn, "n")) == 4


def test_a_lead_is_placed_once(store: Store, persons: list[int], group: int) -> None:
    """A placed lead keeps its group and is not offered again; duplicates are never offered."""
    with store.writing() as conn:
        first, second, _ = leads.add_leads(
            conn, [lead(persons[0], "1"), lead(persons[1], "2"), lead(persons[1], "3", AT + HOUR)]
        )
        assert leads.place(conn, {first.lead_id: group}) == 1
        assert leads.place(conn, {first.lead_id: group}) == 0
        assert leads.place(conn, {}) == 0
        assert [row.lead_id for row in leads.leads_of(conn, "n", unplaced=True)] == [second.lead_id]


def test_invitations_count_once_a_day(store: Store, persons: list[int]) -> None:
    """A repeated run invites nobody twice on a day; attempts and the last day can be asked."""
    with store.writing() as conn:
        assert leads.record_invitations(conn, "n", persons[:2], DAY) == persons[:2]
        assert leads.record_invitations(conn, "n", persons, DAY) == persons[2:]
        leads.record_invitations(conn, "n", persons[:1], DAY + timedelta(days=7))
        found = leads.invitations_of(conn, "n")
    assert (found[persons[0]].attempts, found[persons[0]].last_on) == (2, DAY + timedelta(days=7))
    assert (found[persons[1]].attempts, found[persons[1]].last_on) == (1, DAY)


def test_acts_are_kept_newest_first(store: Store) -> None:
    """Who did what to what, with plain details."""
    with store.writing() as conn:
        audit.record(conn, "lin", "approve", "slot noon/2026-03-01", AT, {"targets": 3})
        audit.record(conn, "zhou", "erase", "person 7", AT + HOUR)
        newest, oldest = audit.entries(conn)
        assert len(audit.entries(conn, limit=1)) == 1
    assert (newest.actor, newest.action, newest.subject, newest.detail) == ("zhou", "erase", "person 7", {})
    assert (oldest.at, oldest.detail) == (AT, {"targets": 3})
