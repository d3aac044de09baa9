"""
How a customer meets a member through a channel code: scan it, wait for a yes where one is asked for, be friends.

The code's ``state`` comes back in the event and with the customer (wecom-api §5.3). Used by ``/_sandbox/act``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from qunflow.sandbox import clients
from qunflow.sandbox.areas import contact_ways
from qunflow.sandbox.assets import FriendRequest, TemporaryChat
from qunflow.sandbox.clients import CannotAct
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.records import ContactWay
from qunflow.sandbox.world.community import Community

Body = dict[str, Any]


def scan(platform: Platform, config_id: str, who: str, *, half: bool = False) -> tuple[str, str]:
    """
    Scan a channel code.

    Args:
        half: the customer adds the member and the member has not done anything yet, ``add_half_external_contact``.

    Returns:
        The member it led to and the welcome code, which is empty while the member has to say yes.
    """
    way = _usable(platform, config_id, who)
    userid = _led_to(platform, way, who)
    if platform.is_friend(userid, who):
        raise CannotAct("already friends")
    if way.fields["is_temp"]:
        _open_session(platform, way, userid, who)
    state = way.fields["state"]
    if half:
        return userid, _add_half(platform, userid, who, state)
    if not way.fields["skip_verify"]:
        platform.friend_requests.put(FriendRequest(userid, who, state, platform.now()))
        return userid, ""
    return userid, clients.add_friend(platform, userid, who, state)


def accept(platform: Platform, userid: str, who: str) -> str:
    """A member says yes to a request; the welcome code, empty when the request already brought one."""
    request = platform.friend_requests.get(f"{userid}/{who}")
    if request is None:
        raise CannotAct("nobody asked")
    platform.friend_requests.drop(f"{userid}/{who}")
    return clients.add_friend(platform, userid, who, request.state, greet=not request.was_greeted)


def _add_half(platform: Platform, userid: str, who: str, state: str) -> str:
    code = "" if platform.customers[who].company else clients.new_welcome_code(platform, userid, who)
    platform.friend_requests.put(FriendRequest(userid, who, state, platform.now(), was_greeted=True))
    told = {"UserID": userid, "ExternalUserID": who, "State": state, **({"WelcomeCode": code} if code else {})}
    platform.tell("change_external_contact", "add_half_external_contact", **told)
    return code


def _usable(platform: Platform, config_id: str, who: str) -> ContactWay:
    way, customer = platform.contact_ways.get(config_id), platform.customers.get(who)
    if way is None or customer is None:
        raise CannotAct("unknown code or customer")
    if not way.fields["is_temp"]:
        return way
    if way.used_at or way.created_at + way.fields["expires_in"] <= platform.now():
        raise CannotAct("the temporary code is used up or expired")
    if way.fields["unionid"] not in ("", customer.unionid):
        raise CannotAct("the temporary code is somebody else's")
    return way


def _led_to(platform: Platform, way: ContactWay, who: str) -> str:
    """The member a code leads to; an exclusive one leads all people of one company to the same."""
    company = platform.customers[who].company.get("corp_name", "") if way.fields["is_exclusive"] else ""
    members = [userid for userid in contact_ways.members_of(platform, way.fields) if userid in platform.staff]
    if not members:
        raise CannotAct("nobody behind the code is left")
    return platform.dice.pick(members, "contact way", way.config_id, company or who)


def _open_session(platform: Platform, way: ContactWay, userid: str, who: str) -> None:
    platform.contact_ways.put(replace(way, used_at=platform.now()))
    ends_at = platform.now() + way.fields["chat_expires_in"]
    platform.temporary_chats.put(TemporaryChat(userid, who, ends_at, way.fields["conclusions"]))


async def _scan_contact_way(community: Community, body: Body) -> dict[str, Any]:
    who = body.get("external_userid") or clients.add_customer(community.platform, body.get("name", "路人"))
    userid, code = scan(community.platform, body["config_id"], who, half=bool(body.get("half", False)))
    return {"userid": userid, "external_userid": who, "welcome_code": code}


async def _accept_contact(community: Community, body: Body) -> dict[str, Any]:
    return {"welcome_code": accept(community.platform, body["userid"], body["external_userid"])}


async def _activate(community: Community, body: Body) -> dict[str, Any]:
    """A member logs in for the first time, or with ``active`` false is one who never did."""
    platform = community.platform
    if body["userid"] not in platform.staff:
        raise CannotAct("unknown member")
    platform.staff.put(replace(platform.staff[body["userid"]], active=bool(body.get("active", True))))
    return {}


ACTS = {"activate": _activate, "scan_contact_way": _scan_contact_way, "accept_contact": _accept_contact}
