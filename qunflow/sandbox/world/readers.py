"""
What people do with messages that reached them: read, answer, tap, check in, buy, scan a group code.

`Readers` is the platform's public: it decides who will read and when; the steps below carry the rest out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from qunflow.sandbox.areas.statistics import day_start
from qunflow.sandbox.dice import waited
from qunflow.sandbox.world import effects, rules
from qunflow.sandbox.world.community import DAY_S, Community, awake_from, utc_text
from qunflow.sandbox.world.content import Features, features_of, gist
from qunflow.sandbox.world.records import Person, Post
from qunflow.sandbox.world.staff import StaffHabits

READ_DELAY_S = 1_300
PRIVATE_DELAY_S = 500
PRIVATE_READ = 0.82
REPEATED_APPEAL = 0.35
TWO_PIECES = 0.2
REFUNDS = 0.05
KNOWN_BY_PHONE = 0.4
CHECK_IN_DAYS = 7
REPEATED_S = 3 * DAY_S


class Readers(StaffHabits):
    """Everybody who meets what the platform delivers: the people here, the staff in `staff`."""

    def meet_group_message(self, chat_id: str, text: str, attachments: list[dict[str, Any]]) -> None:
        """A message appeared in a group: those who will see it get a moment to do so."""
        community = self.community
        post = _posted(community, chat_id, text, attachments)
        now, dice = community.platform.now(), community.dice
        reads, delays = dice.rolls("read", *_named(post)), dice.rolls("read delay", *_named(post))
        seats = community.platform.customers_in(chat_id)
        effects.treat(community, text, (seat.userid for seat in seats))
        for seat in seats:
            person = community.person_of(seat.userid)
            if person is None:
                continue
            chance = rules.reading_chance(community.traits(person), person.warmth, post.nth_of_day)
            if reads(person.number) < chance:
                delay = 15 + waited(READ_DELAY_S, delays(person.number))
                community.plan(awake_from(now + delay), "read_post", post=post.number, person=person.number)

    def meet_private_message(self, external_userid: str, text: str, attachments: list[dict[str, Any]]) -> None:
        """A message reached one person: most read it within minutes."""
        community = self.community
        person = community.person_of(external_userid)
        now, said = community.platform.now(), gist(text)
        effects.treat(community, text, [external_userid])
        if person is not None and community.dice.roll("private", person.number, now, said) < PRIVATE_READ:
            delay = 20 + community.dice.waiting(PRIVATE_DELAY_S, "private delay", person.number, now, said)
            at = awake_from(now + delay)
            community.plan(at, "read_private", person=person.number, text=text, attachments=attachments)


async def read_post(community: Community, about: dict[str, Any]) -> None:
    """One person looks at one message of a group."""
    post, person = community.posts.get(str(about["post"])), community.people[str(about["person"])]
    if post is None or f"{post.chat_id}/{person.who}" not in community.platform.seats:
        return
    features = features_of(post.text, post.attachments)
    if features.check_ins:
        _learn_check_in(community, person, features.check_ins[0])
    if features.offers:
        await _consider(community, person, post, features)
    elif features.asks:
        _answer(community, person, post)


async def read_private(community: Community, about: dict[str, Any]) -> None:
    """One person reads a private message: a coupon is kept, a group code perhaps scanned."""
    person = community.people[str(about["person"])]
    features = features_of(about["text"], about["attachments"])
    if features.coupon:
        person = community.people.put(replace(person, coupon=features.coupon))
    config = await _group_code(community, person, features)
    if not config or community.chats_of(person):
        return
    person = community.people.put(replace(person, invitations=person.invitations + 1))
    chance = rules.joining_chance(community.traits(person), features.appeal, person.invitations)
    if community.dice.roll("join", person.number, person.invitations) < chance:
        delay = 20 + community.dice.waiting(240, "scan delay", person.number, person.invitations)
        community.plan(community.platform.now() + delay, "scan", person=person.number, config=config)


async def order(community: Community, about: dict[str, Any]) -> None:
    """Pay, and let the shop tell the product."""
    person, platform = community.people[str(about["person"])], community.platform
    person = community.people.put(replace(person, orders=person.orders + 1, coupon=""))
    number = f"XM{platform.number('order'):07d}"
    platform.storage.note_events([(platform.now(), "order", person.who, about["chat"], about["amount"])])
    await _push_order(community, person, {**about, "order": number, "paid_at": platform.now()}, "paid")
    if community.dice.roll("refund", person.number, person.orders) < REFUNDS:
        later = awake_from(
            platform.now() + DAY_S + community.dice.waiting(DAY_S, "refund delay", person.number, person.orders)
        )
        community.plan(later, "refund", **{**about, "order": number, "paid_at": platform.now()})


async def refund(community: Community, about: dict[str, Any]) -> None:
    """The goods were bad; the shop pays back."""
    person = community.people[str(about["person"])]
    community.platform.storage.note_events(
        [(community.platform.now(), "refund", person.who, about["chat"], about["amount"])]
    )
    await _push_order(community, person, about, "refunded")


async def check_in(community: Community, about: dict[str, Any]) -> None:
    """Press the button of the week's check-in page; a page that is gone is forgotten."""
    person, platform = community.people[str(about["person"])], community.platform
    if not person.check_in or not community.chats_of(person):
        return
    seen = await community.outside.check_in(person.check_in, person.who)
    if seen.status in (404, 410):
        community.people.put(replace(person, check_in="", check_in_until=0))
    elif 200 <= seen.status < 400:
        platform.storage.note_events([(platform.now(), "checkin", person.who, community.chats_of(person)[0], 0)])


