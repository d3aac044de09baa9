"""How people come: a form, the helper account, a group code; or pulled in by somebody who is there already."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from qunflow.sandbox import clients
from qunflow.sandbox.records import Chat
from qunflow.sandbox.world import rings
from qunflow.sandbox.world.community import Community, utc_text
from qunflow.sandbox.world.planting import RingSpec
from qunflow.sandbox.world.records import Lead, Person
from qunflow.sandbox.world.rules import START_WARMTH
from qunflow.sandbox.world.spec import ChannelSpec
from qunflow.sandbox.world.traits import address_of, name_of, phone_of

FILLS_FORM = 0.8
GIVES_IDENTITY, BAD_PHONE, PHONE_IN_OTHER_WORDS = 0.75, 0.04, 0.15
STOPS_AFTER_FORM = 0.12
SENDS_TWICE = 0.06
UNFRIENDS = 0.25
WOMEN = 0.68
QUIETEST_DAY, BUSIEST_DAY = 0.6, 1.4
_BUSY_HOURS = tuple((hour, 1.0 + (hour in (10, 12, 19, 20))) for hour in range(8, 22))


def plan_day(community: Community, start: int) -> None:
    """Decide who comes on the local day that starts now; more on Saturdays, when the stall stands in the yard."""
    dice, rate = community.dice, community.spec.arrivals_per_day
    count = int(rate * _busy(dice.roll("arrivals", start)) + dice.roll("arrivals rounding", start))
    for nth in range(count):
        hour = dice.weighted(_BUSY_HOURS, "arrival hour", start, nth)
        at = start + hour * 3_600 + int(dice.roll("arrival second", start, nth) * 3_600)
        community.plan(at, "arrive")


def _busy(roll: float) -> float:
    return QUIETEST_DAY + (BUSIEST_DAY - QUIETEST_DAY) * roll


async def arrive(community: Community, about: dict[str, Any]) -> None:
    """Somebody new turns up, or the next account of a fraud ring."""
    ring = rings.ring_of(community, about.get("ring", ""))
    if ring is None and "ring" in about:
        return
    person = _ring_member(community, ring, about["nth"]) if ring else new_person(community)
    if person.pulled:
        chat = pick_chat(community, person)
        if chat is not None:
            clients.enter(community.platform, chat.chat_id, person.who, clients.INVITED)
        return
    if person.has_form:
        await _fill_form(community, person)
    helper = helper_of(community)
    if helper and stays_after_form(community, person):
        clients.add_friend(community.platform, helper, person.who, person.channel)


def new_person(community: Community) -> Person:
    """A person drawn from the seed and the running number."""
    dice, spec = community.dice, community.spec
    number = community.platform.number("person")
    if not spec.channels or dice.roll("pulled", number) < spec.pulled_share:
        return _put(community, number, None, pulled=True)
    channel = dice.weighted([(c, c.weight) for c in spec.channels], "channel", number)
    junk = dice.roll("junk", number) < channel.junk
    return _put(community, number, channel, junk=junk, has_form=junk or dice.roll("form", number) < FILLS_FORM)


def _put(community: Community, number: int, channel: ChannelSpec | None, **about: Any) -> Person:
    platform, dice = community.platform, community.dice
    name = name_of(dice, number)
    ordinary = {
        "phone": phone_of(dice, number),
        "address": address_of(dice, number),
        "pulled": False,
        "warmth": START_WARMTH,
        "keen": channel.keen if channel else 1.0,
        "buying": channel.buying if channel else 1.0,
        "leaving": channel.leaving if channel else 1.0,
    }
    who = clients.add_customer(platform, name, 1 + int(dice.roll("gender", number) < WOMEN))
    came = {"channel": channel.key if channel else "", "arrived_at": platform.now()}
    return community.people.put(Person(number, who, name, **{**ordinary, **came, **about}))


def _ring_member(community: Community, ring: RingSpec, nth: int) -> Person:
    number = community.platform.number("person")
    channel = next(channel for channel in community.spec.channels if channel.key == ring.channel)
    shared = _shared(community, ring, nth)
    person = _put(community, number, channel, ring=ring.key, has_form=True, buying=0.0, leaving=0.0, **shared)
    community.plan(rings.leaves_at(community, ring, nth), "leave", person=number)
    return person


def _shared(community: Community, ring: RingSpec, nth: int) -> dict[str, Any]:
    """What an account of a ring has in common with others of it."""
    first = [person.who for person in community.people if person.ring == ring.key][: ring.inviters]
    return {
        "phone": phone_of(community.dice, rings.hand(community, ring, nth, ring.phones)),
        "address": address_of(community.dice, rings.hand(community, ring, nth, ring.devices)),
        "invited_by": first[nth % len(first)] if len(first) == ring.inviters else "",
    }


def helper_of(community: Community) -> str:
    """The member whose code the channels show: the helper, after that one left the next of the role; empty for none."""
    staff = community.platform.staff
    if community.spec.helper in staff:
        return community.spec.helper
    return next((member.userid for member in staff if member.role == "helper"), "")


def stays_after_form(community: Community, person: Person) -> bool:
    """Whether somebody goes on from the form to the helper account."""
    if person.junk or person.ring:
        return not person.junk
    return not person.has_form or community.dice.roll("adds helper", person.number) >= STOPS_AFTER_FORM


def pick_chat(community: Community, person: Person) -> Chat | None:
    """The group a newcomer is led to: by share, a full one is passed over."""
    platform = community.platform
    names = {group.name: group.share for group in community.spec.groups if group.share > 0}
    room = [
        (chat, names[chat.name])
        for chat in platform.chats
        if chat.name in names and not chat.dismissed_at
        if platform.seats.count("chat", chat.chat_id) < platform.limits.chat_members
    ]
    return community.dice.weighted(room, "chat", person.number) if room else None


def lead_of(community: Community, person: Person) -> Lead:
    """What the person wrote into the form; some phones are wrong, some people do not give their WeChat away."""
    dice, number = community.dice, person.number
    who = person.who if not person.junk and dice.roll("gives id", number) < GIVES_IDENTITY else ""
    phone = person.phone
    if person.junk or dice.roll("bad phone", number) < BAD_PHONE:
        phone = dice.pick((phone[:-1], "12345678901", "同微信", phone + "0"), "how bad", number)
    elif dice.roll("written phone", number) < PHONE_IN_OTHER_WORDS:
        phone = dice.pick(
            (f"{phone[:3]} {phone[3:7]} {phone[7:]}", f"+86{phone}", f"{phone[:3]}-{phone[3:]}"), "written", number
        )
    serial = community.platform.number("form")
    return community.leads.put(
        Lead(serial, person.name, phone, person.channel, who, community.platform.now(), person.address)
    )


async def _fill_form(community: Community, person: Person) -> None:
    await push_lead(community, lead_of(community, person))
    if community.dice.roll("sends twice", person.number) < SENDS_TWICE:
        await push_lead(community, lead_of(community, person))


async def push_lead(community: Community, lead: Lead) -> None:
    """Tell the product of a form entry, in the shape of Jinshuju's push (wecom-api §11)."""
    form = community.spec.form
    entry = {
        "token": community.dice.letters(
            8, "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789", "entry", lead.serial
        ),
        "serial_number": lead.serial,
        "field_1": lead.name,
        "field_2": lead.phone,
        "x_field_1": lead.channel,
        "x_field_external": lead.who,
        "created_at": utc_text(lead.at),
        "updated_at": utc_text(lead.at),
        "info_remote_ip": lead.address,
    }
    await community.outside.post_hook(
        f"/hooks/forms/{form}", {"form": form, "form_name": "进群领券登记", "entry": entry}
    )


