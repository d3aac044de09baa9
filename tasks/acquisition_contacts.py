"""
Who became a contact and who is none any more: from callbacks (exact, at once) and from the contact list (complete).

A callback may get lost, so the list heals; it never says when somebody was deleted, so only callbacks end a contact.
Welcome codes are put away here; answering them is delivery's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection

from qunflow.acquisition.callbacks import (
    Callback,
    ContactChange,
    ContactEvent,
    GroupDissolved,
    MembersMoved,
    OtherEvent,
    understood,
    understood_again,
)
from qunflow.acquisition.friendships import Friendship, friendships
from qunflow.acquisition.intake import ContactNews
from qunflow.clock import local_day
from qunflow.delivery.welcome_codes import remember_welcome
from qunflow.errors import BadInput
from qunflow.runtime import Runtime, current, identity
from qunflow.runtime.group_reading import staff_of
from qunflow.settings.workspace import Community
from qunflow.store import inbox, members, people
from qunflow.store.inbox import InboxRow

INBOX_LIMIT = 5_000
SOURCE = "wecom"
# Why nothing was made of a callback: replay passes over it as well, should the group become ours later.
NOT_OUR_GROUP = "not_our_group"
# Person and member of staff.
Pair = tuple[int, str]
# What happened, to whom, with which member of staff, when, and by which channel.
Move = tuple[str, int, str, datetime, str]


def callbacks_waiting(here: Runtime) -> tuple[list[tuple[InboxRow, Callback]], list[tuple[InboxRow, str]]]:
    """The callbacks nothing was made of yet: those that can be understood, and those that cannot, with the reason."""
    with here.store.reading() as conn:
        rows = inbox.unapplied(conn, here.vault, SOURCE, INBOX_LIMIT)
    read: list[tuple[InboxRow, Callback]] = []
    broken: list[tuple[InboxRow, str]] = []
    for row in rows:
        try:
            read.append((row, understood(row.body if isinstance(row.body, bytes) else b"")))
        except BadInput as error:
            broken.append((row, error.problem))
    return read, broken


def keep_contact_callbacks(community: Community, now: datetime) -> ContactNews:
    """Apply what callbacks tell about contacts; callbacks about groups are left for the roster."""
    here = current()
    read, broken = callbacks_waiting(here)
    staff, others = staff_of(community), _staff_elsewhere(here, community)
    mine = [
        (row, event) for row, event in read if isinstance(event, ContactEvent) and event.userid not in others - staff
    ]
    chats = _our_chats(here)
    others_news = [row.inbox_id for row, event in read if isinstance(event, OtherEvent)]
    strange = [row.inbox_id for row, event in read if _is_of_a_stranger(event, chats)]
    reasons = {"": others_news, NOT_OUR_GROUP: strange}
    here.store.write(lambda conn: _pass_over(conn, reasons, broken, now))
    added, deleted = here.store.write(lambda conn: _apply(conn, here, community, mine, now))
    return ContactNews(added, deleted, len(broken))


def _pass_over(
    conn: Connection,
    reasons: Mapping[str, Sequence[int]],
    broken: Sequence[tuple[InboxRow, str]],
    now: datetime,
) -> None:
    """Mark callbacks that are about nobody's contact and no group of ours, and those that cannot be understood."""
    for reason, ids in reasons.items():
        inbox.mark(conn, ids, "applied", reason, now)
    for row, problem in broken:
        inbox.mark(conn, [row.inbox_id], "quarantined", problem, now)


def _our_chats(here: Runtime) -> set[str | None]:
    """Every group of a community of the settings, also one that is closed, gone or no longer named there."""
    named = {group.chat_id for community in here.workspace.communities for group in community.groups}
    with here.store.reading() as conn:
        known = [
            row
            for one in here.workspace.communities
            for row in (*members.groups_of(conn, one.key), *members.dissolved_of(conn, one.key))
        ]
    return {*named, *(row.chat_id for row in known)}


def _is_of_a_stranger(event: Callback, chats: Collection[str | None]) -> bool:
    """Whether it is about a group that is none of the workspace's."""
    return isinstance(event, MembersMoved | GroupDissolved) and event.chat_id not in chats


def _staff_elsewhere(here: Runtime, community: Community) -> set[str]:
    return {user for other in here.workspace.communities if other.key != community.key for user in staff_of(other)}


def _apply(
    conn: Connection,
    here: Runtime,
    community: Community,
    mine: Sequence[tuple[InboxRow, ContactEvent]],
    now: datetime,
) -> tuple[int, int]:
    """Write what contact events say; returns how many friendships began and ended."""
    events = [event for _, event in mine]
    person_of = here.vault.persons_for(conn, "external_userid", [event.external_userid for event in events], now)
    touched = {(person_of[event.external_userid], event.userid) for event in events}
    told = _told(conn, here, person_of, events)
    before = people.contacts_between(conn, touched)
    times = {pair: _times(told[pair], before.get(pair)) for pair in touched}
    after = {pair: _latest(pair, community, times[pair]) for pair in touched if times[pair]}
    people.keep_contacts(conn, list(after.values()))
    _put_away_codes(conn, here, events, person_of)
    _into_history(conn, here, community, _moves(times), now, "callback", [row.inbox_id for row, _ in mine])
    persons = {row.inbox_id: person_of[event.external_userid] for row, event in mine}
    inbox.mark(conn, persons, "applied", "", now, persons)
    were_open = {pair for pair, one in before.items() if one.deleted_at is None}
    are_open = {pair for pair, one in after.items() if one.deleted_at is None}
    return len(are_open - were_open), len((were_open | (after.keys() - before.keys())) - are_open)


