"""
Working the memberships of two people out of the raw rows and writing them: what a split asks for.

While two numbers were one, what was told and seen of either was written down under one of them. Whom each callback is
about is known again once the ids are handed back, so what was told is taken from the callbacks themselves; what a look
showed in between stays with the number it was written under.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from qunflow.acquisition.roster import Change, Sighting, Told, held_against
from qunflow.acquisition.stays import Seen, stays_of
from qunflow.runtime.memberships import on_file, told_of, written
from qunflow.runtime.replay import Heard, evidence_of, heard, known_as, seen
from qunflow.settings.workspace import Community
from qunflow.store import evidence, members, merging, rosters
from qunflow.store.evidence import Look, ToldMove
from qunflow.store.members import Membership
from qunflow.store.vault import Vault

Starts = Mapping[datetime, Sighting]


@dataclass(frozen=True, slots=True)
class _Looked:
    """What the looks at one group say: when they were made, which stays they showed, and how people came."""

    at: Sequence[datetime]
    seen: Mapping[int, Sequence[Seen]]
    how: Mapping[int, Starts]

    @property
    def starts(self) -> set[datetime]:
        """Every start of a stay that any look showed; a membership that starts at none is older than the looks."""
        return {start for starts in self.how.values() for start in starts}


def rebuild(
    conn: Connection, vault: Vault, community: Community, pair: tuple[int, int], now: datetime
) -> list[dict[str, Any]]:
    """Write the memberships of two people in every group of a community anew; returns what history is to be told."""
    touched = set(merging.groups_of_persons(conn, pair))
    known = [*members.groups_of(conn, community.key), *members.dissolved_of(conn, community.key)]
    groups = [group for group in known if group.group_id in touched]
    raw = heard(conn, vault, groups)
    looks = evidence.looks_of(conn, sorted(touched))
    into = {one.merged_id: one.kept_id for one in merging.merges(conn)}
    events: list[dict[str, Any]] = []
    for group in groups:
        mine = looks.get(group.group_id, [])
        looked = _Looked([one.looked_at for one in mine], seen(mine, merging.merges(conn)), _how_they_came(mine, into))
        rows = rosters.stays_on_file(conn, group.group_id, pair)
        told = _told_anew(conn, group.group_id, pair, raw[group.group_id])
        found = [
            change
            for person in pair
            for change in _changes(person, [row for row in rows if row.person_id == person], told[person], looked)
        ]
        by_number = {row.membership_id: row for row in rows}
        events += written(conn, community, group.group_id, found, by_number, now).events
    return events


def _changes(person: int, rows: Sequence[Membership], told: Told, looked: _Looked) -> list[Change]:
    older = [row for row in rows if row.join_scene is not None and row.joined_at not in looked.starts]
    shown = [Seen(row.joined_at, row.last_seen_at) for row in older]
    known = evidence_of(told, [*shown, *looked.seen.get(person, ())], rows)
    by_start = {row.joined_at: on_file(row) for row in rows}
    return held_against(person, by_start, stays_of(known, looked.at), told, looked.how.get(person, {}))


def _told_anew(conn: Connection, group_id: int, pair: tuple[int, int], raw: Heard) -> dict[int, Told]:
    """What was told of each; a move that callbacks tell of the one is the other's only if they tell it of both."""
    on_record = evidence.moves_of(conn, group_id, pair)
    told: dict[int, Told] = {}
    for person, other in (pair, pair[::-1]):
        mine, theirs, kept = raw.told_of(person), raw.told_of(other), told_of(on_record.get(person, ()))
        joins = {at: code for at, code in kept.joins.items() if at not in theirs.joins} | dict(mine.joins)
        told[person] = Told(joins, (kept.leaves - theirs.leaves) | mine.leaves)
    evidence.tell_anew(conn, group_id, pair, _moves(group_id, told))
    return told


def _moves(group_id: int, told: Mapping[int, Told]) -> list[ToldMove]:
    joins = [ToldMove(group_id, who, at, True, code) for who, one in told.items() for at, code in one.joins.items()]
    return [*joins, *(ToldMove(group_id, who, at, False) for who, one in told.items() for at in one.leaves)]


def _how_they_came(looks: Iterable[Look], merged_into: Mapping[int, int]) -> dict[int, dict[datetime, Sighting]]:
    """Person → start of a stay → how the first look that showed it said they came."""
    found: dict[int, dict[datetime, Sighting]] = {}
    for number, joined_s, scene, inviter, channel in (one for look in looks for one in look.came):
        person, joined_at = known_as(number, merged_into), datetime.fromtimestamp(joined_s, UTC)
        found.setdefault(person, {}).setdefault(joined_at, Sighting(person, joined_at, scene, inviter, channel))
    return found
