"""
Joining persons in a running house: the rules decide, the store hands over, and what it touches is worked out anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

import pandas as pd
from sqlalchemy import Connection

from qunflow.acquisition.identity import Mark, decide, doubts
from qunflow.runtime import Runtime
from qunflow.runtime.memberships import bring_in_line
from qunflow.runtime.rebuilding import rebuild
from qunflow.store import leads, members, merging

SOURCE = "identity"
BY_RULE = "rule"
NOTHING_HELD: Mapping[Mark, int] = MappingProxyType({})


def person_of(
    conn: Connection, here: Runtime, marks: Sequence[Mark], now: datetime, held: Mapping[Mark, int] = NOTHING_HELD
) -> int:
    """
    The person a record's marks name: known, made, joined from several, or put on the list to look at.

    Args:
        held: marks the vault does not keep, such as a coupon, with the person each belongs to.

    Raises:
        BadInput: a mark is empty.
    """
    marks = [*marks, *held]
    known = _known(conn, here, marks) | dict(held)
    found = decide(marks, known, here.vault.kinds_of(conn, set(known.values())))
    person = found.person if found.person is not None else _stranger(conn, here, found.link[0], now)
    for mark in found.link:
        here.vault.link(conn, mark.kind, mark.value, person, now)
    for pair in found.merge:
        if not merging.are_two(conn, person, pair.other):
            merge_people(conn, here, person, pair.other, pair.why, BY_RULE, now)
    for pair in found.review if found.person is not None else doubts(marks, known, person):
        if not merging.are_two(conn, pair.kept, pair.other):
            merging.ask(conn, pair.why, pair.kept, pair.other, now)
    return person


def with_unionids(
    conn: Connection, here: Runtime, person_of_account: Mapping[str, int], union_of: Mapping[str, str], now: datetime
) -> dict[str, int]:
    """
    Let accounts of the platform be found by their unionid as well; one that is known may show that two are one.

    Args:
        person_of_account: external id → person.
        union_of: external id → unionid, as one line of a roster or of the contact list told both.

    Returns:
        External id → person, as they are known afterwards.
    """
    known = here.vault.known_persons(conn, "unionid", union_of.values())
    new = {union: person_of_account[one] for one, union in union_of.items() if union not in known}
    known |= here.vault.link_many(conn, "unionid", new, now)
    differing = [(one, union) for one, union in union_of.items() if known[union] != person_of_account[one]]
    for one, union in differing:
        person_of(conn, here, [Mark("external_userid", one), Mark("unionid", union)], now)
    if not differing:
        return dict(person_of_account)
    return here.vault.known_persons(conn, "external_userid", person_of_account)


def _known(conn: Connection, here: Runtime, marks: Sequence[Mark]) -> dict[Mark, int]:
    return {
        Mark(kind, value): person
        for kind in sorted({mark.kind for mark in marks})
        for value, person in here.vault.known_persons(
            conn, kind, [mark.value for mark in marks if mark.kind == kind]
        ).items()
    }


def _stranger(conn: Connection, here: Runtime, first: Mark, now: datetime) -> int:
    return here.vault.persons_for(conn, first.kind, [first.value], now)[first.value]


def merge_people(conn: Connection, here: Runtime, kept: int, merged: int, reason: str, by: str, now: datetime) -> int:
    """
    Make two numbers one person, and work out anew what that touches; returns the number of the merge.

    Raises:
        BadInput: they cannot be merged.
    """
    touched = merging.groups_of_persons(conn, [kept, merged])
    number = merging.merge(conn, here.vault, kept, merged, reason, by, now)
    events: list[dict[str, Any]] = []
    for community in here.workspace.communities:
        known = [*members.groups_of(conn, community.key), *members.dissolved_of(conn, community.key)]
        for group_id in sorted({group.group_id for group in known} & set(touched)):
            events += bring_in_line(conn, community, group_id, [kept], now).events
    _tell(conn, here, [kept], events, f"merge:{number}")
    return number


def split_people(conn: Connection, here: Runtime, merge_id: int, by: str, now: datetime) -> merging.Merge:
    """
    Make a merged number a person of its own again, and work out anew what that touches.

    Raises:
        BadInput: there is nothing to split.
    """
    found = merging.split(conn, here.vault, merge_id, by, now)
    both = (found.kept_id, found.merged_id)
    events = [
        event for community in here.workspace.communities for event in rebuild(conn, here.vault, community, both, now)
    ]
    _tell(conn, here, both, events, f"split:{merge_id}")
    return found


def _tell(conn: Connection, here: Runtime, persons: Sequence[int], events: Sequence[dict[str, Any]], name: str) -> None:
    leads.mark_again(conn, persons)
    if events:
        here.history.append(conn, SOURCE, f"{SOURCE}:{name}", pd.DataFrame(events))
