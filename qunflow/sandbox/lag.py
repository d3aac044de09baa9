"""
How late `groupchat/get` shows who came and went (wecom-api §6.1): the old people with the old ``member_version``.

Nothing is kept while the lag is 0.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from qunflow.sandbox import ids
from qunflow.sandbox.kept import Kept
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.records import Chat, Seat


@dataclass(frozen=True, slots=True)
class LateChanges:
    """A group's latest changes: [instant, version before, seat, whether it was left] each, oldest first."""

    chat_id: str
    changes: list[list[Any]]


_LATE = Kept(LateChanges, lambda r: r.chat_id)


def note(platform: Platform, seat: Seat, *, left: bool) -> None:
    """Somebody takes or leaves a seat; called before the group's version is counted on."""
    if not platform.limits.group_lag_s:
        return
    chat = platform.chats[seat.chat_id]
    change = [platform.now(), chat.version, asdict(seat), left]
    _LATE.of(platform).put(LateChanges(chat.chat_id, [*_unseen(platform, chat), change]))


def seen(platform: Platform, chat: Chat) -> tuple[list[Seat], str]:
    """The people of a group and its ``member_version`` as the platform shows them now."""
    present, unseen = platform.seats.where("chat", chat.chat_id), _unseen(platform, chat)
    if not unseen:
        return present, platform.member_version(chat)
    seats, version = {seat.userid: seat for seat in present}, chat.version
    for _, before, seat, left in reversed(unseen):
        version = before
        if left:
            seats[seat["userid"]] = Seat(**seat)
        else:
            seats.pop(seat["userid"], None)
    return list(seats.values()), ids.version(platform.dice, chat.chat_id, version)


def _unseen(platform: Platform, chat: Chat) -> list[list[Any]]:
    late = _LATE.of(platform).get(chat.chat_id) if platform.limits.group_lag_s else None
    since = platform.now() - platform.limits.group_lag_s
    return [change for change in late.changes if change[0] > since] if late else []
