"""
Gathering the three sources of a day's completeness: rosters and callbacks from the store, statistics from the platform.

The rules of the grade are ``qunflow.community.completeness``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Connection

from qunflow.acquisition.stays import BY_CALLBACK, SAME_STAY
from qunflow.clock import day_bounds, local_day
from qunflow.community.completeness import Grade, GroupDay, Official, Presence, bounds, grades, of_community
from qunflow.connectors.wecom.statistics import ZONE
from qunflow.errors import ChannelRefused
from qunflow.runtime import Runtime
from qunflow.runtime.memberships import not_before
from qunflow.settings.workspace import Community
from qunflow.store import evidence, members
from qunflow.store.evidence import ToldMove
from qunflow.store.figures import Figure
from qunflow.store.members import GroupRow, Membership

STAGE = "acquisition"
OWNERS_PER_CALL = 100
OLDEST = timedelta(days=180)
# Callbacks are taken for missing when so many days brought changes and not one of them was told.
SILENT_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class DayGrades:
    """The grades of one day; ``told`` of ``changes`` joins and leaves were told by a callback."""

    day: date
    letter: str
    groups: tuple[Grade, ...]
    told: int
    changes: int


def graded_day(here: Runtime, community: Community, day: date, now: datetime) -> DayGrades:
    """
    Grade a community's day that is over.

    Raises:
        ChannelUnavailable: the platform does not answer.
    """
    with here.store.reading() as conn:
        rows = {row.group_key: row for row in members.groups_of(conn, community.key)}
        mine = [rows[group.key] for group in community.groups_on(day) if group.key in rows]
        days, told, moved = _days(conn, community, mine, day)
        owners = sorted({row.owner_userid for row in mine})
        beside = _beside(conn, here, owners, {row.group_id for row in mine}, day_bounds(day, community.zone_info))
    official = official_figures(here, community, owners, day, now)
    graded = grades(days, official, beside)
    return DayGrades(day, of_community(graded), tuple(graded), told, moved)


def _beside(
    conn: Connection,
    here: Runtime,
    owners: Collection[str],
    graded: Collection[int],
    span: tuple[datetime, datetime],
) -> list[GroupDay]:
    """What is known of the owners' other groups, which the platform counts with these: closed, or elsewhere."""
    found: list[GroupDay] = []
    for community in here.workspace.communities:
        known = members.groups_of(conn, community.key)
        others = [one for one in known if one.chat_id and one.owner_userid in owners and one.group_id not in graded]
        if not others:
            continue
        stays = members.memberships_of(conn, community.key)
        for row in others:
            mine = [one for one in stays if one.group_id == row.group_id]
            last = evidence.last_look(conn, row.group_id)
            staff = {row.group_id: last.staff} if last else {}
            found.append(_group_day(row, mine, (), staff, span, was_told=True))
    return found


def _days(
    conn: Connection, community: Community, mine: Sequence[GroupRow], day: date
) -> tuple[list[GroupDay], int, int]:
    start, end = day_bounds(day, community.zone_info)
    ids = [row.group_id for row in mine]
    stays: dict[int, list[Membership]] = {group: [] for group in ids}
    for one in members.memberships_of(conn, community.key):
        if one.group_id in stays:
            stays[one.group_id].append(one)
    reads = evidence.reads_between(conn, ids, start, end + timedelta(days=1))
    staff = {group: count for group, _, count in reads}
    moves: dict[int, list[ToldMove]] = {group: [] for group in ids}
    for move in evidence.moves_between(conn, ids, start - SILENT_FOR, end):
        moves[move.group_id].append(move)
    everything = [one for group in ids for one in stays[group]]
    told, changed = _told_share(everything, moves, start, end)
    lately = _told_share(everything, moves, start - SILENT_FOR, end)
    was_told = any(moves.values()) or lately[1] == 0
    days = [
        _group_day(row, stays[row.group_id], moves[row.group_id], staff, (start, end), was_told=was_told)
        for row in mine
    ]
    return days, told, changed


