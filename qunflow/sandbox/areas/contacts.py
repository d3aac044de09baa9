"""Customers of members (wecom-api §5.1): who is whose friend, since when, how remarked and through which channel."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from qunflow.sandbox import visibility
from qunflow.sandbox.areas import parts, tags
from qunflow.sandbox.fields import Field
from qunflow.sandbox.options import App
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.records import Customer, Follow, Seat
from qunflow.sandbox.routing import Call, Effect, Endpoint, Result, page
from qunflow.sandbox.wire import Refusal

_ADDED_BY_QR = 1
_OUTSIDER = 2
_MOST_MEMBERS = 100
_LARGEST_PAGE = 100
_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def get_follow_user_list(call: Call) -> Result:
    """Members who may have customers."""
    members = [member.userid for member in call.platform.staff if visibility.sees(call.app, member.userid)]
    return {"follow_user": members}, None


def list_of_member(call: Call) -> Result:
    """A member's customers; nobody yet is 84061 in practice, which no page says."""
    userid = _member(call.platform, call.body["userid"])
    found = [follow.external_userid for follow in _friends(call.platform, userid)]
    if not found and call.platform.limits.no_customers:
        raise Refusal(call.platform.limits.no_customers)
    return {"external_userid": found}, None


def get(call: Call) -> Result:
    """One customer with everybody who follows them; a cursor leads on when there are more than one page shows."""
    platform = call.platform
    customer = platform.customers.get(call.body["external_userid"])
    if customer is None:
        raise Refusal(40096)
    follows = [
        follow
        for follow in platform.follows.where("who", customer.external_userid)
        if not follow.ended_at and visibility.sees(call.app, follow.userid)
    ]
    if not follows:
        raise Refusal(84061)
    found, cursor = page(follows, call.body["cursor"], platform.limits.follows_page)
    shown = [{**_follow(follow), "tags": tags.on_customer(platform, follow.tags)} for follow in found]
    return {"external_contact": _contact(platform, customer), "follow_user": shown, "next_cursor": cursor}, None


def batch_get_by_user(call: Call) -> Result:
    """Customers of up to 100 members, 100 a page; a larger limit is cut, an older client's ``userid`` is accepted."""
    platform, body = call.platform, call.body
    wanted = body["userid_list"] or [body["userid"]]
    if len(wanted) > _MOST_MEMBERS or not wanted[0]:
        raise Refusal(40058, "userid_list")
    follows = [follow for userid in wanted for follow in _friends(platform, _member(platform, userid))]
    found, cursor = page(follows, body["cursor"], min(max(body["limit"], 1), _LARGEST_PAGE))
    rows = [
        {
            "external_contact": _contact(platform, platform.customers[f.external_userid]),
            "follow_info": {**_follow(f), "tag_id": f.tags},
        }
        for f in found
    ]
    return {"external_contact_list": rows, "next_cursor": cursor}, None


def contact_list(call: Call) -> Result:
    """Customers, and people known through groups only; these have no external_userid here."""
    platform = call.platform
    found, cursor = page(_known(platform, call.app), call.body["cursor"], call.body["limit"])
    return {"info_list": [_known_person(platform, one) for one in found], "next_cursor": cursor}, None


def remark(call: Call) -> Result:
    """Change what a member noted about a customer; mobiles replace the old ones, an empty one clears them."""
    platform, body = call.platform, call.body
    if not any(body[name] for name in NOTES):
        raise Refusal(40063, f"{', '.join(NOTES)} are all empty")
    userid, who = _member(platform, body["userid"]), body["external_userid"]
    if who not in platform.customers:
        raise Refusal(40096)
    if not platform.is_friend(userid, who):
        raise Refusal(84061)
    if body["remark_pic_mediaid"]:
        parts.require_media(platform, body["remark_pic_mediaid"], "image")
    platform.follows.put(_remarked(platform, platform.follows[f"{userid}/{who}"], body))
    return {}, Effect(userid, (who,))


