"""
Who became a contact and who is none any more: from callbacks (exact, at once) and from the contact list (complete).

A callback may get lost, so the list heals; it never says when somebody was deleted, so only callbacks end a contact.
Welcome codes are put away here; answering them is delivery's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
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
)
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
    added = _added(conn, community, events, person_of)
    deleted = _deleted(conn, events, person_of)
    _put_away_codes(conn, here, events, person_of)
    _into_history(conn, here, community, added, deleted, now, "callback", [row.inbox_id for row, _ in mine])
    persons = {row.inbox_id: person_of[event.external_userid] for row, event in mine}
    inbox.mark(conn, persons, "applied", "", now, persons)
    return len(added), len(deleted)


def _added(
    conn: Connection, community: Community, events: Sequence[ContactEvent], person_of: Mapping[str, int]
) -> list[people.Contact]:
    found = [
        people.Contact(
            person_of[event.external_userid], event.userid, community.key, event.channel[:64], event.happened_at
        )
        for event in sorted(events, key=lambda one: one.happened_at)
        if event.change is ContactChange.ADDED
    ]
    return people.add_contacts(conn, found)


def _deleted(
    conn: Connection, events: Sequence[ContactEvent], person_of: Mapping[str, int]
) -> list[tuple[int, str, datetime]]:
    ended = [
        (person_of[event.external_userid], event.userid, event.happened_at)
        for event in sorted(events, key=lambda one: one.happened_at)
        if event.change is not ContactChange.ADDED
    ]
    return people.delete_contacts(conn, ended)


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
    added: Sequence[people.Contact],
    deleted: Sequence[tuple[int, str, datetime]],
    now: datetime,
    known_by: str,
    batch: Sequence[int],
) -> None:
    rows = [
        *(
            _event(community, "contact_added", one.person_id, one.userid, one.added_at, one.channel, now)
            for one in added
        ),
        *(_event(community, "contact_deleted", person, userid, at, "", now) for person, userid, at in deleted),
    ]
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
    _into_history(conn, here, community, added, [], now, "list", [])
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
