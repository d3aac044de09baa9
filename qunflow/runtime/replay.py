"""
Working memberships out of the raw rows once more, to show that what is on file follows from them and from nothing else.

Raw are the callbacks in the inbox and the looks at rosters. What an import told in full is taken as it stands; people
who were erased are left out, as nobody can say any more which callbacks were about them. Nothing is written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, select

from qunflow.acquisition.callbacks import Callback, GroupDissolved, MembersMoved, understood
from qunflow.acquisition.stays import BY_CALLBACK, BY_ROSTER, Evidence, Seen, Stay, stays_of
from qunflow.errors import BadInput
from qunflow.store import evidence, inbox, members, merging
from qunflow.store.evidence import Look
from qunflow.store.members import GroupRow, Membership
from qunflow.store.merging import Merge
from qunflow.store.tables import persons
from qunflow.store.vault import Vault

SOURCE = "wecom"
CHUNK = 2_000
Interval = tuple[datetime, datetime | None, str | None]


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many memberships follow from the raw rows, and whose do not: (group key, person)."""

    memberships: int
    differing: tuple[tuple[str, int], ...]


@dataclass(slots=True)
class _Raw:
    """What the raw rows say of one group, by person."""

    joins: dict[int, set[datetime]]
    leaves: dict[int, set[datetime]]
    dissolved_at: datetime | None = None


def replayed(conn: Connection, vault: Vault, community: str) -> Replayed:
    """Hold every membership of a community against what the raw rows give."""
    groups = [*members.groups_of(conn, community), *members.dissolved_of(conn, community)]
    raw = _told(conn, vault, groups)
    looks = evidence.looks_of(conn, [group.group_id for group in groups])
    merged = merging.merges(conn)
    rows = members.memberships_of(conn, community)
    erased = set(conn.execute(select(persons.c.person_id).where(persons.c.erased_at.is_not(None))).scalars())
    total, differing = 0, []
    for group in groups:
        on_file: dict[int, list[Membership]] = defaultdict(list)
        for row in rows:
            if row.group_id == group.group_id and row.person_id not in erased:
                on_file[row.person_id].append(row)
        again = _again(raw[group.group_id], looks.get(group.group_id, []), on_file, merged)
        for person in (on_file.keys() | again.keys()) - erased:
            mine = [(row.joined_at, row.left_at, row.left_known_by) for row in on_file.get(person, ())]
            total += len(mine)
            if mine != again.get(person, []):
                differing.append((group.group_key, person))
    return Replayed(total, tuple(sorted(differing)))


def _told(conn: Connection, vault: Vault, groups: Iterable[GroupRow]) -> dict[int, _Raw]:
    group_of = {group.chat_id: group.group_id for group in groups if group.chat_id}
    found = {group.group_id: _Raw(defaultdict(set), defaultdict(set)) for group in groups}
    for batch in _callbacks(conn, vault):
        moves = [one for one in batch if isinstance(one, MembersMoved) and one.chat_id in group_of]
        ids = {member for move in moves for member in move.member_ids}
        person_of = vault.known_persons(conn, "external_userid", ids)
        for move in moves:
            raw = found[group_of[move.chat_id]]
            for person in (person_of[member] for member in move.member_ids if member in person_of):
                (raw.joins if move.joined else raw.leaves)[person].add(move.happened_at)
        for one in batch:
            if isinstance(one, GroupDissolved) and one.chat_id in group_of:
                raw = found[group_of[one.chat_id]]
                raw.dissolved_at = min(raw.dissolved_at or one.happened_at, one.happened_at)
    return found


def _callbacks(conn: Connection, vault: Vault) -> Iterator[list[Callback]]:
    last = 0
    while rows := inbox.applied(conn, vault, SOURCE, last, CHUNK):
        last = rows[-1].inbox_id
        yield [event for row in rows if (event := _understood(row.body)) is not None]


def _understood(body: inbox.Body) -> Callback | None:
    try:
        return understood(body if isinstance(body, bytes) else str(body.get("xml", "")).encode())
    except BadInput:
        # Marked as used up by an earlier version that read less strictly: it made nothing then either.
        return None


def _again(
    raw: _Raw, looks: list[Look], on_file: dict[int, list[Membership]], merged: Sequence[Merge]
) -> dict[int, list[Interval]]:
    seen = _seen(looks, merged)
    times = [look.looked_at for look in looks]
    found: dict[int, list[Interval]] = {}
    for person in on_file.keys() | seen.keys() | raw.joins.keys():
        base = [_given(row) for row in on_file.get(person, ()) if _is_given(row, raw.joins[person])]
        leaves = set(raw.leaves[person])
        if raw.dissolved_at is not None:
            leaves.add(raw.dissolved_at)
        known = Evidence([*base, *seen.get(person, ())], raw.joins[person], leaves)
        stays = stays_of(known, times)
        if stays:
            found[person] = [_interval(stay) for stay in stays]
    return found


def _interval(stay: Stay) -> Interval:
    return stay.joined_at, stay.left_at, stay.left_known_by


def _seen(looks: Iterable[Look], merged: Sequence[Merge]) -> dict[int, list[Seen]]:
    """The stays the looks showed: each look says who came and who was gone since the one before, as known then."""
    inside: dict[int, datetime] = {}
    last_seen: dict[tuple[int, datetime], datetime] = {}
    for look in looks:
        known_as = {one.merged_id: one.kept_id for one in merged if one.merged_at <= look.looked_at}
        inside = _as_known(inside.items(), known_as)
        for person in look.gone:
            inside.pop(_now(person, known_as), None)
        inside |= _as_known(((one[0], datetime.fromtimestamp(one[1], UTC)) for one in look.came), known_as)
        last_seen |= dict.fromkeys(inside.items(), look.looked_at)
    found: dict[int, list[Seen]] = defaultdict(list)
    in_the_end = {one.merged_id: one.kept_id for one in merged}
    for (person, joined), at in last_seen.items():
        found[_now(person, in_the_end)].append(Seen(joined, at))
    return found


def _as_known(stays: Iterable[tuple[int, datetime]], known_as: Mapping[int, int]) -> dict[int, datetime]:
    """Person → since when, from the first account on where several accounts are one person's."""
    found: dict[int, datetime] = {}
    for person, joined in stays:
        now = _now(person, known_as)
        found[now] = min(joined, found.get(now, joined))
    return found


def _now(person: int, known_as: Mapping[int, int]) -> int:
    while person in known_as:
        person = known_as[person]
    return person


def _is_given(row: Membership, told_joins: set[datetime]) -> bool:
    """Whether a membership comes from an import: told in full, or never shown by a roster nor told of."""
    if row.left_known_by not in (None, BY_CALLBACK, BY_ROSTER):
        return True
    return row.join_scene is None and row.joined_at not in told_joins


def _given(row: Membership) -> Seen:
    ended = None if row.left_known_by in (None, BY_CALLBACK, BY_ROSTER) else row.left_at
    return Seen(row.joined_at, row.last_seen_at, ended, row.left_known_by or "" if ended else "")
