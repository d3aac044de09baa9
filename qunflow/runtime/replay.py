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

from qunflow.acquisition.callbacks import Callback, GroupDissolved, MembersMoved, understood_again
from qunflow.acquisition.roster import Told
from qunflow.acquisition.stays import BY_CALLBACK, BY_ROSTER, Evidence, Seen, Stay, stays_of
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
class Heard:
    """What the raw callbacks say of one group, by person; joins with whether a code was scanned."""

    joins: dict[int, dict[datetime, bool]]
    leaves: dict[int, set[datetime]]
    dissolved_at: datetime | None = None

    def told_of(self, person: int) -> Told:
        """What they say of one person; a group that is gone was left by everybody."""
        gone = set() if self.dissolved_at is None else {self.dissolved_at}
        return Told(self.joins.get(person, {}), frozenset(self.leaves.get(person, set()) | gone))


def replayed(conn: Connection, vault: Vault, community: str) -> Replayed:
    """Hold every membership of a community against what the raw rows give."""
    groups = [*members.groups_of(conn, community), *members.dissolved_of(conn, community)]
    raw = heard(conn, vault, groups)
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


def heard(conn: Connection, vault: Vault, groups: Iterable[GroupRow]) -> dict[int, Heard]:
    """What every callback that was used says of some groups, by group, with everybody as they are known now."""
    group_of = {group.chat_id: group.group_id for group in groups if group.chat_id}
    found = {group.group_id: Heard(defaultdict(dict), defaultdict(set)) for group in groups}
    for batch in _callbacks(conn, vault):
        moves = [one for one in batch if isinstance(one, MembersMoved) and one.chat_id in group_of]
        ids = {member for move in moves for member in move.member_ids}
        person_of = vault.known_persons(conn, "external_userid", ids)
        for move in moves:
            raw = found[group_of[move.chat_id]]
            for person in (person_of[member] for member in move.member_ids if member in person_of):
                if move.joined:
                    raw.joins[person].setdefault(move.happened_at, move.by_code)
                else:
                    raw.leaves[person].add(move.happened_at)
        for one in batch:
            if isinstance(one, GroupDissolved) and one.chat_id in group_of:
                raw = found[group_of[one.chat_id]]
                raw.dissolved_at = min(raw.dissolved_at or one.happened_at, one.happened_at)
    return found


def _callbacks(conn: Connection, vault: Vault) -> Iterator[list[Callback]]:
    last = 0
    while rows := inbox.applied(conn, vault, SOURCE, last, CHUNK):
        last = rows[-1].inbox_id
        yield [event for row in rows if (event := understood_again(row.body)) is not None]


def _again(
    raw: Heard, looks: list[Look], on_file: dict[int, list[Membership]], merged: Sequence[Merge]
) -> dict[int, list[Interval]]:
    shown = seen(looks, merged)
    times = [look.looked_at for look in looks]
    found: dict[int, list[Interval]] = {}
    for person in on_file.keys() | shown.keys() | raw.joins.keys():
        known = evidence_of(raw.told_of(person), shown.get(person, ()), on_file.get(person, ()))
        stays = stays_of(known, times)
        if stays:
            found[person] = [_interval(stay) for stay in stays]
    return found


def evidence_of(told: Told, shown: Iterable[Seen], rows: Iterable[Membership]) -> Evidence:
    """What is known of one person in one group: what raw rows say, and what only an import said."""
    given = [_given(row) for row in rows if _is_given(row, told)]
    return Evidence([*given, *shown], tuple(told.joins), told.leaves)


def _interval(stay: Stay) -> Interval:
    return stay.joined_at, stay.left_at, stay.left_known_by


def seen(looks: Iterable[Look], merged: Sequence[Merge]) -> dict[int, list[Seen]]:
    """The stays looks showed, by person: each says who came and who was gone since the one before, as known then."""
    inside: dict[int, datetime] = {}
    last_seen: dict[tuple[int, datetime], datetime] = {}
    for look in looks:
        then = {one.merged_id: one.kept_id for one in merged if one.merged_at <= look.looked_at}
        inside = _as_known(inside.items(), then)
        for person in look.gone:
            inside.pop(known_as(person, then), None)
        inside |= _as_known(((one[0], datetime.fromtimestamp(one[1], UTC)) for one in look.came), then)
        last_seen |= dict.fromkeys(inside.items(), look.looked_at)
    found: dict[int, list[Seen]] = defaultdict(list)
    in_the_end = {one.merged_id: one.kept_id for one in merged}
    for (person, joined), at in last_seen.items():
        found[known_as(person, in_the_end)].append(Seen(joined, at))
    return found


def _as_known(stays: Iterable[tuple[int, datetime]], merged_into: Mapping[int, int]) -> dict[int, datetime]:
    """Person → since when, from the first account on where several accounts are one person's."""
    found: dict[int, datetime] = {}
    for person, joined in stays:
        now = known_as(person, merged_into)
        found[now] = min(joined, found.get(now, joined))
    return found


def known_as(person: int, merged_into: Mapping[int, int]) -> int:
    """The number somebody has after a number of merges."""
    while person in merged_into:
        person = merged_into[person]
    return person


def _is_given(row: Membership, told: Told) -> bool:
    """Whether a membership comes from an import: told in full, or never shown by a roster nor told of."""
    if row.left_known_by not in (None, BY_CALLBACK, BY_ROSTER):
        return True
    return row.join_scene is None and row.joined_at not in told.joins


def _given(row: Membership) -> Seen:
    ended = None if row.left_known_by in (None, BY_CALLBACK, BY_ROSTER) else row.left_at
    return Seen(row.joined_at, row.last_seen_at, ended, row.left_known_by or "" if ended else "")
