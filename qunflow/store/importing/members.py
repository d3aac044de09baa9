"""
The import of members: who they are, which group they are or were in, who added them and when.

A row needs one id (external id, unionid or phone). Without a time of joining nobody can say since when somebody is in:
the stay then begins at the instant of the import and the history is told of no join, so that no cohort counts it; the
next look at the roster puts the true time there. A name the vault has already stays as it is.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
from sqlalchemy import Connection, select

from qunflow.acquisition.identity import Mark
from qunflow.acquisition.leads import channel_key
from qunflow.clock import local_day
from qunflow.settings.workspace import Community
from qunflow.store import people
from qunflow.store.importing.crowd import Crowd, marks_of_rows
from qunflow.store.importing.memberships import Move, rebuild
from qunflow.store.importing.notes import OF_PERSONS, Watch
from qunflow.store.importing.preview import Told, told
from qunflow.store.importing.record import Work
from qunflow.store.importing.sheet import Sheet, counted
from qunflow.store.rows import chunks
from qunflow.store.tables import contacts, groups, memberships, person_fields
from qunflow.store.vault import Vault

NO_IDENTITY, BAD_PHONE, UNKNOWN_GROUP = "no_identity", "bad_phone", "unknown_group"
BAD_TIME, FUTURE = "bad_time", "future_time"
LEFT_WITHOUT_JOIN, LEFT_EARLY = "left_without_join", "left_before_joining"


@dataclass(frozen=True, slots=True)
class Row:
    """One usable row; ``group_id`` is 0 when it names no group."""

    index: int
    marks: Sequence[Mark]
    name: str
    group_id: int
    joined_at: datetime | None
    left_at: datetime | None
    channel: str
    owner: str
    added_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewStay:
    """A stay nobody knew; ``told`` when the file says when it began."""

    person: int
    group_id: int
    joined_at: datetime
    left_at: datetime | None
    channel: str
    told: bool


@dataclass(frozen=True, slots=True)
class MemberPlan:
    """What a file of members would bring."""

    preview: Told
    reasons: Mapping[int, str]
    crowd: Crowd
    stays: Sequence[NewStay]
    added: Sequence[people.Contact]
    names: Mapping[int, Mapping[str, str]]


def plan_members(conn: Connection, vault: Vault, sheet: Sheet, community: Community, now: datetime) -> MemberPlan:
    """Look at every row; nothing is written."""
    rows, reasons, unknown = _judged(conn, sheet, community, now)
    crowd = Crowd(conn, vault, [row.marks for row in rows])
    known = crowd.known
    spans = _spans(conn, known)
    friends = _friends(conn, known)
    plan = _Planning(crowd, community, now, spans, friends)
    # Earlier stays first: one that is open covers what is told of the time before.
    statuses = {row.index: plan.take(row) for row in sorted(rows, key=lambda row: row.joined_at or now)}
    details = {
        "strangers": crowd.strangers,
        "stays": len(plan.stays),
        "without_join_time": sum(not stay.told for stay in plan.stays),
        "contacts": len(plan.added),
        "phones_left_out": plan.phones_left_out(sheet, rows),
    }
    preview = told(sheet, statuses, counted([*_reasons_of(sheet), *reasons.values()]), unknown, details)
    return MemberPlan(preview, reasons, crowd, plan.stays, plan.added, plan.names)


def work_of(conn: Connection, vault: Vault, plan: MemberPlan, community: Community, now: datetime) -> Work:
    """What is to be done for a plan, in the transaction it was made in."""
    involved = {*plan.crowd.known}

    def write() -> tuple[Watch, pd.DataFrame]:
        number_of = plan.crowd.write(conn, vault, now)
        real = {person: number_of.get(person, person) for person in map(plan.crowd.now, [*number_of, *involved])}
        _seal_names(conn, vault, plan, number_of, now)
        _befriend(conn, plan, number_of)
        stays = [_settled(plan, stay, number_of) for stay in plan.stays]
        rebuild(conn, _moves(stays), "import", now)
        return _watch(real.values()), _events(plan, stays, number_of, community.zone_info, now)

    return Work(_watch(involved), write)


def _watch(persons: Any) -> Watch:
    numbers = sorted(set(persons))
    return dict.fromkeys(OF_PERSONS, numbers)


class _Planning:
    """Takes row after row and remembers what earlier rows of the file said."""

    def __init__(
        self,
        crowd: Crowd,
        community: Community,
        now: datetime,
        spans: dict[tuple[int, int], list[tuple[datetime, datetime | None]]],
        friends: set[tuple[int, str]],
    ) -> None:
        self._crowd, self._now, self._community = crowd, now, community
        self._spans, self._friends = spans, friends
        self.stays: list[NewStay] = []
        self.added: list[people.Contact] = []
        self.names: dict[int, dict[str, str]] = {}

    def take(self, row: Row) -> str:
        """Whether a row is new, known or doubtful."""
        fresh_marks = sum(self._crowd.known_by([mark]) is None for mark in row.marks)
        person, doubtful = self._crowd.person_of(row.marks)
        news = fresh_marks > 0
        if row.name:
            self.names.setdefault(person, {}).setdefault("name", row.name)
        if phone := next((mark.value for mark in row.marks if mark.kind == "phone"), ""):
            self.names.setdefault(person, {}).setdefault("phone", phone)
        if row.group_id:
            news |= self._stay(person, row)
        if row.owner and row.added_at is not None:
            news |= self._friend(person, row)
        return "doubtful" if doubtful else "new" if news else "known"

    def phones_left_out(self, sheet: Sheet, rows: Sequence[Row]) -> int:
        """How many rows were used by another id because their phone cannot be one."""
        said = sheet.texts("phone")
        return sum(bool(said[row.index]) and all(mark.kind != "phone" for mark in row.marks) for row in rows)

    def _stay(self, person: int, row: Row) -> bool:
        joined = row.joined_at or self._now
        spans = self._spans.setdefault((row.group_id, person), [])
        if any(_covers(span, joined, row.left_at) for span in spans):
            return False
        spans.append((joined, row.left_at))
        self.stays.append(NewStay(person, row.group_id, joined, row.left_at, row.channel, row.joined_at is not None))
        return True

    def _friend(self, person: int, row: Row) -> bool:
        if (person, row.owner) in self._friends or row.added_at is None:
            return False
        self._friends.add((person, row.owner))
        self.added.append(people.Contact(person, row.owner, self._community.key, row.channel, row.added_at))
        return True


def _covers(span: tuple[datetime, datetime | None], joined: datetime, left: datetime | None) -> bool:
    """Whether a stay that is known is the one that is told, or leaves no room for it."""
    start, end = span
    if end is not None:
        return start <= joined < end or joined == start
    # As for the roster: somebody who is in may be told by slightly different times.
    return left is None or left > start


def _judged(
    conn: Connection, sheet: Sheet, community: Community, now: datetime
) -> tuple[list[Row], dict[int, str], dict[str, int]]:
    marks, bad_phones = marks_of_rows(sheet)
    names = ("name", "group", "channel", "owner")
    text = {name: sheet.texts(name) for name in names}
    said = {name: sheet.texts(name) for name in ("joined_at", "left_at", "added_at")}
    at = {name: sheet.instants(name, community.zone_info) for name in said}
    group_ids = _group_ids(conn, community)
    channels = {one.key: one.name for one in community.acquisition.channels}
    rows: list[Row] = []
    reasons: dict[int, str] = {}
    for index in range(len(sheet.numbers)):
        times = {name: at[name][index] for name in at}
        unread = any(said[name][index] and times[name] is None for name in said)
        group = text["group"][index]
        reason = _reason(bool(marks[index]), index in bad_phones, not group or group in group_ids, unread, times, now)
        if reason:
            reasons[index] = reason
            continue
        channel = channel_key(text["channel"][index], channels) if text["channel"][index] else ""
        rows.append(
            Row(
                index, marks[index], text["name"][index][:120], group_ids.get(group, 0), times["joined_at"],
                times["left_at"], channel, text["owner"][index][:64], times["added_at"],
            )
        )  # fmt: skip
    unknown = counted([text["group"][index] for index, why in reasons.items() if why == UNKNOWN_GROUP])
    return rows, reasons, unknown


def _reason(
    has_id: bool, bad_phone: bool, group_known: bool, unread: bool, at: Mapping[str, datetime | None], now: datetime
) -> str:
    """Why a row cannot be used; of several reasons the first."""
    joined, left = at["joined_at"], at["left_at"]
    if not has_id:
        return BAD_PHONE if bad_phone else NO_IDENTITY
    if unread:
        return BAD_TIME
    if any(one is not None and one > now for one in at.values()):
        return FUTURE
    if left is not None and joined is None:
        return LEFT_WITHOUT_JOIN
    if left is not None and joined is not None and left < joined:
        return LEFT_EARLY
    return "" if group_known else UNKNOWN_GROUP


def _reasons_of(sheet: Sheet) -> list[str]:
    return [why for _, why, _ in sheet.rejects]


def _group_ids(conn: Connection, community: Community) -> dict[str, int]:
    """Number of a group by its key, its name and its chat id."""
    found: dict[str, int] = {}
    for row in conn.execute(select(groups).where(groups.c.community == community.key)):
        found |= {name: row.group_id for name in (row.name, row.chat_id, row.group_key) if name}
    return found


def _spans(conn: Connection, persons: Sequence[int]) -> dict[tuple[int, int], list[tuple[datetime, datetime | None]]]:
    found: dict[tuple[int, int], list[tuple[datetime, datetime | None]]] = defaultdict(list)
    for part in chunks(persons):
        for row in conn.execute(select(memberships).where(memberships.c.person_id.in_(part))):
            found[(row.group_id, row.person_id)].append((row.joined_at, row.left_at))
    return dict(found)


def _friends(conn: Connection, persons: Sequence[int]) -> set[tuple[int, str]]:
    found: set[tuple[int, str]] = set()
    for part in chunks(persons):
        rows = conn.execute(select(contacts.c.person_id, contacts.c.userid).where(contacts.c.person_id.in_(part)))
        found |= {(row.person_id, row.userid) for row in rows}
    return found


def _number(plan: MemberPlan, person: int, number_of: Mapping[int, int]) -> int:
    now = plan.crowd.now(person)
    return number_of.get(now, now)


def _seal_names(conn: Connection, vault: Vault, plan: MemberPlan, number_of: Mapping[int, int], now: datetime) -> None:
    wanted: dict[int, dict[str, str]] = {}
    for person, fields in plan.names.items():
        wanted[_number(plan, person, number_of)] = {**fields, **wanted.get(_number(plan, person, number_of), {})}
    for part in chunks(wanted):
        query = select(person_fields.c.person_id, person_fields.c.field).where(person_fields.c.person_id.in_(part))
        for row in conn.execute(query):
            wanted[row.person_id].pop(row.field, None)
    vault.seal_many(conn, {person: fields for person, fields in wanted.items() if fields}, now)


def _befriend(conn: Connection, plan: MemberPlan, number_of: Mapping[int, int]) -> None:
    added = [replace(one, person_id=_number(plan, one.person_id, number_of)) for one in plan.added]
    people.add_contacts(conn, added)


def _settled(plan: MemberPlan, stay: NewStay, number_of: Mapping[int, int]) -> NewStay:
    return replace(stay, person=_number(plan, stay.person, number_of))


def _moves(stays: Sequence[NewStay]) -> list[Move]:
    moves: list[Move] = []
    for stay in stays:
        moves.append(Move(stay.group_id, stay.person, stay.joined_at, True, stay.channel))
        if stay.left_at is not None:
            moves.append(Move(stay.group_id, stay.person, stay.left_at, False))
    return moves


def _events(
    plan: MemberPlan, stays: Sequence[NewStay], number_of: Mapping[int, int], zone: ZoneInfo, now: datetime
) -> pd.DataFrame:
    """Joins and leaves as the roster would tell them, and new friends as callbacks would."""
    found = [
        _event(kind, stay.person, stay.group_id, at, stay.channel, props, zone, now)
        for stay in stays
        if stay.told
        for kind, at, props in (("join", stay.joined_at, {}), ("leave", stay.left_at, {"known_by": "import"}))
        if at is not None
    ]
    for one in plan.added:
        person = _number(plan, one.person_id, number_of)
        event = _event("contact_added", person, 0, one.added_at, one.channel, {}, zone, now)
        found.append({**event, "event_key": f"contact_added:{one.userid}:{person}:{int(one.added_at.timestamp())}"})
    return pd.DataFrame(found)


def _event(
    kind: str,
    person: int,
    group_id: int,
    at: datetime,
    channel: str,
    props: Mapping[str, str],
    zone: ZoneInfo,
    now: datetime,
) -> dict[str, Any]:
    stamp = f"{at.timestamp():.6f}".removesuffix(".000000")
    return {
        "event_key": f"{kind}:{group_id}:{person}:{stamp}",
        "happened_at": at,
        "recorded_at": now,
        "local_day": local_day(at, zone),
        "kind": kind,
        "person_id": person,
        "group_id": group_id,
        "channel": channel,
        "props": json.dumps(props),
    }
