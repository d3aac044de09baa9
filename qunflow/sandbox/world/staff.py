"""
The staff's habits: owners confirm mass tasks soon, late or never; admins post hand-send cards, or miss them.

A *prompt* person reacts within minutes nearly always, a *late* one after hours and not always, a *never* one never.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from qunflow.sandbox import clients
from qunflow.sandbox.areas.statistics import day_start
from qunflow.sandbox.world.community import Community, local_hour
from qunflow.sandbox.world.content import gist

WORK_STARTS_H, WORK_ENDS_H = 7.5, 22.0
COUNT_AFTER_S = 8 * 60
OPEN_STATES = ("waiting", "sent", "", None)


@dataclass(frozen=True, slots=True)
class Habit:
    """How surely and how fast somebody reacts; seconds are averages beyond the shortest."""

    confirms: float
    confirm_s: tuple[int, int]
    after_reminder: float
    opens_card: float
    open_s: tuple[int, int]


HABITS = {
    "prompt": Habit(0.96, (60, 240), 0.90, 0.95, (30, 120)),
    "late": Habit(0.70, (2_400, 5_400), 0.45, 0.72, (240, 900)),
    "never": Habit(0.0, (0, 0), 0.0, 0.0, (0, 0)),
}


class StaffHabits:
    """The staff's half of the platform's public."""

    def __init__(self, community: Community) -> None:
        self.community = community

    def meet_task(self, msgid: str, userid: str) -> None:
        """A mass task waits for this member: sooner or later it is confirmed, or not."""
        habit, said = self._habit(userid), self._said(msgid, userid)
        if self._roll("confirm", userid, said) < habit.confirms:
            self._plan_soon(habit.confirm_s, "confirm", said, msgid=msgid, userid=userid)

    def meet_reminder(self, msgid: str, userid: str) -> None:
        """A reminder helps with some."""
        habit, said = self._habit(userid), self._said(msgid, userid)
        if self._roll("reminded", userid, said) < habit.after_reminder:
            self._plan_soon((60, 300), "confirm", said, msgid=msgid, userid=userid)

    def meet_card(self, userid: str, body: dict[str, Any]) -> None:
        """A hand-send card arrives; other messages are only read."""
        card = body.get("textcard", {})
        address, said = card.get("url", ""), f"{card.get('title')}/{card.get('description')}"
        habit = self._habit(userid)
        if "/hand/" not in urlsplit(address).path:
            return
        if self._roll("card", userid, said) < habit.opens_card:
            self._plan_soon(habit.open_s, "open_card", said, address=address)

    def _habit(self, userid: str) -> Habit:
        member = self.community.platform.staff.get(userid)
        return HABITS[member.habit if member else "never"]

    def _said(self, msgid: str, userid: str) -> str:
        platform = self.community.platform
        return f"{gist(platform.tasks[msgid].text)}/{min(platform.shares[f'{msgid}/{userid}'].results)}"

    def _roll(self, what: str, userid: str, said: str) -> float:
        """By what arrived and when, not by its number: parallel calls arrive in no fixed order."""
        return self.community.dice.roll(what, userid, self.community.platform.now(), said)

    def _plan_soon(self, wait_s: tuple[int, int], kind: str, said: str, **about: Any) -> None:
        now = self.community.platform.now()
        shortest, mean = wait_s
        delay = shortest + self.community.dice.waiting(mean, "staff", kind, now, said)
        self.community.plan(at_work(now + delay), kind, **about)


def at_work(at: int) -> int:
    """The instant itself, or shortly after work starts."""
    hour = local_hour(at)
    if WORK_STARTS_H <= hour < WORK_ENDS_H:
        return at
    start = day_start(at) + int(WORK_STARTS_H * 3_600) + at % 1_800
    return start + (86_400 if hour >= WORK_ENDS_H else 0)


async def confirm(community: Community, about: dict[str, Any]) -> None:
    """Tap "send" on a mass task."""
    clients.confirm(community.platform, about["msgid"], about["userid"])


async def open_card(community: Community, about: dict[str, Any]) -> None:
    """Read a hand-send card at its time, post the message in the group, tap 已发; too late is left alone."""
    seen = await community.outside.open_card(about["address"])
    card = seen.body if isinstance(seen.body, dict) else None
    if seen.status != 200 or card is None:
        return
    now = community.platform.now()
    if now < (due := _instant(card.get("due_at"), now)):
        community.plan(due + 30, "open_card", address=about["address"])
    elif now <= _instant(card.get("not_after"), now) and card.get("state") in OPEN_STATES:
        await _post(community, about["address"], card)


async def count_replies(community: Community, about: dict[str, Any]) -> None:
    """Count who answered within the first minutes and write it on the card."""
    post = community.posts.get(str(about["post"]))
    if post is not None:
        await community.outside.finish_card(about["address"], len(set(post.repliers)))


async def _post(community: Community, address: str, card: dict[str, Any]) -> None:
    chat_id, text = str(card.get("chat_id") or ""), str(card.get("text") or "")
    if chat_id in community.platform.chats and text:
        community.platform.public.meet_group_message(chat_id, text, list(card.get("attachments") or []))
        newest = community.posts.where("chat", chat_id)[-1]
        community.plan(community.platform.now() + COUNT_AFTER_S, "count_replies", address=address, post=newest.number)
    await community.outside.finish_card(address, 0)


def _instant(text: Any, otherwise: int) -> int:
    try:
        return int(datetime.fromisoformat(str(text)).timestamp())
    except ValueError:
        return otherwise