def _remarked(platform: Platform, follow: Follow, body: dict[str, Any]) -> Follow:
    is_wechat = not platform.customers[follow.external_userid].company
    if not all(isinstance(mobile, str) for mobile in body["remark_mobiles"]):
        raise Refusal(40058, "remark_mobiles must be texts")
    mobiles = [mobile for mobile in body["remark_mobiles"] if mobile]
    return replace(
        follow,
        remark=body["remark"] or follow.remark,
        description=body["description"] or follow.description,
        remark_company=(is_wechat and body["remark_company"]) or follow.remark_company,
        remark_mobiles=mobiles if body["remark_mobiles"] else follow.remark_mobiles,
    )


def _member(platform: Platform, userid: Any) -> str:
    if not isinstance(userid, str) or userid not in platform.staff:
        raise Refusal(60111)
    return userid


def _friends(platform: Platform, userid: str) -> list[Follow]:
    return [follow for follow in platform.follows.where("member", userid) if not follow.ended_at]


def _known(platform: Platform, app: App) -> list[Follow | Seat]:
    """Friendships of the members an app sees, then seats of everybody else in their groups."""
    follows = [f for f in platform.follows if not f.ended_at and visibility.sees(app, f.userid)]
    customers = {follow.external_userid for follow in follows}
    guests = [
        seat
        for seat in platform.seats
        if seat.kind == _OUTSIDER
        and seat.userid not in customers
        and visibility.sees(app, platform.chats[seat.chat_id].owner)
    ]
    return [*follows, *guests]


def _known_person(platform: Platform, one: Follow | Seat) -> dict[str, Any]:
    who = one.external_userid if isinstance(one, Follow) else one.userid
    openid = "wo" + platform.dice.letters(30, _BASE32, "tmp_openid", who)
    shown = {"tmp_openid": openid, "name": platform.customers[who].name}
    if isinstance(one, Follow):
        own = {"external_userid": who, "follow_userid": one.userid, "add_time": one.createtime}
        return {"is_customer": True, **shown, **own}
    chat = {"chat_id": one.chat_id, "chat_name": platform.chats[one.chat_id].name}
    return {"is_customer": False, **shown, **chat, "add_time": one.join_time}


def _contact(platform: Platform, customer: Customer) -> dict[str, Any]:
    unionid = visibility.shown_unionid(platform, customer)
    return {
        "external_userid": customer.external_userid,
        "name": customer.name,
        "avatar": "",
        "type": 2 if customer.company else 1,
        "gender": customer.gender,
        **({"unionid": unionid} if unionid else {}),
        **customer.company,
    }


def _follow(follow: Follow) -> dict[str, Any]:
    """What a member noted; ``state`` is there only for those who came through a channel code."""
    shown = {
        "userid": follow.userid,
        "remark": follow.remark,
        "description": follow.description,
        "createtime": follow.createtime,
        "remark_corp_name": follow.remark_company,
        "remark_mobiles": follow.remark_mobiles,
        "oper_userid": follow.external_userid,
        "add_way": follow.add_way or _ADDED_BY_QR,
    }
    return {**shown, "state": follow.state} if follow.state else shown


_WHO = Field("external_userid", required=True, missing=41035)
_USER = Field("userid", required=True, missing=41009)
NOTES = ("remark", "description", "remark_company", "remark_mobiles", "remark_pic_mediaid")

ENDPOINTS = (
    Endpoint("externalcontact/get_follow_user_list", get_follow_user_list, query=True),
    Endpoint("externalcontact/list", list_of_member, (_USER,), query=True),
    Endpoint("externalcontact/get", get, (_WHO, Field("cursor")), query=True),
    Endpoint(
        "externalcontact/batch/get_by_user",
        batch_get_by_user,
        (
            Field("userid_list", "list", items="text"),
            Field("userid"),
            Field("cursor"),
            Field("limit", "number", default=50),
        ),
    ),
    Endpoint(
        "externalcontact/contact_list",
        contact_list,
        (Field("cursor"), Field("limit", "number", default=1_000, low=1, high=1_000)),
    ),
    Endpoint(
        "externalcontact/remark",
        remark,
        (
            _USER,
            _WHO,
            Field("remark", max_chars=20),
            Field("description", max_chars=150),
            Field("remark_company", max_chars=20),
            Field("remark_mobiles", "list", items="text"),
            Field("remark_pic_mediaid"),
        ),
    ),
)
