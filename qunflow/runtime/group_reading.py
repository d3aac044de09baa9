"""
What one look at a group's roster, or its callbacks alone, make of its memberships.

The platform is asked elsewhere; here its answer and what callbacks told are written down in one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection

from qunflow.acquisition.callbacks import Callback, GroupDissolved, MembersMoved, is_external
from qunflow.acquisition.chain import Chain, chain
from qunflow.acquisition.intake import GroupNews
from qunflow.acquisition.placement import LiveCodePlan
from qunflow.acquisition.roster import Sighting, in_flight, sightings
from qunflow.runtime import Runtime, identity
from qunflow.runtime.memberships import Brought, bring_in_line, on_file
from qunflow.settings.workspace import Community, Workspace
from qunflow.store import evidence, inbox, members, rosters
from qunflow.store.evidence import Look, ToldMove
from qunflow.store.inbox import InboxRow
from qunflow.store.members import GroupRow, Membership

SOURCE = "wecom:roster"
Told = Sequence[tuple[InboxRow, Callback]]


@dataclass(frozen=True, slots=True)
class Answer:
    """
    What the platform said of a group's roster at ``asked_at``.

    ``said`` is the roster, why it cannot be read, or nothing when callbacks alone are followed. The instant matters:
    whoever is missing may have left only after the run began.
    """

    said: Mapping[str, Any] | str | None
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class _Group:
    """One group in a transaction: what callbacks say of it, and who is meant by whom."""

    community: Community
    row: GroupRow
    about: Told
    person_of: Mapping[str, int]
    now: datetime

    @property
    def moves(self) -> list[MembersMoved]:
        return [event for _, event in self.about if isinstance(event, MembersMoved)]

    @property
    def told(self) -> list[ToldMove]:
        return [
            ToldMove(self.row.group_id, self.person_of[member], move.happened_at, move.joined, move.by_code)
            for move in self.moves
            for member in move.member_ids
            if member in self.person_of
        ]


def keep_groups(
    conn: Connection,
    here: Runtime,
    community: Community,
    answers: Mapping[GroupRow, Answer],
    told: Told,
    now: datetime,
) -> tuple[GroupNews, ...]:
    """Write down what each group's roster or callbacks say; callbacks that were used up are marked so."""
    news: list[GroupNews] = []
    events: list[dict[str, Any]] = []
    for row, answer in answers.items():
        detail = answer.said
        about = [(one, event) for one, event in told if getattr(event, "chat_id", None) == row.chat_id]
        person_of = _persons(conn, here, about, detail, now)
        group = _Group(community, row, about, person_of, answer.asked_at)
        is_over = any(isinstance(event, GroupDissolved) for _, event in about)
        if is_over:
            one, happened = _dissolved(conn, group, detail if isinstance(detail, str) else "dissolved")
        elif isinstance(detail, str):
            one, happened = _unread(conn, group, detail), []
        else:
            one, happened = _follow(conn, group) if detail is None else _look(conn, group, detail)
        news.append(one)
        events += happened
        done = about if is_over or not isinstance(detail, str) else []
        inbox.mark(conn, [row.inbox_id for row, _ in done], "applied", "", now)
    if events:
        # Named by what it says: a second look of the same instant may have more to say.
        name = f"roster:{community.key}:{events[0]['event_key']}:{now.isoformat()}"
        here.history.append(conn, SOURCE, name, pd.DataFrame(events))
    return tuple(news)


def _persons(
    conn: Connection, here: Runtime, about: Told, detail: Mapping[str, Any] | str | None, now: datetime
) -> dict[str, int]:
    """Customers on the roster or told of → person; the corp's own people are nobody's customers."""
    shown: Mapping[str, Any] = detail if isinstance(detail, Mapping) else {}
    listed = shown.get("member_list") or []
    own = _own_people(shown) | known_staff(here.workspace)
    customers = [one for one in listed if one.get("type") == 2]
    ids = {str(one["userid"]) for one in customers} | _customers_told_of(conn, here, moved_ids(about) - own)
    person_of = here.vault.persons_for(conn, "external_userid", sorted(ids - own), now)
    union_of = {str(one["userid"]): str(one["unionid"]) for one in customers if one.get("unionid")}
    known = {one: union for one, union in union_of.items() if one in person_of}
    return identity.with_unionids(conn, here, person_of, known, now)


def _own_people(shown: Mapping[str, Any]) -> set[str]:
    """Whom a group's detail shows to be the corp's: its own members there, the admins and the owner."""
    staff = [one for one in shown.get("member_list") or [] if one.get("type") == 1]
    named = {str(one["userid"]) for one in [*staff, *(shown.get("admin_list") or [])]}
    return named | ({str(shown["owner"])} if shown.get("owner") else set())


def _customers_told_of(conn: Connection, here: Runtime, ids: set[str]) -> set[str]:
    """Of ids callbacks tell of, those of customers: callbacks do not say whose an id is, so its shape must."""
    external = {one for one in ids if is_external(one)}
    return external | here.vault.known_persons(conn, "external_userid", ids - external).keys()


def moved_ids(about: Told) -> set[str]:
    """The ids of everybody callbacks say joined or left, the corp's own people among them."""
    return {member for _, event in about if isinstance(event, MembersMoved) for member in event.member_ids}


def known_staff(workspace: Workspace) -> set[str]:
    """Everybody the settings name: the team, and helper, owners and admins of any community."""
    team = {member.userid for member in workspace.team}
    return team | {userid for community in workspace.communities for userid in staff_of(community)}


def staff_of(community: Community) -> set[str]:
    """Everybody who may have contacts for a community: helper, group owners and admins."""
    return {community.helper, *(userid for group in community.groups for userid in (group.owner, group.admin))}