async def scan(community: Community, about: dict[str, Any]) -> None:
    """Scan a group code that was in a message; an ended code shows nothing."""
    way = community.platform.join_ways.get(about["config"])
    person = community.people.get(str(about["person"]))
    if way is not None and person is not None:
        clients.scan(community.platform, way, person.who)


async def unfriend(community: Community, about: dict[str, Any]) -> None:
    """Delete the helper account, whoever that is by now."""
    person, platform = community.people[str(about["person"])], community.platform
    for follow in platform.follows.where("who", person.who):
        if not follow.ended_at and (member := platform.staff.get(follow.userid)) and member.role == "helper":
            clients.end_friendship(platform, follow.userid, person.who)


async def leave(community: Community, about: dict[str, Any]) -> None:
    """Leave a group, all without ``chat``; one in four then deletes the helper account too, rings always do."""
    person, platform = community.people[str(about["person"])], community.platform
    chats = community.chats_of(person)
    going = [chat for chat in chats if about.get("chat", chat) == chat]
    for chat_id in going:
        clients.leave(platform, chat_id, person.who)
    if going:
        community.people.put(replace(person, check_in="", check_in_until=0, invitations=max(person.invitations, 1)))
    if person.ring or (going and community.dice.roll("unfriend", person.number, going[0]) < UNFRIENDS):
        community.plan(platform.now() + 90, "unfriend", person=person.number)