def _group_day(
    row: GroupRow,
    stays: Sequence[Membership],
    moves: Sequence[ToldMove],
    staff: Mapping[int, int],
    span: tuple[datetime, datetime],
    *,
    was_told: bool,
) -> GroupDay:
    start, end = span
    low, high = bounds([Presence(one.joined_at, not_before(one), one.left_at) for one in stays], end)
    return GroupDay(
        group=row.group_key,
        owner=row.owner_userid,
        low=low,
        high=high,
        staff=staff.get(row.group_id, 0),
        joins=sum(start <= one.joined_at < end for one in stays),
        was_read=row.group_id in staff,
        was_told=was_told,
        contradictions=sum(not _fits(move, stays) for move in moves if start <= move.moved_at),
    )


def _fits(move: ToldMove, stays: Sequence[Membership]) -> bool:
    """Whether a stay begins with a told join, or ends with a told leave."""
    mine = [one for one in stays if one.person_id == move.person_id]
    if move.joined:
        return any(abs(one.joined_at - move.moved_at) <= SAME_STAY for one in mine)
    return any(one.left_at is not None and abs(one.left_at - move.moved_at) <= SAME_STAY for one in mine)


def _told_share(
    stays: Sequence[Membership], moves: Mapping[int, Sequence[ToldMove]], start: datetime, end: datetime
) -> tuple[int, int]:
    """How many joins and leaves in a span callbacks told of, and how many there were."""
    told_joins: dict[tuple[int, int], list[datetime]] = defaultdict(list)
    for move in (one for part in moves.values() for one in part if one.joined):
        told_joins[move.group_id, move.person_id].append(move.moved_at)
    joins = [one for one in stays if start <= one.joined_at < end]
    leaves = [one for one in stays if one.left_at is not None and start <= one.left_at < end]
    told = sum(
        any(abs(at - one.joined_at) <= SAME_STAY for at in told_joins[one.group_id, one.person_id]) for one in joins
    )
    told += sum(one.left_known_by == BY_CALLBACK for one in leaves)
    return told, len(joins) + len(leaves)


def official_figures(
    here: Runtime, community: Community, owners: Sequence[str], day: date, now: datetime
) -> dict[str, Official] | None:
    """
    The official figures of a day by owner; ``None`` where there are none: too old, today, other days, or refused.

    Raises:
        ChannelUnavailable: the platform does not answer.
    """
    today = local_day(now, ZONE)
    same_days = day_bounds(day, community.zone_info) == day_bounds(day, ZONE)
    if not owners or not same_days or not today - OLDEST <= day < today:
        return None
    found: dict[str, Official] = {}
    try:
        for start in range(0, len(owners), OWNERS_PER_CALL):
            answer = here.wecom.statistics.groups_by_owner(owners[start : start + OWNERS_PER_CALL], day, day)
            found.update({owner: _official(data) for owner, data in answer.items()})
    except ChannelRefused:
        # Without the right to statistics the grade says that this source is missing.
        return None
    return found


def _official(data: Mapping[str, object]) -> Official:
    counts = (int(str(data.get(name) or 0)) for name in ("chat_total", "member_total", "new_member_cnt"))
    return Official(*counts)


def figures_of(community: str, found: DayGrades) -> list[Figure]:
    """``completeness`` of the community and by group, and ``callbacks_told`` as a share of the day's changes."""
    source = "roster+callbacks+statistics"
    rate = found.told / found.changes if found.changes else None
    return [
        Figure(community, STAGE, "completeness", found.day, found.letter, "text", source),
        *(
            Figure(community, STAGE, "completeness", found.day, one.letter, "text", source, {"group": one.group})
            for one in found.groups
        ),
        Figure(community, STAGE, "callbacks_told", found.day, rate, "rate", "state", {}, found.told, found.changes),
    ]
