"""
Messages of the app to members of the corp (wecom-api §7.5): cards, to-dos, alerts.

Too many to one member are dropped without a word; too many in a day are 45009.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from qunflow.sandbox import ids
from qunflow.sandbox.areas import members, parts
from qunflow.sandbox.areas.statistics import day_start
from qunflow.sandbox.fields import Field, checked
from qunflow.sandbox.kept import Kept
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.records import AppMessage
from qunflow.sandbox.routing import Call, Effect, Endpoint, Result
from qunflow.sandbox.wire import Refusal

_DAY_S = 86_400
_HOUR_S = 3_600
_MINUTE_S = 60
_PER_ACCOUNT = 200
_CARD_TYPES = ("text_notice", "news_notice", "button_interaction", "vote_interaction", "multiple_interaction")
_CONTENT = Field("content", required=True, missing=44004, max_bytes=2_048, over=45002)
_MEDIA = Field("media_id", required=True, missing=40007)
_ARTICLES = (Field("articles", "list", required=True, max_items=8, over=45008),)
_KINDS: dict[str, tuple[Field, ...]] = {
    "text": (_CONTENT,),
    "markdown": (_CONTENT,),
    "textcard": (
        Field("title", required=True, max_chars=128),
        Field("description", required=True, max_chars=512),
        Field("url", required=True, max_bytes=2_048),
        Field("btntxt", max_chars=4),
    ),
    "image": (_MEDIA,),
    "voice": (_MEDIA,),
    "file": (_MEDIA,),
    "video": (_MEDIA, Field("title", max_bytes=128), Field("description", max_bytes=512)),
    "news": _ARTICLES,
    "mpnews": _ARTICLES,
    "miniprogram_notice": (Field("appid", required=True), Field("title", required=True)),
    "template_card": (Field("card_type", required=True, bad=42027, choices=_CARD_TYPES),),
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """Who got an app message, from which application; ``recalled_at`` is 0 while it stands."""

    msgid: str
    agent_id: int
    sent_at: int
    recipients: list[str]
    recalled_at: int = 0


@dataclass(frozen=True, slots=True)
class DayCount:
    """What an application sent on a Shanghai day: messages, and people they went to."""

    agent_id: int
    day: int
    messages: int = 0
    people: int = 0


@dataclass(frozen=True, slots=True)
class CardTimes:
    """When one member got messages of one application within the last hour."""

    agent_id: int
    userid: str
    times: list[int]


_DELIVERIES = Kept(Delivery, lambda r: r.msgid)
_DAYS = Kept(DayCount, lambda r: f"{r.agent_id}/{r.day}", day=lambda r: r.day)
_TIMES = Kept(CardTimes, lambda r: f"{r.agent_id}/{r.userid}")


def send(call: Call) -> Result:
    """Send to members; partly wrong recipients still answer 0 and stand in ``invaliduser``."""
    platform, body = call.platform, call.body
    if body["agentid"] != call.app.agent_id:
        raise Refusal(301002)
    _check_content(platform, body)
    known, answer = _recipients(call)
    digest = _digest(body)
    if body["enable_duplicate_check"] and (earlier := _repeated(platform, body, digest)):
        return {**answer, "msgid": earlier.msgid}, None
    _count_day(platform, call.app.agent_id, len(known))
    message = AppMessage(ids.msg_id(platform.dice, platform.number("msg")), platform.now(), digest, _kept(body))
    platform.app_messages.put(message)
    reached = [userid for userid in known if _is_reached(platform, call.app.agent_id, userid)]
    _DELIVERIES.of(platform).put(Delivery(message.msgid, call.app.agent_id, platform.now(), known))
    for userid in reached:
        platform.public.meet_card(userid, message.body)
    answer["msgid"] = message.msgid
    if body["msgtype"] == "template_card":
        answer["response_code"] = platform.dice.letters(43, "0123456789abcdefghijkmnpqrstuvwxyz", "card", digest)
    return answer, Effect(str(body["agentid"]), tuple(known), message.msgid)


def recall(call: Call) -> Result:
    """Take a message back within 24 h; who has read it has read it."""
    platform = call.platform
    delivery = _DELIVERIES.of(platform).get(call.body["msgid"])
    if delivery is None or delivery.agent_id != call.app.agent_id or delivery.recalled_at:
        raise Refusal(41047)
    if platform.now() - delivery.sent_at > platform.limits.recall_s:
        raise Refusal(42052)
    _DELIVERIES.of(platform).put(replace(delivery, recalled_at=platform.now()))
    return {}, Effect(str(delivery.agent_id), tuple(delivery.recipients), delivery.msgid)


def get_statistics(call: Call) -> Result:
    """How many messages each application sent today (0) or yesterday (1)."""
    platform = call.platform
    start = day_start(platform.now()) - _DAY_S * call.body["time_type"]
    rows = [
        {"agentid": one.agent_id, "app_name": f"应用 {one.agent_id}", "count": one.messages}
        for one in _DAYS.of(platform).where("day", start)
    ]
    return {"statistics": rows}, None


def _check_content(platform: Platform, body: dict[str, Any]) -> None:
    kind = body["msgtype"]
    if kind not in _KINDS:
        raise Refusal(40008)
    part = body.get(kind)
    if not isinstance(part, dict):
        raise Refusal(40063, f"{kind} missing")
    found = checked(_KINDS[kind], part)
    if kind in ("image", "voice", "file", "video"):
        parts.require_media(platform, found["media_id"], kind)
    if kind == "textcard" and "://" not in found["url"]:
        raise Refusal(45034)


def _recipients(call: Call) -> tuple[list[str], dict[str, Any]]:
    """Who is reached, and the answer's lists of those who are not."""
    platform, body = call.platform, call.body
    users, parties, tags = (_split(body[name], most) for name, most in _ADDRESSED)
    if not users and not parties and not tags:
        raise Refusal(82001)
    staff = [one.userid for one in platform.staff if not call.app.sees or one.userid in call.app.sees]
    if users == ["@all"]:
        return staff, _answer([], [], [])
    known_parties = [party for party in parties if party.isdigit() and members.members_of(platform, int(party))]
    wanted = [*users, *(one for party in known_parties for one in members.members_of(platform, int(party)))]
    known = [userid for userid in dict.fromkeys(wanted) if userid in staff]
    if not known:
        raise Refusal(81013)
    return known, _answer(
        [userid for userid in users if userid not in staff],
        [party for party in parties if party not in known_parties],
        tags,
    )


