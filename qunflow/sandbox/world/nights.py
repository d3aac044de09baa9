"""Midnight: what the day did to people's moods, who talked, who will leave tomorrow, who will come."""

from __future__ import annotations

from typing import Any

from qunflow.sandbox.areas.statistics import day_start
from qunflow.sandbox.world import arrivals, effects, readers, rules
from qunflow.sandbox.world.community import DAY_S, Community
from qunflow.sandbox.world.records import Person
from qunflow.sandbox.world.rules import DayHeard

KEEP_POSTS_S = 9 * DAY_S
_SILENCE = DayHeard(0, 0.0)


async def dawn(community: Community, about: dict[str, Any]) -> None:
    """Close yesterday and plan today; asks for the next dawn."""
    start = day_start(community.platform.now())
    if start > community.platform.counters["past_until"].value:
        close_day(community, start - DAY_S)
    plan_leaves(community, start)
    arrivals.plan_day(community, start)
    readers.plan_check_ins(community, start)
    for post in community.posts:
        if post.at < start - KEEP_POSTS_S:
            community.posts.drop(str(post.number))
    community.plan(start + DAY_S, "dawn")


def close_day(community: Community, start: int) -> None:
    """Chatter and moods of the local day that began at ``start``."""
    heard = {chat.chat_id: heard_on(community, chat.chat_id, start) for chat in community.platform.chats}
    events = []
    for person in community.people:
        chats = community.chats_of(person)
        for chat_id in chats:
            times = chatter(community, person, chat_id, heard[chat_id], start)
            events += [(at, "message", person.who, chat_id, 0) for at in times]
        if chats:
            loudest = max((heard[chat_id] for chat_id in chats), key=lambda day: day.messages)
            warmth = rules.warmth_after(community.traits(person), person.warmth, loudest)
            community.people.change(person, warmth=warmth)
    community.platform.storage.note_events(sorted(events))


def heard_on(community: Community, chat_id: str, start: int) -> DayHeard:
    """What a group heard from its staff on a local day."""
    posts = [post for post in community.posts.where("chat", chat_id) if start <= post.at < start + DAY_S]
    if not posts:
        return _SILENCE
    appeal = sum(post.appeal for post in posts) / len(posts)
    return DayHeard(len(posts), appeal, effects.leaving_factor(community, posts))


def chatter(community: Community, person: Person, chat_id: str, heard: DayHeard, start: int) -> list[int]:
    """The instants at which a person says something unasked on a day."""
    dice = community.dice
    chance = rules.chatting_chance(community.traits(person), person.warmth, heard)
    if dice.rolls("chat", start, chat_id)(person.number) >= chance:
        return []
    seat = community.platform.seats.get(f"{chat_id}/{person.who}")
    count = rules.messages_of_day(community.traits(person), dice.roll("chat count", start, chat_id, person.number))
    times = [
        start + int((8 + 14 * dice.roll("chat at", start, chat_id, person.number, nth)) * 3_600) for nth in range(count)
    ]
    return sorted(at for at in times if seat is not None and at > seat.join_time)


def plan_leaves(community: Community, start: int) -> None:
    """Decide who leaves which group on the local day that starts now."""
    heard = {chat.chat_id: heard_on(community, chat.chat_id, start - DAY_S) for chat in community.platform.chats}
    leaves = {chat.chat_id: community.dice.rolls("leave", start, chat.chat_id) for chat in community.platform.chats}
    for person in community.people:
        for seat in community.platform.seats.where("who", person.who):
            days_in = max((start - seat.join_time) // DAY_S, 0)
            chance = person.leaving * rules.leaving_chance(
                community.traits(person), person.warmth, heard[seat.chat_id], days_in=days_in, pulled=person.pulled
            )
            if leaves[seat.chat_id](person.number) < chance:
                at = start + int((9 + 13 * community.dice.roll("leave at", start, person.number)) * 3_600)
                community.plan(at, "leave", person=person.number, chat=seat.chat_id)