def _told(
    conn: Connection, here: Runtime, person_of: Mapping[str, int], events: Sequence[ContactEvent]
) -> Mapping[Pair, list[ContactEvent]]:
    """Everything callbacks ever told about these people, by person and member of staff: a late one may be the first."""
    found: dict[Pair, list[ContactEvent]] = defaultdict(list)
    for row in inbox.applied_about(conn, here.vault, SOURCE, set(person_of.values())):
        event = understood_again(row.body)
        if isinstance(event, ContactEvent) and row.person_id is not None:
            found[row.person_id, event.userid].append(event)
    for event in events:
        found[person_of[event.external_userid], event.userid].append(event)
    return found


def _times(told: Sequence[ContactEvent], on_file: people.Contact | None) -> list[Friendship]:
    listed = {on_file.added_at: on_file.channel} if on_file else {}
    added = {one.happened_at: one.channel[:64] for one in told if one.change is ContactChange.ADDED}
    ended = {one.happened_at for one in told if one.change is not ContactChange.ADDED}
    return friendships(listed | added, ended | ({on_file.deleted_at} if on_file and on_file.deleted_at else set()))


def _latest(pair: Pair, community: Community, times: Sequence[Friendship]) -> people.Contact:
    last = times[-1]
    return people.Contact(*pair, community.key, last.channel, last.added_at, last.deleted_at)


def _moves(times: Mapping[Pair, Sequence[Friendship]]) -> list[Move]:
    found = [("contact_added", *pair, one.added_at, one.channel) for pair, each in times.items() for one in each]
    return [
        *found,
        *(
            ("contact_deleted", *pair, one.deleted_at, "")
            for pair, each in times.items()
            for one in each
            if one.deleted_at
        ),
    ]


def _put_away_codes(
    conn: Connection, here: Runtime, events: Sequence[ContactEvent], person_of: Mapping[str, int]
) -> None:
    for event in events:
        if event.change is ContactChange.ADDED and event.welcome_code:
            remember_welcome(
                conn,
                here.vault,
                person_id=person_of[event.external_userid],
                userid=event.userid,
                channel=event.channel[:64],
                code=event.welcome_code,
                received_at=event.happened_at,
            )


def _into_history(
    conn: Connection,
    here: Runtime,
    community: Community,
    moves: Iterable[Move],
    now: datetime,
    known_by: str,
    batch: Sequence[int],
) -> None:
    rows = [_event(community, kind, person, userid, at, channel, now) for kind, person, userid, at, channel in moves]
    if rows:
        span = f"{min(batch)}-{max(batch)}" if batch else now.isoformat()
        here.history.append(
            conn, f"wecom:{known_by}", f"contacts:{known_by}:{community.key}:{span}", pd.DataFrame(rows)
        )


def _event(
    community: Community, kind: str, person: int, userid: str, at: datetime, channel: str, now: datetime
) -> dict[str, Any]:
    return {
        "event_key": f"{kind}:{userid}:{person}:{int(at.timestamp())}",
        "happened_at": at,
        "recorded_at": now,
        "local_day": local_day(at, community.zone_info),
        "kind": kind,
        "person_id": person,
        "channel": channel,
    }


def keep_contact_list(community: Community, now: datetime) -> ContactNews:
    """
    Add the contacts that no callback told of: those from before Qunflow, and those whose callback got lost.

    Raises:
        ChannelUnavailable: the platform does not answer.
    """
    here = current()
    listed = [one for one in here.wecom.customers(community.helper) if _follow_time(one)]
    return here.store.write(lambda conn: _keep_listed(conn, here, community, listed, now))


def _keep_listed(
    conn: Connection, here: Runtime, community: Community, listed: Sequence[Mapping[str, Any]], now: datetime
) -> ContactNews:
    ids = [str(one["external_contact"]["external_userid"]) for one in listed]
    person_of = _persons(conn, here, listed, now)
    found = [
        people.Contact(
            person_of[external],
            community.helper,
            community.key,
            str(one["follow_info"].get("state") or "")[:64],
            datetime.fromtimestamp(_follow_time(one), UTC),
        )
        for external, one in zip(ids, listed, strict=True)
    ]
    open_now = {(one.person_id, one.userid) for one in people.contacts_of(conn, community.key)}
    added = people.add_contacts(conn, [one for one in found if (one.person_id, one.userid) not in open_now])
    began = [("contact_added", one.person_id, one.userid, one.added_at, one.channel) for one in added]
    _into_history(conn, here, community, began, now, "list", [])
    return ContactNews(len(added))


def _persons(conn: Connection, here: Runtime, listed: Sequence[Mapping[str, Any]], now: datetime) -> dict[str, int]:
    """Who is on the list, by external id; a unionid that is known may show that two persons are one."""
    contacts = [one["external_contact"] for one in listed]
    person_of = here.vault.persons_for(conn, "external_userid", [str(one["external_userid"]) for one in contacts], now)
    union_of = {str(one["external_userid"]): str(one["unionid"]) for one in contacts if one.get("unionid")}
    return identity.with_unionids(conn, here, person_of, union_of, now)


def _follow_time(one: Mapping[str, Any]) -> int:
    """When the contact was added, 0 when the platform's answer does not say who or when."""
    contact, follow = one.get("external_contact"), one.get("follow_info")
    if not isinstance(contact, Mapping) or not isinstance(follow, Mapping) or not contact.get("external_userid"):
        return 0
    return int(follow.get("createtime") or 0)