def _split(joined: str, most: tuple[int, int]) -> list[str]:
    found = list(dict.fromkeys(part for part in joined.split("|") if part))
    if len(found) > most[0]:
        raise Refusal(most[1])
    return found


def _answer(users: list[str], parties: list[str], tags: list[str]) -> dict[str, Any]:
    wrong = {"invaliduser": "|".join(users), "invalidparty": "|".join(parties), "invalidtag": "|".join(tags)}
    return {**wrong, "unlicenseduser": ""}


def _count_day(platform: Platform, agent_id: int, people: int) -> None:
    day = day_start(platform.now())
    old = _DAYS.of(platform).get(f"{agent_id}/{day}") or DayCount(agent_id, day)
    if old.people + people > platform.limits.accounts * _PER_ACCOUNT:
        raise Refusal(45009)
    _DAYS.of(platform).put(replace(old, messages=old.messages + 1, people=old.people + people))


def _is_reached(platform: Platform, agent_id: int, userid: str) -> bool:
    """Whether a member still gets messages of this app: not too many within a minute and an hour."""
    now, limits = platform.now(), platform.limits
    old = _TIMES.of(platform).get(f"{agent_id}/{userid}")
    times = [at for at in (old.times if old else []) if at > now - _HOUR_S]
    if len(times) >= limits.cards_per_hour or sum(at > now - _MINUTE_S for at in times) >= limits.cards_per_min:
        return False
    _TIMES.of(platform).put(CardTimes(agent_id, userid, [*times, now]))
    return True


def _kept(body: dict[str, Any]) -> dict[str, Any]:
    return {name: body[name] for name in ("touser", "msgtype", body["msgtype"])}


def _digest(body: dict[str, Any]) -> str:
    addressed = {name: body[name] for name in ("agentid", "toparty", "totag")}
    return sha256(json.dumps({**_kept(body), **addressed}, sort_keys=True).encode()).hexdigest()


def _repeated(platform: Platform, body: dict[str, Any], digest: str) -> AppMessage | None:
    since = platform.now() - body["duplicate_check_interval"]
    same = [message for message in platform.app_messages.where("digest", digest) if message.sent_at > since]
    return same[-1] if same else None


_ADDRESSED = (("touser", (1_000, 40032)), ("toparty", (100, 82002)), ("totag", (100, 82003)))

ENDPOINTS = (
    Endpoint(
        "message/send",
        send,
        (
            Field("touser"),
            Field("toparty"),
            Field("totag"),
            Field("msgtype", required=True, missing=40008),
            Field("agentid", "number", required=True, missing=41011, bad=40056),
            Field("enable_duplicate_check", "number", choices=(0, 1)),
            Field("duplicate_check_interval", "number", default=1_800, low=1, high=14_400),
        ),
    ),
    Endpoint("message/recall", recall, (Field("msgid", required=True, missing=41046),)),
    Endpoint("message/get_statistics", get_statistics, (Field("time_type", "number", choices=(0, 1)),)),
)
