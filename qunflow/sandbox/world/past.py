"""
The time before the product came: the same people and rules, with the plain routine of an earlier tool.

Nothing is pushed and no message text is kept; what remains is who is where, moods, and the event log that the old tool
would export. Benefit groups heard a question, an offer and a teaser a day, with a bigger sale on Fridays; member
groups one useful message and a members' day on Wednesdays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from qunflow.sandbox import clients
from qunflow.sandbox.storage import Event
from qunflow.sandbox.world import arrivals, nights, rules
from qunflow.sandbox.world.community import DAY_S, Community
from qunflow.sandbox.world.records import Person
from qunflow.sandbox.world.rules import DayHeard

OPENING_SHARE = 0.3
OPENING_DAYS = 4
OLD_JOIN_CHANCE = 0.66
PROMOTED = 0.5
FRIDAY, WEDNESDAY = 4, 2
PROMOTED_AT_S = 10 * 3_600
# A second of a day and what happens then.
Turn = tuple[int, Callable[[], None]]


@dataclass(frozen=True, slots=True)
class Routine:
    """What the earlier tool sent on a day: how much, and the day's offer."""

    heard: DayHeard
    offer_price_fen: int
    warm_up: float
    check_in: bool


def routine_of(kind: str, weekday: int) -> Routine:
    """The routine of a kind of group on a weekday, Monday 0."""
    if kind == "member_group":
        price = 12_900 if weekday == WEDNESDAY else 0
        return Routine(DayHeard(2 if price else 1, 0.62), price, 1.25, check_in=False)
    if weekday == FRIDAY:
        return Routine(DayHeard(5, 0.66), 3_990, 1.7, check_in=True)
    return Routine(DayHeard(4, 0.60), 2_990, 1.0, check_in=True)


def live_past(community: Community, start: int) -> None:
    """Live the past from the local midnight ``start``, ``past_days`` of it."""
    newcomers = _newcomers_by_day(community)
    platform = community.platform
    for nth in range(community.spec.past_days):
        midnight = start + nth * DAY_S
        platform.set_now(midnight)
        turns = [*_promotions(community), *_departures(community, midnight)]
        turns += _arrivals(community, midnight, newcomers[nth])
        for second, happens in sorted(turns, key=lambda turn: turn[0]):
            platform.set_now(midnight + second)
            happens()
        platform.storage.note_events(_lively_day(community, midnight))
        platform.pushes.clear()
    platform.set_now(start + community.spec.past_days * DAY_S)


def _newcomers_by_day(community: Community) -> list[int]:
    """How many come on each day: a rush at the opening, then a steady stream with better Saturdays."""
    days, dice = community.spec.past_days, community.dice
    counts = [0] * days
    for nth in range(community.spec.people):
        opening = dice.roll("past opening", nth) < OPENING_SHARE
        span = min(OPENING_DAYS, days) if opening else days
        counts[int(dice.roll("past day", nth) * span)] += 1
    return counts


def _arrivals(community: Community, midnight: int, count: int) -> list[Turn]:
    """When somebody new comes on a day."""
    seconds = [int((8 + 13 * community.dice.roll("past hour", midnight, nth)) * 3_600) for nth in range(count)]
    return [(second, partial(_newcomer, community)) for second in seconds]


def _newcomer(community: Community) -> None:
    person = arrivals.new_person(community)
    if person.has_form:
        _fill_form(community, person)
    if not person.pulled and arrivals.stays_after_form(community, person):
        clients.add_friend(community.platform, community.spec.helper, person.who, person.channel, greet=False)
    # The earlier tool had asked everybody once: who did not come then is hard to win later.
    person = community.people.put(replace(person, invitations=1))
    if person.pulled or _found_the_group(community, person):
        _enter(community, person)


def _fill_form(community: Community, person: Person) -> None:
    arrivals.lead_of(community, person)
    if community.dice.roll("sends twice", person.number) < arrivals.SENDS_TWICE:
        arrivals.lead_of(community, person)


def _found_the_group(community: Community, person: Person) -> bool:
    friend = community.platform.is_friend(community.spec.helper, person.who)
    eager = community.traits(person).eager
    return friend and community.dice.roll("past join", person.number) < OLD_JOIN_CHANCE * (0.5 + eager / 2)


def _enter(community: Community, person: Person) -> None:
    chat = arrivals.pick_chat(community, person)
    if chat is not None:
        scene = clients.INVITED if person.pulled else clients.SCANNED
        clients.enter(community.platform, chat.chat_id, person.who, scene, state=person.channel)