def _unread(conn: Connection, group: _Group, problem: str) -> GroupNews:
    """A group that cannot be read stays as it was, and what was told of it waits."""
    row, there = group.row, len(members.open_memberships(conn, group.row.group_id))
    return GroupNews(row.group_id, row.group_key, there, there, there, 0, 0, problem=problem)


def _dissolved(conn: Connection, group: _Group, problem: str) -> tuple[GroupNews, list[dict[str, Any]]]:
    """A group that is gone was left by everybody, whatever its roster still shows."""
    row = group.row
    there = members.open_memberships(conn, row.group_id)
    gone = [event.happened_at for _, event in group.about if isinstance(event, GroupDissolved)]
    at = min([*gone, *([row.dissolved_at] if row.dissolved_at else [])])
    rosters.dissolve(conn, row.group_id, at)
    leavers = _all_leave(conn, group, there, at)
    brought = bring_in_line(conn, group.community, row.group_id, leavers, group.now)
    return replace(_news(conn, group, there, brought, 0), problem=problem), brought.events


def _all_leave(conn: Connection, group: _Group, there: Iterable[int], at: datetime) -> set[int]:
    """Keep what was told, and that whoever was there or told of left when the group was gone; returns who."""
    leavers = {*there, *(one.person_id for one in group.told)}
    evidence.keep_moves(conn, [*group.told, *(ToldMove(group.row.group_id, one, at, False) for one in leavers)])
    return leavers


def _follow(conn: Connection, group: _Group) -> tuple[GroupNews, list[dict[str, Any]]]:
    """Apply what callbacks told, without a look."""
    row = group.row
    before = members.open_memberships(conn, row.group_id)
    if row.dissolved_at is None:
        evidence.keep_moves(conn, group.told)
    else:
        _all_leave(conn, group, (), row.dissolved_at)
    brought = bring_in_line(conn, group.community, row.group_id, {one.person_id for one in group.told}, group.now)
    rosters.followed(conn, row.group_id, chain_of(row, group.moves).version)
    return _news(conn, group, before, brought, None), brought.events


def _look(conn: Connection, group: _Group, detail: Mapping[str, Any]) -> tuple[GroupNews, list[dict[str, Any]]]:
    """Compare a roster with what is on file; whom nothing is new about is only noted as seen."""
    row = group.row
    listed = detail.get("member_list") or []
    seen = {one.person_id: one for one in sightings(listed, group.person_of, channel_of_state(group.community))}
    before = members.open_memberships(conn, row.group_id)
    evidence.keep_moves(conn, group.told)
    look = _made(conn, group, detail, seen)
    at = evidence.keep_look(conn, look)
    touched = {one.person_id for one in group.told} | (before.keys() - seen.keys())
    touched |= {person for person, one in seen.items() if not _is_known(one, before.get(person))}
    shown = {person: one for person, one in seen.items() if person in touched}
    brought = bring_in_line(conn, group.community, row.group_id, sorted(touched), group.now, shown)
    members.saw_roster(conn, row.group_id, seen, look.member_version, at)
    return _news(conn, group, before, brought, seen, at), brought.events


def _is_known(one: Sighting, on_file: Membership | None) -> bool:
    return on_file is not None and on_file.join_scene is not None and on_file.joined_at == one.joined_at


def _made(conn: Connection, group: _Group, detail: Mapping[str, Any], seen: Mapping[int, Sighting]) -> Look:
    last = evidence.last_look(conn, group.row.group_id)
    shown = rosters.shown_at(conn, group.row.group_id, last.looked_at) if last else {}
    came = [one for person, one in seen.items() if shown.get(person) != one.joined_at]
    listed = detail.get("member_list") or []
    return Look(
        group.row.group_id,
        group.now,
        str(detail.get("member_version") or ""),
        listed=sum(one.get("type") == 2 for one in listed),
        staff=sum(one.get("type") == 1 for one in listed),
        came=[_told_shortly(one) for one in came],
        gone=sorted(shown.keys() - seen.keys()),
    )


def _told_shortly(one: Sighting) -> list[Any]:
    return [one.person_id, int(one.joined_at.timestamp()), one.join_scene, one.inviter_userid, one.channel]


def _news(
    conn: Connection,
    group: _Group,
    before: Mapping[int, Membership],
    brought: Brought,
    seen: Mapping[int, Sighting] | int | None,
    at: datetime | None = None,
) -> GroupNews:
    row = group.row
    after = members.open_memberships(conn, row.group_id)
    left = {one.person_id for one in group.told if not one.joined}
    stays = rosters.stays_on_file(conn, row.group_id, left)
    strange = len(left - {one.person_id for one in stays})
    late = 0
    if isinstance(seen, Mapping):
        assert at is not None
        about = [*after.values(), *rosters.stays_on_file(conn, row.group_id, seen.keys() - after.keys())]
        late = in_flight([on_file(one) for one in about], seen.keys(), at)
        listed = len(seen)
    else:
        listed = len(after) if seen is None else seen
    counts = (brought.joins, brought.leaves, strange)
    return GroupNews(row.group_id, row.group_key, len(before), len(after), listed, *counts, in_flight=late)


def chain_of(group: GroupRow, moves: Iterable[MembersMoved]) -> Chain:
    return chain(group.member_version, [(move.version_before, move.version_after) for move in moves])


def channel_of_state(community: Community) -> dict[str, str]:
    """The state a join way carries → channel key; a key longer than a state is known by its beginning."""
    return {LiveCodePlan(one.key, (), ()).state: one.key for one in community.acquisition.channels}
