"""
Reading the groups' rosters and writing down what changed: memberships and history in one transaction.

The roster is the truth about who is in a group; callbacks add when somebody left, and who only passed through.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection

from qunflow.acquisition.callbacks import Callback, GroupDissolved, MembersMoved
from qunflow.acquisition.intake import GroupNews
from qunflow.acquisition.placement import LiveCodePlan
from qunflow.acquisition.roster import SCENE_OF_CODE, Leave, OpenStay, RosterDiff, Sighting, roster_diff, sightings
from qunflow.clock import local_day
from qunflow.errors import ChannelRefused
from qunflow.runtime import Runtime, current
from qunflow.settings.workspace import Community
from qunflow.store import inbox, members, rosters
from qunflow.store.inbox import InboxRow
from qunflow.store.members import GroupRow, Membership
from tasks.acquisition_contacts import callbacks_waiting

SOURCE = "wecom:roster"
Told = Sequence[tuple[InboxRow, Callback]]


def read_groups(community: Community, group_keys: Sequence[str], now: datetime) -> tuple[GroupNews, ...]:
    """
    Read some groups' rosters and write down joins and leaves.

    A group the platform does not know is reported and left as it was.

    Raises:
        ChannelUnavailable: the platform does not answer; nothing of this call is written then.
    """
    here = current()
    with here.store.reading() as conn:
        known = {group.group_key: group for group in members.groups_of(conn, community.key)}
    # Groups of other platforms have no roster to read.
    groups = [known[key] for key in group_keys if key in known and known[key].chat_id]
    details = {group.group_id: _detail(here, group) for group in groups}
    told = callbacks_waiting(here)[0]
    return here.store.write(lambda conn: _keep(conn, here, community, groups, details, told, now))


def _detail(here: Runtime, group: GroupRow) -> Mapping[str, Any] | str:
    try:
        return here.wecom.group(group.chat_id or "")
    except ChannelRefused as error:
        return error.problem


def _keep(
    conn: Connection,
    here: Runtime,
    community: Community,
    groups: Sequence[GroupRow],
    details: Mapping[int, Mapping[str, Any] | str],
    told: Told,
    now: datetime,
) -> tuple[GroupNews, ...]:
    news: list[GroupNews] = []
    events: list[dict[str, Any]] = []
    for group in groups:
        detail = details[group.group_id]
        about = [(row, event) for row, event in told if getattr(event, "chat_id", None) == group.chat_id]
        if isinstance(detail, str):
            news.append(_unread(conn, group, about, detail, now))
        else:
            one, happened = _look(conn, here, community, group, detail, about, now)
            news.append(one)
            events += happened
    if events:
        name = f"roster:{community.key}:{groups[0].group_key}:{now.isoformat()}"
        here.history.append(conn, SOURCE, name, pd.DataFrame(events))
    return tuple(news)


def _unread(conn: Connection, group: GroupRow, about: Told, problem: str, now: datetime) -> GroupNews:
    there = len(members.open_memberships(conn, group.group_id))
    for row, event in about:
        if isinstance(event, GroupDissolved):
            rosters.dissolve(conn, group.group_id, event.happened_at)
            inbox.mark(conn, [row.inbox_id], "applied", "", now)
    return GroupNews(group.group_id, group.group_key, there, there, there, 0, 0, problem=problem)


def _look(
    conn: Connection,
    here: Runtime,
    community: Community,
    group: GroupRow,
    detail: Mapping[str, Any],
    about: Told,
    now: datetime,
) -> tuple[GroupNews, list[dict[str, Any]]]:
    listed = [one for one in detail.get("member_list") or [] if one.get("type") == 2]
    moves = [event for _, event in about if isinstance(event, MembersMoved)]
    told_ids = {member for move in moves for member in move.member_ids}
    ids = {str(one["userid"]) for one in listed} | {one for one in told_ids if one not in _staff_ids(detail)}
    person_of = here.vault.persons_for(conn, "external_userid", sorted(ids), now)
    seen = sightings(listed, person_of, channel_of_state(community))
    opened = members.open_memberships(conn, group.group_id)
    diff = _diff(conn, group, seen, opened, moves, person_of, now)
    events = _write(conn, community, group, diff, opened, now)
    rosters.describe_joins(conn, _descriptions(seen, opened))
    present = [one.person_id for one in seen]
    members.saw_roster(conn, group.group_id, present, str(detail.get("member_version") or ""), now)
    inbox.mark(conn, [row.inbox_id for row, _ in about], "applied", "", now)
    joins, leaves = (sum(event["kind"] == kind for event in events) for kind in ("join", "leave"))
    after = len(members.open_memberships(conn, group.group_id))
    strange = _left_without_join(moves, person_of, opened, diff)
    return GroupNews(group.group_id, group.group_key, len(opened), after, len(seen), joins, leaves, strange), events


def _staff_ids(detail: Mapping[str, Any]) -> set[str]:
    return {str(one["userid"]) for one in detail.get("member_list") or [] if one.get("type") == 1}


def channel_of_state(community: Community) -> dict[str, str]:
    """The state a join way carries → channel key; a key longer than a state is known by its beginning."""
    return {LiveCodePlan(one.key, (), ()).state: one.key for one in community.acquisition.channels}


def _diff(
    conn: Connection,
    group: GroupRow,
    seen: Sequence[Sighting],
    opened: Mapping[int, Membership],
    moves: Sequence[MembersMoved],
    person_of: Mapping[str, int],
    now: datetime,
) -> RosterDiff:
    stays = [OpenStay(one.membership_id, person, one.joined_at, one.last_seen_at) for person, one in opened.items()]
    told_leaves: dict[int, tuple[datetime, ...]] = {}
    told_joins: list[Sighting] = []
    for move in moves:
        for person in (person_of[member] for member in move.member_ids if member in person_of):
            if move.joined:
                scene = SCENE_OF_CODE if move.by_code else 1
                told_joins.append(Sighting(person, move.happened_at, scene, "", ""))
            else:
                told_leaves[person] = (*told_leaves.get(person, ()), move.happened_at)
    past = rosters.past_stays(conn, group.group_id, [one.person_id for one in told_joins])
    return roster_diff(seen, stays, looked_at=now, told_leaves=told_leaves, told_joins=told_joins, past_joins=past)


def _write(
    conn: Connection,
    community: Community,
    group: GroupRow,
    diff: RosterDiff,
    opened: Mapping[int, Membership],
    now: datetime,
) -> list[dict[str, Any]]:
    """Ended stays first, then joins in order, visits closed at once: a stay opens only when the one before is over."""
    visits = {(leave.person_id, leave.joined_at): leave for leave in diff.leaves if not leave.membership_id}
    ended = [leave for leave in diff.leaves if leave.membership_id]
    events = _close(conn, community, group, ended, {p: one.channel for p, one in opened.items()}, now)
    for join in sorted(diff.joins, key=lambda one: one.joined_at):
        events += _open(conn, community, group, [join], now)
        visit = visits.get((join.person_id, join.joined_at))
        events += _close(conn, community, group, [visit] if visit else [], {join.person_id: join.channel}, now)
    return events


def _open(
    conn: Connection, community: Community, group: GroupRow, joins: Sequence[Sighting], now: datetime
) -> list[dict[str, Any]]:
    rows = [
        members.Join(
            group.group_id,
            one.person_id,
            one.joined_at,
            one.join_scene,
            one.pulled_in,
            one.inviter_userid[:64],
            one.channel[:64],
        )
        for one in joins
    ]
    new = members.apply_joins(conn, rows, now)
    return [
        _event(community, group, "join", one.person_id, one.joined_at, one.channel, {"pulled_in": one.pulled_in}, now)
        for one in new
    ]


def _close(
    conn: Connection,
    community: Community,
    group: GroupRow,
    leaves: Sequence[Leave],
    channel_of: Mapping[int, str],
    now: datetime,
) -> list[dict[str, Any]]:
    rows = [members.Leave(group.group_id, one.person_id, one.left_at, one.known_by) for one in leaves]
    not_before = {one.person_id: one.not_before for one in leaves}
    return [
        _event(
            community,
            group,
            "leave",
            leave.person_id,
            leave.left_at,
            channel_of.get(leave.person_id, ""),
            {"known_by": leave.known_by, "not_before": not_before[leave.person_id].isoformat()},
            now,
        )
        for leave, _ in members.apply_leaves(conn, rows)
    ]


def _event(
    community: Community,
    group: GroupRow,
    kind: str,
    person: int,
    at: datetime,
    channel: str,
    props: Mapping[str, Any],
    now: datetime,
) -> dict[str, Any]:
    return {
        "event_key": f"{kind}:{group.group_id}:{person}:{int(at.timestamp())}",
        "happened_at": at,
        "recorded_at": now,
        "local_day": local_day(at, community.zone_info),
        "kind": kind,
        "person_id": person,
        "group_id": group.group_id,
        "channel": channel,
        "props": json.dumps(dict(props), sort_keys=True),
    }


def _descriptions(seen: Sequence[Sighting], opened: Mapping[int, Membership]) -> list[dict[str, Any]]:
    return [
        {
            "membership_id": opened[one.person_id].membership_id,
            "join_scene": one.join_scene,
            "pulled_in": one.pulled_in,
            "inviter_userid": one.inviter_userid[:64],
            "channel": one.channel[:64] or opened[one.person_id].channel,
        }
        for one in seen
        if one.person_id in opened and opened[one.person_id].join_scene is None
    ]


def _left_without_join(
    moves: Sequence[MembersMoved], person_of: Mapping[str, int], opened: Mapping[int, Membership], diff: RosterDiff
) -> int:
    joined = {*opened, *(one.person_id for one in diff.joins)}
    left = {person_of[member] for move in moves if not move.joined for member in move.member_ids if member in person_of}
    return len(left - joined)


def parts(keys: Sequence[str], size: int) -> Iterator[tuple[str, ...]]:
    """Group keys in chunks of at most ``size``."""
    for start in range(0, len(keys), size):
        yield tuple(keys[start : start + size])
