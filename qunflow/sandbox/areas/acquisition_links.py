"""
Acquisition links (获客助手, wecom-api §8.2): links that add a member as friend and say how often they did.

Following a link is a client's act and lives in `links`. Client libraries disagree about GET and POST: both are taken.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from qunflow.sandbox import visibility
from qunflow.sandbox.areas.statistics import day_start
from qunflow.sandbox.fields import Field, checked
from qunflow.sandbox.kept import Kept
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.routing import Call, Effect, Endpoint, Result, page
from qunflow.sandbox.wire import Refusal

SILENT, WROTE = 0, 1
_DAY_S = 86_400
_PATH = "externalcontact/customer_acquisition"


@dataclass(frozen=True, slots=True)
class Link:
    """An acquisition link; ``fields`` are its settings as given."""

    link_id: str
    url: str
    create_time: int
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class LinkClick:
    """One person who opened a link."""

    number: int
    link_id: str
    who: str
    at: int


@dataclass(frozen=True, slots=True)
class LinkCustomer:
    """Somebody who became a member's friend through a link; ``messages`` counts what the member got from them."""

    link_id: str
    who: str
    userid: str
    state: str
    at: int
    messages: int = 0


@dataclass(frozen=True, slots=True)
class ChatKey:
    """The right to ask once more, for half an hour, how much somebody wrote."""

    key: str
    customer: str
    issued_at: int


LINKS = Kept(Link, lambda r: r.link_id, url=lambda r: r.url)
CLICKS = Kept(LinkClick, lambda r: str(r.number), link=lambda r: r.link_id)
CUSTOMERS = Kept(LinkCustomer, lambda r: f"{r.link_id}/{r.who}", link=lambda r: r.link_id)
CHAT_KEYS = Kept(ChatKey, lambda r: r.key)


def create_link(call: Call) -> Result:
    """Make a link; the answer holds its address."""
    platform, links = call.platform, LINKS.of(call.platform)
    if len(links) >= platform.limits.acquisition_links:
        raise Refusal(41095)
    settings = _settings(call)
    number = platform.number("link")
    link_id = f"cawcde{platform.dice.letters(10, '0123456789abcdef', 'link', number)}"
    link = links.put(Link(link_id, f"https://work.weixin.qq.com/ca/{link_id}", platform.now(), settings))
    return {"link": _shown(link)}, Effect(targets=tuple(settings["range"]["user_list"]), msgid=link_id)


def update_link(call: Call) -> Result:
    """Change what is given; the rest stays."""
    link = _link(call)
    given = {name: call.body[name] for name in _SETTINGS if call.body[name] not in (None, "", {})}
    if "range" in given:
        given["range"] = _range(call.platform, given["range"])
    LINKS.of(call.platform).put(replace(link, fields={**link.fields, **given}))
    return {}, Effect(msgid=link.link_id)


def delete_link(call: Call) -> Result:
    """End a link; who came through it stays a friend."""
    link = _link(call)
    LINKS.of(call.platform).drop(link.link_id)
    return {}, Effect(msgid=link.link_id)


def get(call: Call) -> Result:
    """A link with its range."""
    link = _link(call)
    shown = {**_shown(link), "skip_verify": link.fields["skip_verify"], "mark_source": link.fields["mark_source"]}
    answer = {"link": shown, "range": link.fields["range"], "priority_option": link.fields["priority_option"]}
    return answer, None


def list_link(call: Call) -> Result:
    """Ids of the application's own links."""
    own = [link.link_id for link in LINKS.of(call.platform) if visibility.is_own(call.platform, call.app, link.link_id)]
    found, cursor = page(own, call.body["cursor"], call.body["limit"])
    return {"link_id_list": found, "next_cursor": cursor}, None


def customer(call: Call) -> Result:
    """Who came through a link, and whether they wrote."""
    link = _link(call)
    came = CUSTOMERS.of(call.platform).where("link", link.link_id)
    found, cursor = page(came, call.body["cursor"], call.body["limit"])
    rows = [
        {
            "external_userid": one.who,
            "userid": one.userid,
            "chat_status": WROTE if one.messages else SILENT,
            "state": one.state,
        }
        for one in found
    ]
    return {"customer_list": rows, "next_cursor": cursor}, None


def quota(call: Call) -> Result:
    """How many customers came through links so far, and how many more may."""
    platform = call.platform
    left = balance(platform)
    expires = day_start(platform.now()) + int(timedelta(days=365).total_seconds())
    shown = [{"expire_date": expires, "balance": left}] if left else []
    return {"total": len(CUSTOMERS.of(platform)), "balance": left, "quota_list": shown}, None


