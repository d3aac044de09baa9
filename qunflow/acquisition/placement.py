"""
Which group a newcomer goes to, and which groups stand behind a channel's live code (群活码).

A live code points at no more than five groups and moves on when one is full. Members groups are entered by spending, so
no code leads there. Making the code at the platform is left to the tasks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# Source: developer.work.weixin.qq.com, 客户群「加入群聊」管理 (chat_id_list 1-5, read 2026-11-21).
CODE_GROUP_LIMIT = 5
STATE_LIMIT_CHARACTERS = 30
OPEN_KINDS = ("benefit_group", "circulation_group", "camp_group")


@dataclass(frozen=True, slots=True)
class Room:
    """A group as a place to go: ``members`` counts external people in it now; order is the order of filling."""

    group_id: int
    chat_id: str
    kind: str
    members: int


@dataclass(frozen=True, slots=True)
class LiveCodePlan:
    """What a channel's code should point at; ``config_id`` is empty when it has yet to be made."""

    channel: str
    group_ids: tuple[int, ...]
    chat_ids: tuple[str, ...]
    config_id: str = ""

    @property
    def state(self) -> str:
        """The mark that members who come through this code carry (≤ 30 characters)."""
        return self.channel[:STATE_LIMIT_CHARACTERS]


@dataclass(frozen=True, slots=True)
class KnownCode:
    """A live code that exists already."""

    config_id: str
    channel: str
    group_ids: tuple[int, ...]


def rooms_with_space(rooms: Sequence[Room], rotate_at: int) -> tuple[Room, ...]:
    """Groups newcomers may join and that hold fewer than ``rotate_at`` people, in their order."""
    return tuple(room for room in rooms if room.kind in OPEN_KINDS and room.chat_id and room.members < rotate_at)


def placed(count: int, rooms: Sequence[Room], rotate_at: int) -> tuple[int | None, ...]:
    """
    The group of each of ``count`` newcomers: the first is filled up to ``rotate_at``, then the next.

    None stands for a newcomer for whom no group has room: a new group must be opened by a person.
    """
    seats: list[int | None] = []
    for room in rooms_with_space(rooms, rotate_at):
        seats.extend([room.group_id] * min(rotate_at - room.members, count - len(seats)))
    return (*seats, *([None] * (count - len(seats))))


def codes_to_make(
    channels: Sequence[str], known: Sequence[KnownCode], rooms: Sequence[Room], rotate_at: int
) -> tuple[LiveCodePlan, ...]:
    """
    Live codes that are missing or point at other groups than they should, one a channel.

    None when no group has room: there is nothing better to point at.
    """
    spaces = rooms_with_space(rooms, rotate_at)[:CODE_GROUP_LIMIT]
    if not spaces:
        return ()
    group_ids = tuple(room.group_id for room in spaces)
    chat_ids = tuple(room.chat_id for room in spaces)
    by_channel = {code.channel: code for code in known}
    wanted = (
        LiveCodePlan(channel, group_ids, chat_ids, by_channel[channel].config_id if channel in by_channel else "")
        for channel in channels
    )
    return tuple(plan for plan in wanted if not plan.config_id or by_channel[plan.channel].group_ids != group_ids)
