"""Customers of members (wecom-api §5.1): who is whose friend, since when, and through which channel."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from qunflow.sandbox.fields import Field
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.records import Customer, Follow
from qunflow.sandbox.routing import Call, Effect, Endpoint, Result, page
from qunflow.sandbox.wire import Refusal

_ADDED_BY_QR = 1


def get_follow_user_list(call: Call) -> Result:
    """Members who may have customers."""
    return {"follow_user": [member.userid for member in call.platform.staff]}, None


def list_of_member(call: Call) -> Result:
    """A member's customers; nobody yet is 84061, as in practice."""
    userid = _member(call.platform, call.body["userid"])
    found = [follow.external_userid for follow in _friends(call.platform, userid)]
    if not found:
        raise Refusal(84061)
    return {"external_userid": found}, None


def get(call: Call) -> Result:
    """One customer with everybody who follows them."""
    platform = call.platform
    customer = platform.customers.get(call.body["external_userid"])
    if customer is None:
        raise Refusal(40096)
    follows = [follow for follow in platform.follows.where("who", customer.external_userid) if not follow.ended_at]
    if not follows:
        raise Refusal(84061)
    shown = [{**_follow(follow), "tags": [], "remark_mobiles": []} for follow in follows]
    return {"external_contact": _contact(customer), "follow_user": shown, "next_cursor": ""}, None


def batch_get_by_user(call: Call) -> Result:
    """Customers of up to 100 members, 100 a page; a larger limit is cut, an older client's ``userid`` is accepted."""
    platform, body = call.platform, call.body
    wanted = body["userid_list"] or [body["userid"]]
    if len(wanted) > 100 or not wanted[0]:
        raise Refusal(40058, "userid_list")
    follows = [follow for userid in wanted for follow in _friends(platform, _member(platform, userid))]
    found, cursor = page(follows, body["cursor"], min(max(body["limit"], 1), 100))
    rows = [
        {
            "external_contact": _contact(platform.customers[f.external_userid]),
            "follow_info": {**_follow(f), "tag_id": []},
        }
        for f in found
    ]
    return {"external_contact_list": rows, "next_cursor": cursor}, None


def remark(call: Call) -> Result:
    """Change the remark of one's customer."""
    platform, body = call.platform, call.body
    follow = platform.follows.get(f"{body['userid']}/{body['external_userid']}")
    if follow is None or follow.ended_at:
        raise Refusal(84061)
    platform.follows.put(replace(follow, remark=body["remark"] or follow.remark))
    return {}, Effect(body["userid"], (body["external_userid"],))


def _member(platform: Platform, userid: str) -> str:
    if userid not in platform.staff:
        raise Refusal(60111)
    return userid


def _friends(platform: Platform, userid: str) -> list[Follow]:
    return [follow for follow in platform.follows.where("member", userid) if not follow.ended_at]


def _contact(customer: Customer) -> dict[str, Any]:
    return {
        "external_userid": customer.external_userid,
        "name": customer.name,
        "avatar": "",
        "type": 1,
        "gender": customer.gender,
        "unionid": customer.unionid,
    }


def _follow(follow: Follow) -> dict[str, Any]:
    return {
        "userid": follow.userid,
        "remark": follow.remark,
        "description": "",
        "createtime": follow.createtime,
        "remark_corp_name": "",
        "oper_userid": follow.external_userid,
        "add_way": follow.add_way or _ADDED_BY_QR,
        "state": follow.state,
    }


_WHO = Field("external_userid", required=True, missing=41035)
_USER = Field("userid", required=True, missing=41009)

ENDPOINTS = (
    Endpoint("externalcontact/get_follow_user_list", get_follow_user_list, query=True),
    Endpoint("externalcontact/list", list_of_member, (_USER,), query=True),
    Endpoint("externalcontact/get", get, (_WHO, Field("cursor")), query=True),
    Endpoint(
        "externalcontact/batch/get_by_user",
        batch_get_by_user,
        (Field("userid_list", "list"), Field("userid"), Field("cursor"), Field("limit", "number", default=50)),
    ),
    Endpoint("externalcontact/remark", remark, (_USER, _WHO, Field("remark", max_chars=20))),
)