def _lively_day(community: Community, midnight: int) -> list[Event]:
    """What people in the groups did on one day of the routine, and what it did to their moods."""
    weekday = (midnight + 8 * 3_600) // DAY_S % 7
    routines = {}
    for chat in community.platform.chats:
        group = community.group_spec(chat.chat_id)
        # 1970-01-01 was a Thursday.
        routines[chat.chat_id] = routine_of(group.kind if group else "benefit_group", (weekday + 3) % 7)
    events: list[Event] = []
    for person in community.people:
        for chat_id in community.chats_of(person):
            events += _person_day(community, person.number, chat_id, routines[chat_id], midnight)
    return sorted(events)


def _person_day(community: Community, number: int, chat_id: str, routine: Routine, midnight: int) -> list[Event]:
    person = community.people[str(number)]
    traits = community.traits(person)
    times = nights.chatter(community, person, chat_id, routine.heard, midnight)
    events: list[Event] = [(at, "message", person.who, chat_id, 0) for at in times]
    joined = community.platform.seats[f"{chat_id}/{person.who}"].join_time
    done = _checked_in(community, person, routine, midnight)
    done += _shopping(community, person, chat_id, routine, midnight)
    events += [(at, kind, person.who, chat_id, amount) for at, kind, amount in done if at > joined]
    orders = sum(kind == "order" for _, kind, _, _, _ in events)
    warmth = rules.warmth_after(traits, person.warmth, routine.heard)
    community.people.change(person, warmth=warmth, orders=person.orders + orders)
    return events


Done = list[tuple[int, str, int]]


def _checked_in(community: Community, person: Person, routine: Routine, midnight: int) -> Done:
    chance = rules.check_in_chance(community.traits(person), person.warmth)
    if not routine.check_in or community.dice.rolls("past check in", midnight)(person.number) >= chance:
        return []
    return [
        (midnight + int((8 + 12 * community.dice.roll("past check at", midnight, person.number)) * 3_600), "checkin", 0)
    ]


def _shopping(community: Community, person: Person, chat_id: str, routine: Routine, midnight: int) -> Done:
    dice, traits = community.dice, community.traits(person)
    if not routine.offer_price_fen:
        return []
    reads = rules.reading_chance(traits, person.warmth, routine.heard.messages)
    clicks = rules.click_chance(traits, routine.heard.appeal, routine.warm_up)
    if dice.rolls("past click", midnight, chat_id)(person.number) >= reads * clicks:
        return []
    at = midnight + 12 * 3_600 + dice.waiting(3_600, "past click at", midnight, person.number)
    done: Done = [(at, "click", 0)]
    buys = rules.buying_chance(traits, person.warmth, routine.warm_up, routine.offer_price_fen)
    if dice.roll("past buy", midnight, chat_id, person.number) < buys * person.buying:
        done.append(
            (at + 60 + dice.waiting(300, "past pay", midnight, person.number), "order", routine.offer_price_fen)
        )
    return done


def _departures(community: Community, midnight: int) -> list[Turn]:
    """Who leaves today, and when."""
    heard = routine_of("benefit_group", 0).heard
    found: list[Turn] = []
    for person in community.people:
        for seat in community.platform.seats.where("who", person.who):
            days_in = max((midnight - seat.join_time) // DAY_S, 0)
            chance = person.leaving * rules.leaving_chance(
                community.traits(person), person.warmth, heard, days_in=days_in, pulled=person.pulled
            )
            if community.dice.rolls("leave", midnight, seat.chat_id)(person.number) < chance:
                second = int((9 + 13 * community.dice.roll("leave at", midnight, person.number)) * 3_600)
                found.append((second, partial(_leave, community, person, seat.chat_id)))
    return found


def _promotions(community: Community) -> list[Turn]:
    """Regular buyers are asked into the members' group in the morning."""
    return [(PROMOTED_AT_S, partial(_promote, community, person)) for person in community.people if person.orders]


def _promote(community: Community, person: Person) -> None:
    """An order opens the members' group; half of the buyers come."""
    member_groups = [c for c in community.platform.chats if (g := community.group_spec(c.chat_id)) and g.share == 0]
    invited = community.dice.roll("promoted", person.number, person.orders) < PROMOTED
    for chat in member_groups[:1]:
        if invited and f"{chat.chat_id}/{person.who}" not in community.platform.seats and community.chats_of(person):
            clients.enter(community.platform, chat.chat_id, person.who, clients.INVITED, invitor=chat.owner)


def _leave(community: Community, person: Person, chat_id: str) -> None:
    clients.leave(community.platform, chat_id, person.who)
    friends = community.platform.is_friend(community.spec.helper, person.who)
    if friends and community.dice.roll("unfriend", person.number, chat_id) < arrivals.UNFRIENDS:
        clients.end_friendship(community.platform, community.spec.helper, person.who)
