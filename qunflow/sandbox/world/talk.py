"""
What somebody does because a person at the keyboard says so: speak in a group, take a member of the corp over.

A customer's words count in the group's figures like the simulated chatter; the staff's reach the readers like a post.
"""

from __future__ import annotations

from dataclasses import replace

from qunflow.sandbox.clients import CannotAct
from qunflow.sandbox.world.community import DAY_S, Community
from qunflow.sandbox.world.records import Saying
from qunflow.sandbox.world.staff import HABITS

MAX_BYTES = 4_000
KEEP_S = 30 * DAY_S


def speak(community: Community, chat_id: str, who: str, text: str) -> int:
    """
    Somebody in a group says something; the instant, Unix seconds.

    Raises:
        CannotAct: for somebody who is not in the group, a dissolved one, and words that are empty or too long.
    """
    platform, now = community.platform, community.platform.now()
    words, chat = str(text).strip(), platform.chats.get(str(chat_id))
    if chat is None or chat.dismissed_at:
        raise CannotAct("unknown or dissolved group")
    seat = platform.seats.get(f"{chat_id}/{who}")
    if seat is None:
        raise CannotAct("not in the group")
    if not 0 < len(words.encode()) <= MAX_BYTES:
        raise CannotAct(f"words are 1 to {MAX_BYTES} bytes")
    _forget(community, chat_id, now - KEEP_S)
    community.sayings.put(Saying(platform.number("saying"), chat_id, who, now, words))
    if seat.kind == 2:
        platform.storage.note_events([(now, "message", who, chat_id, 0)])
    else:
        platform.public.meet_group_message(chat_id, words, [])
    return now


def change_habit(community: Community, userid: str, habit: str) -> None:
    """
    How a member of the corp handles to-dos from now on; with "never" a person does it, and nothing planned stays.

    Raises:
        CannotAct: for an unknown member or habit.
    """
    staff = community.platform.staff.get(str(userid))
    if staff is None:
        raise CannotAct("unknown member")
    if habit not in HABITS:
        raise CannotAct(f"habit must be one of {', '.join(HABITS)}")
    community.platform.staff.put(replace(staff, habit=habit))
    if habit == "never":
        for item in community.planned("confirm"):
            if item.about["userid"] == userid:
                community.settle(item)


def _forget(community: Community, chat_id: str, before: int) -> None:
    for saying in community.sayings.where("chat", chat_id):
        if saying.at < before:
            community.sayings.drop(str(saying.number))
