"""
Reading the groups' rosters and following their callbacks.

The roster is the truth about who is in a group; callbacks add when somebody left, and who only passed through. Between
two looks callbacks alone are followed while their chain of versions is whole; a gap makes the group be read again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial

from qunflow.acquisition.callbacks import GroupDissolved, MembersMoved
from qunflow.acquisition.intake import GroupNews
from qunflow.errors import ChannelRefused
from qunflow.runtime import Runtime, current
from qunflow.runtime.group_reading import Answer, Told, chain_of, keep_groups, known_staff, moved_ids
from qunflow.settings.workspace import Community
from qunflow.store import members
from qunflow.store.members import GroupRow
from tasks.acquisition_contacts import callbacks_waiting

# Changes made by calls raise no callback: a roster is read at least this often, however whole its chain looks.
READ_EVERY = timedelta(hours=20)


def read_groups(community: Community, group_keys: Sequence[str], now: datetime) -> tuple[GroupNews, ...]:
    """
    Read some groups' rosters and write down joins and leaves.

    A group the platform does not know is reported and left as it was.

    Raises:
        ChannelUnavailable: the platform does not answer; nothing of this call is written then.
    """
    here = current()
    answers = {one: _asked(here, one) for one in _groups(here, community, group_keys)}
    told = callbacks_waiting(here)[0]
    return here.store.write(partial(keep_groups, here=here, community=community, answers=answers, told=told, now=now))


def follow_groups(community: Community, group_keys: Sequence[str], now: datetime) -> tuple[GroupNews, ...]:
    """
    Apply what callbacks told of some groups, and read only those whose chain has a gap or whose last look is old.

    Raises:
        ChannelUnavailable: the platform does not answer; nothing of this call is written then.
    """
    here = current()
    told = callbacks_waiting(here)[0]
    groups = _groups(here, community, group_keys)
    answers = {one: Answer(None, now) if _is_followed(here, one, told, now) else _asked(here, one) for one in groups}
    return here.store.write(partial(keep_groups, here=here, community=community, answers=answers, told=told, now=now))


def follow_closed(community: Community, read_keys: Collection[str], now: datetime) -> tuple[GroupNews, ...]:
    """
    Apply what callbacks told of groups that are not read: closed, gone, or dropped from the settings.

    Nobody asks for their rosters any more, yet late callbacks are about people; left lying they would block the way
    for others.
    """
    here = current()
    told = callbacks_waiting(here)[0]
    with here.store.reading() as conn:
        there = [one for one in members.groups_of(conn, community.key) if one.group_key not in read_keys]
        known = [*there, *members.dissolved_of(conn, community.key)]
    waiting = {getattr(event, "chat_id", None) for _, event in told} - {None}
    rest = [group for group in known if group.chat_id in waiting]
    answers = {one: Answer(None, now) for one in rest}
    return here.store.write(partial(keep_groups, here=here, community=community, answers=answers, told=told, now=now))


def _groups(here: Runtime, community: Community, group_keys: Sequence[str]) -> list[GroupRow]:
    with here.store.reading() as conn:
        known = {group.group_key: group for group in members.groups_of(conn, community.key)}
    return [known[key] for key in group_keys if key in known]


def _is_followed(here: Runtime, group: GroupRow, told: Told, now: datetime) -> bool:
    """Whether callbacks alone tell who is in a group now; only its roster tells whether a stranger is a customer."""
    if group.roster_at is None or now - group.roster_at >= READ_EVERY:
        return False
    about = [(row, event) for row, event in told if getattr(event, "chat_id", None) == group.chat_id]
    if any(isinstance(event, GroupDissolved) for _, event in about):
        return False
    strangers = moved_ids(about) - known_staff(here.workspace)
    with here.store.reading() as conn:
        known = here.vault.known_persons(conn, "external_userid", strangers)
    moves = [event for _, event in about if isinstance(event, MembersMoved)]
    return strangers <= known.keys() and chain_of(group, moves).is_whole


def _asked(here: Runtime, group: GroupRow) -> Answer:
    asked_at = here.clock.now()
    try:
        return Answer(here.wecom.group(group.chat_id or ""), asked_at)
    except ChannelRefused as error:
        return Answer(error.problem, asked_at)


def parts(keys: Sequence[str], size: int) -> Iterator[tuple[str, ...]]:
    """Group keys in chunks of at most ``size``."""
    for start in range(0, len(keys), size):
        yield tuple(keys[start : start + size])
