"""
Bringing what is on file in line with what is known: memberships and history in one transaction.

When somebody was in is the rule of ``qunflow.acquisition.stays``; here its answers are written down. History is only
added to: a leave that turns out to have been earlier is one more leave, which ends the stay where it should.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from qunflow.acquisition.roster import NOTHING_TOLD, Change, OnFile, Sighting, Told, changes
from qunflow.acquisition.stays import BY_ROSTER, LAG, Stay
from qunflow.clock import local_day
from qunflow.settings.workspace import Community
from qunflow.store import evidence, rosters
from qunflow.store.evidence import ToldMove
from qunflow.store.members import Membership


@dataclass(frozen=True, slots=True)
class Brought:
    """What one group's memberships became: how many opened and closed, and the events that say so."""

    joins: int
    leaves: int
    events: list[dict[str, Any]]


def bring_in_line(
    conn: Connection,
    community: Community,
    group_id: int,
    person_ids: Iterable[int],
    now: datetime,
    shown: Mapping[int, Sighting] | None = None,
) -> Brought:
    """
    Work out the stays of some people in a group anew and write what differs.

    Args:
        shown: person → how the look that was just kept shows them; nothing when no look was made.
    """
    persons = list(dict.fromkeys(person_ids))
    rows = rosters.stays_on_file(conn, group_id, persons)
    moves = evidence.moves_of(conn, group_id, persons)
    looks = evidence.look_times(conn, group_id)
    by_person: dict[int, list[Membership]] = {person: [] for person in persons}
    for row in rows:
        by_person[row.person_id].append(row)
    found = [
        change
        for person in persons
        for change in changes(
            person,
            [on_file(row) for row in by_person[person]],
            told_of(moves.get(person, ())),
            looks,
            (shown or {}).get(person),
        )
    ]
    return written(conn, community, group_id, found, {row.membership_id: row for row in rows}, now)


def on_file(row: Membership) -> OnFile:
    """A membership as the rules take it."""
    return OnFile(*(getattr(row, name) for name in OnFile.__slots__))


def not_before(row: Membership) -> datetime | None:
    """The earliest a membership can have ended, ``None`` while it is open; the very instant where it was told."""
    if row.left_at is None or row.left_known_by != BY_ROSTER:
        return row.left_at
    return max(row.joined_at, min(row.last_seen_at - LAG, row.left_at))


def told_of(moves: Sequence[ToldMove]) -> Told:
    """What callbacks told of one person in one group, as the rules take it."""
    if not moves:
        return NOTHING_TOLD
    joins = {one.moved_at: one.by_code for one in moves if one.joined}
    return Told(joins, frozenset(one.moved_at for one in moves if not one.joined))


def written(
    conn: Connection,
    community: Community,
    group_id: int,
    found: Sequence[Change],
    rows: Mapping[int, Membership],
    now: datetime,
) -> Brought:
    """
    Write what changed in a group.

    Args:
        rows: membership number → row, for every change of one that is on file.
    """
    begun = [_row(group_id, one, None) for one in found if one.was is None and one.stay is not None]
    known = [(one, rows[one.was.membership_id]) for one in found if one.was is not None]
    changed = [
        {"membership_id": was.membership_id, **_row(group_id, one, was)} for one, was in known if one.stay is not None
    ]
    rosters.rewrite(conn, begun, changed, [was.membership_id for one, was in known if one.stay is None])
    events = [
        _event(community, group_id, kind, change, at, _how(change, rows), now)
        for change in found
        for kind, at in _moves(change)
    ]
    return Brought(sum(_opens(one) for one in found), sum(_closes(one) for one in found), events)


def _row(group_id: int, change: Change, was: Membership | None) -> dict[str, Any]:
    stay = change.stay
    assert stay is not None
    shown = change.shown
    how = {
        "join_scene": shown.join_scene if shown else was.join_scene if was else None,
        "pulled_in": shown.pulled_in if shown else was.pulled_in if was else not change.by_code,
        "inviter_userid": shown.inviter_userid[:64] if shown else was.inviter_userid if was else "",
        "channel": (shown.channel[:64] if shown else "") or (was.channel if was else ""),
    }
    if was is not None and was.join_scene is not None:
        how = {name: getattr(was, name) for name in how}
    when = {name: getattr(stay, name) for name in ("joined_at", "left_at", "left_known_by", "last_seen_at")}
    return {"group_id": group_id, "person_id": change.person_id, **when, **how}


def _opens(change: Change) -> int:
    """Whether a membership opened: a new one, or one that had been closed by mistake."""
    if change.was is None:
        return 1
    return int(change.was.left_at is not None and change.stay is not None and change.stay.left_at is None)


def _closes(change: Change) -> int:
    was_open = change.was is None or change.was.left_at is None
    return int(was_open and (change.stay is None or change.stay.left_at is not None))


def _moves(change: Change) -> list[tuple[str, datetime]]:
    """The joins and leaves history needs so that the same stay comes out of it."""
    was, stay = change.was, change.stay
    if stay is None:
        return []
    found: list[tuple[str, datetime]] = []
    if was is None or stay.joined_at < was.joined_at:
        found.append(("join", stay.joined_at))
    elif was.left_at is not None and stay.left_at is None:
        found.append(("join", was.left_at))
    if stay.left_at is not None and (was is None or stay.left_at != was.left_at):
        found.append(("leave", stay.left_at))
    return found


def _how(change: Change, rows: Mapping[int, Membership]) -> tuple[str, bool]:
    """The channel somebody came by, and whether somebody pulled them in."""
    if change.shown is not None:
        return change.shown.channel, change.shown.pulled_in
    if change.was is not None:
        row = rows[change.was.membership_id]
        return row.channel, row.pulled_in
    return "", not change.by_code


def _event(
    community: Community,
    group_id: int,
    kind: str,
    change: Change,
    at: datetime,
    how: tuple[str, bool],
    now: datetime,
) -> dict[str, Any]:
    props = {"pulled_in": how[1]} if kind == "join" else _bounds(change.stay)
    stamp = f"{at.timestamp():.6f}".removesuffix(".000000")
    return {
        "event_key": f"{kind}:{group_id}:{change.person_id}:{stamp}",
        "happened_at": at,
        "recorded_at": now,
        "local_day": local_day(at, community.zone_info),
        "kind": kind,
        "person_id": change.person_id,
        "group_id": group_id,
        "channel": how[0],
        "props": json.dumps(props, sort_keys=True),
    }


def _bounds(stay: Stay | None) -> dict[str, Any]:
    if stay is None or stay.left_known_by != BY_ROSTER:
        return {"known_by": stay.left_known_by if stay else ""}
    return {"known_by": stay.left_known_by, "not_before": stay.not_before.isoformat()}
