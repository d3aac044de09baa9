"""
Joining persons in a running house: the rules decide, the store hands over, and what it touches is worked out anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection

from qunflow.acquisition.identity import Decision, Mark, decide, doubt
from qunflow.runtime import Runtime
from qunflow.runtime.memberships import bring_in_line
from qunflow.store import leads, members, merging

SOURCE = "identity"
BY_RULE = "rule"


def person_of(conn: Connection, here: Runtime, marks: Sequence[Mark], now: datetime) -> int:
    """
    The person a record's marks name: known, made, joined from several, or put on the list to look at.

    Raises:
        BadInput: a mark is empty.
    """
    known = {
        Mark(kind, value): person
        for kind in sorted({mark.kind for mark in marks})
        for value, person in here.vault.known_persons(
            conn, kind, [mark.value for mark in marks if mark.kind == kind]
        ).items()
    }
    found = decide(marks, known, here.vault.kinds_of(conn, set(known.values())))
    person = found.person if found.person is not None else _stranger(conn, here, found, marks, known, now)
    for mark in found.link:
        here.vault.link(conn, mark.kind, mark.value, person, now)
    for pair in found.merge:
        merge_people(conn, here, person, pair.other, pair.why, BY_RULE, now)
    for pair in found.review:
        merging.ask(conn, pair.why, pair.kept, pair.other, now)
    return person


def _stranger(
    conn: Connection, here: Runtime, found: Decision, marks: Sequence[Mark], known: dict[Mark, int], now: datetime
) -> int:
    first = found.link[0]
    person = here.vault.persons_for(conn, first.kind, [first.value], now)[first.value]
    for other in dict.fromkeys(known.values()):
        pair = doubt([mark for mark in marks if mark not in known], other, person)
        merging.ask(conn, pair.why, pair.kept, pair.other, now)
    return person


def merge_people(conn: Connection, here: Runtime, kept: int, merged: int, reason: str, by: str, now: datetime) -> int:
    """
    Make two numbers one person, and work out anew what that touches; returns the number of the merge.

    Raises:
        BadInput: they cannot be merged.
    """
    touched = merging.groups_of_persons(conn, [kept, merged])
    number = merging.merge(conn, here.vault, kept, merged, reason, by, now)
    _rebuild(conn, here, touched, [kept], now, f"merge:{number}")
    return number


def split_people(conn: Connection, here: Runtime, merge_id: int, by: str, now: datetime) -> merging.Merge:
    """
    Make a merged number a person of its own again, and work out anew what that touches.

    Raises:
        BadInput: there is nothing to split.
    """
    found = merging.split(conn, here.vault, merge_id, by, now)
    both = [found.kept_id, found.merged_id]
    _rebuild(conn, here, merging.groups_of_persons(conn, both), both, now, f"split:{merge_id}")
    return found


def _rebuild(
    conn: Connection, here: Runtime, group_ids: Sequence[int], persons: Sequence[int], now: datetime, name: str
) -> None:
    events: list[dict[str, Any]] = []
    for community in here.workspace.communities:
        mine = {group.group_id for group in members.groups_of(conn, community.key)} & set(group_ids)
        for group_id in sorted(mine):
            events += bring_in_line(conn, community, group_id, persons, now).events
    leads.mark_again(conn, persons)
    if events:
        here.history.append(conn, SOURCE, f"{SOURCE}:{name}", pd.DataFrame(events))