def statistic(call: Call) -> Result:
    """Clicks and new customers of a link, days as in Shanghai, both ends included."""
    link, body = _link(call), call.body
    begin, end = day_start(body["start_time"]), day_start(body["end_time"]) + _DAY_S
    if not 0 < end - begin <= 30 * _DAY_S + _DAY_S:
        raise Refusal(40058, "start_time and end_time are over 30 days apart")
    clicks = {one.who for one in CLICKS.of(call.platform).where("link", link.link_id) if begin <= one.at < end}
    came = [one for one in CUSTOMERS.of(call.platform).where("link", link.link_id) if begin <= one.at < end]
    return {"click_link_customer_cnt": len(clicks), "new_customer_cnt": len(came)}, None


def get_chat_info(call: Call) -> Result:
    """How often a member was written to; the key comes with the event and dies after half an hour."""
    platform = call.platform
    key = CHAT_KEYS.of(platform).get(call.body["chat_key"])
    if key is None or platform.now() - key.issued_at > platform.limits.chat_key_s:
        raise Refusal(40058, "chat_key")
    one = CUSTOMERS.of(platform)[key.customer]
    told = {"recv_msg_cnt": one.messages, "link_id": one.link_id, "state": one.state}
    return {"userid": one.userid, "external_userid": one.who, "chat_info": told}, None


def balance(platform: Platform) -> int:
    """How many more customers may come through links."""
    return max(platform.limits.acquisition_balance - len(CUSTOMERS.of(platform)), 0)


def _settings(call: Call) -> dict[str, Any]:
    kept = {name: call.body[name] for name in _SETTINGS}
    skips = True if kept["skip_verify"] is None else kept["skip_verify"]
    return {**kept, "skip_verify": skips, "range": _range(call.platform, kept["range"])}


def _range(platform: Platform, given: dict[str, Any]) -> dict[str, list[Any]]:
    found = checked(_RANGE, given)
    if not found["user_list"] and not found["department_list"]:
        raise Refusal(40063, "range is empty")
    if any(userid not in platform.staff for userid in found["user_list"]):
        raise Refusal(60111)
    return {"user_list": found["user_list"], "department_list": found["department_list"]}


def _link(call: Call) -> Link:
    link = LINKS.of(call.platform).get(call.body["link_id"])
    if link is None:
        raise Refusal(40058, "link_id")
    return link


def _shown(link: Link) -> dict[str, Any]:
    named = {"link_id": link.link_id, "link_name": link.fields["link_name"]}
    return {**named, "url": link.url, "create_time": link.create_time}


_SETTINGS = ("link_name", "range", "skip_verify", "priority_option", "mark_source")
_RANGE = (
    Field("user_list", "list", max_items=100, items="text"),
    Field("department_list", "list", max_items=100, items="number"),
)
_ID = Field("link_id", required=True)
_NAME = Field("link_name", max_chars=30)
_OTHERS = (Field("skip_verify", "flag"), Field("priority_option", "object"), Field("mark_source", "flag"))

ENDPOINTS = (
    Endpoint(
        f"{_PATH}/create_link",
        create_link,
        (replace(_NAME, required=True), Field("range", "object", required=True), *_OTHERS),
    ),
    Endpoint(f"{_PATH}/update_link", update_link, (_ID, _NAME, Field("range", "object"), *_OTHERS)),
    Endpoint(f"{_PATH}/delete_link", delete_link, (_ID,)),
    Endpoint(f"{_PATH}/get", get, (_ID,), query=True),
    Endpoint(
        f"{_PATH}/list_link",
        list_link,
        (Field("cursor"), Field("limit", "number", default=100, low=1, high=100)),
        query=True,
    ),
    Endpoint(
        f"{_PATH}/customer",
        customer,
        (_ID, Field("cursor"), Field("limit", "number", default=100, low=1, high=1_000)),
        query=True,
    ),
    Endpoint("externalcontact/customer_acquisition_quota", quota, query=True),
    Endpoint(
        f"{_PATH}/statistic",
        statistic,
        (_ID, Field("start_time", "number", required=True), Field("end_time", "number", required=True)),
        query=True,
    ),
    Endpoint(f"{_PATH}/get_chat_info", get_chat_info, (Field("chat_key", required=True),), query=True),
)