def plan_check_ins(community: Community, start: int) -> None:
    """Decide who checks in on the local day that starts now."""
    for person in community.people:
        if person.check_in_until > start:
            _plan_check_in(community, person, start, start + 8 * 3_600, 13 * 3_600)


def _named(post: Post) -> tuple[object, ...]:
    """A message by what it is, not by its number: numbers follow the order in which parallel calls arrive."""
    return post.chat_id, post.at, gist(post.text)


def _posted(community: Community, chat_id: str, text: str, attachments: list[dict[str, Any]]) -> Post:
    now, start = community.platform.now(), day_start(community.platform.now())
    earlier = community.posts.where("chat", chat_id)
    repeated = any(post.text == text and post.at > now - REPEATED_S for post in earlier)
    appeal = effects.appeal_of(community, text, attachments) * (REPEATED_APPEAL if repeated else 1.0)
    nth = 1 + sum(post.at >= start for post in earlier)
    number = community.platform.number("post")
    return community.posts.put(Post(number, chat_id, now, text, attachments, appeal, nth))


def _answer(community: Community, person: Person, post: Post) -> None:
    now = community.platform.now()
    chance = rules.reply_chance(community.traits(person), person.warmth, post.appeal)
    answers = community.dice.rolls("reply", *_named(post))(person.number) < chance
    community.people.change(person, warm_up=[now, post.number, int(answers)])
    if answers:
        community.posts.put(replace(post, repliers=[*post.repliers, person.who]))
        community.platform.storage.note_events([(now, "reply", person.who, post.chat_id, 0)])


async def _consider(community: Community, person: Person, post: Post, features: Features) -> None:
    """An offer with a link: tap or not, then buy or not."""
    dice, now = community.dice, community.platform.now()
    warm_up = _warm_up(community, person, features)
    if dice.rolls("click", *_named(post))(person.number) >= effects.click_chance(community, person, post, warm_up):
        return
    seen = await community.outside.open_link(features.offers[0], person.who)
    if not 300 <= seen.status < 400:
        return
    community.platform.storage.note_events([(now, "click", person.who, post.chat_id, 0)])
    price = features.price_fen or community.traits(person).budget_fen
    if dice.roll("buy", *_named(post), person.number) < effects.buying_chance(community, person, post, warm_up, price):
        pieces = 2 if dice.roll("pieces", *_named(post), person.number) < TWO_PIECES else 1
        later = now + 90 + dice.waiting(300, "pay delay", *_named(post), person.number)
        code = features.offers[0].rsplit("/", 1)[-1]
        community.plan(
            later,
            "order",
            person=person.number,
            chat=post.chat_id,
            amount=price * pieces,
            code=code,
            coupon=person.coupon,
        )


def _warm_up(community: Community, person: Person, features: Features) -> float:
    if not person.warm_up:
        return 1.0
    at, number, answered = person.warm_up
    asked = community.posts.get(str(number))
    subjects = features_of(asked.text, asked.attachments).subjects if asked else frozenset()
    return rules.warm_up_factor(
        read_s_ago=community.platform.now() - at,
        same_subject=bool(subjects & features.subjects),
        replied=bool(answered),
    )


def _learn_check_in(community: Community, person: Person, link: str) -> None:
    if person.check_in == link:
        return
    now = community.platform.now()
    until = day_start(now) + CHECK_IN_DAYS * DAY_S
    person = community.people.put(replace(person, check_in=link, check_in_until=until))
    _plan_check_in(community, person, day_start(now), now + 60, 2 * 3_600)


def _plan_check_in(community: Community, person: Person, day: int, start: int, span_s: int) -> None:
    chance = rules.check_in_chance(community.traits(person), person.warmth)
    if community.dice.roll("check in", day, person.number) < chance:
        at = start + int(community.dice.roll("check in at", day, person.number) * span_s)
        community.plan(min(at, day + DAY_S - 120), "check_in", person=person.number)


async def _group_code(community: Community, person: Person, features: Features) -> str:
    """The join way behind a link of a message: shown openly, or behind a short link."""
    platform = community.platform
    for link in features.links:
        target = link
        if link in features.offers:
            target = (await community.outside.open_link(link, person.who)).location
        found = platform.join_ways.where("qr_code", target)
        if found:
            return found[0].config_id
    return ""


async def _push_order(community: Community, person: Person, about: dict[str, Any], status: str) -> None:
    # A shop knows a phone or a WeChat identity, not both; those who never left a phone are known by the latter.
    by_phone = person.has_form and community.dice.roll("known by", person.number, about["paid_at"]) < KNOWN_BY_PHONE
    known = {"phone": person.phone} if by_phone else {"external_userid": person.who}
    body = {
        "order_no": about["order"],
        **known,
        "amount_fen": about["amount"],
        "paid_at": utc_text(about["paid_at"]),
        "status": status,
        "refunded_fen": about["amount"] if status == "refunded" else 0,
        "link_code": about["code"],
        "coupon": about["coupon"],
    }
    await community.outside.post_hook("/hooks/orders", body)
