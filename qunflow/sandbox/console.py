"""
What happens in the admin console and around it, on request (``POST /_sandbox/act``): somebody leaves the corp, a robot
is added, a customer refuses a transfer, another application greets first, a link is followed, words are said in a
single chat.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from qunflow.sandbox import links, welcome_race
from qunflow.sandbox.areas import media, transfer
from qunflow.sandbox.areas.acquisition_links import LINKS
from qunflow.sandbox.areas.ids_of_others import opengid_of
from qunflow.sandbox.areas.robots import ROBOTS, Robot
from qunflow.sandbox.clients import CannotAct
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.world import talk
from qunflow.sandbox.world.community import Community

Body = dict[str, Any]


async def _resign(community: Community, body: Body) -> dict[str, Any]:
    """A member leaves the corp: no calls know them any more, their customers and groups wait for others."""
    platform, userid = community.platform, body["userid"]
    if userid not in platform.staff:
        raise CannotAct("unknown member")
    talk.change_habit(community, userid, "never")
    platform.staff.drop(userid)
    for seat in platform.seats.where("who", userid):
        platform.seats.drop(f"{seat.chat_id}/{userid}")
    transfer.DEPARTED.of(platform).put(transfer.Departed(userid, platform.now()))
    return {}


async def _refuse_transfer(community: Community, body: Body) -> dict[str, Any]:
    """A customer does not want the new member."""
    platform = community.platform
    waiting = transfer.TRANSFERS.of(platform).where("status", transfer.WAITING)
    found = [one for one in waiting if one.who == body["external_userid"]]
    if not found:
        raise CannotAct("no transfer is waiting")
    transfer.fail(platform, found[0], transfer.REFUSED, "customer_refused", platform.now())
    return {}


async def _add_robot(community: Community, body: Body) -> dict[str, Any]:
    """Somebody adds a robot to a group; without ``chat_id`` to an internal one."""
    platform, chat_id = community.platform, body.get("chat_id", "")
    if chat_id and (chat_id not in platform.chats or not platform.options.robots_in_customer_groups):
        raise CannotAct("robots cannot be added to that group")
    number = platform.number("robot")
    name = str(body.get("name") or number)
    if any(robot.name == name for robot in ROBOTS.of(platform)):
        raise CannotAct("there is a robot of that name")
    digits = platform.dice.letters(32, "0123456789abcdef", "robot", number)
    key = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    ROBOTS.of(platform).put(Robot(key, name, chat_id))
    return {"key": key}


async def _remove_robot(community: Community, body: Body) -> dict[str, Any]:
    ROBOTS.of(community.platform).drop(_robot(community.platform, body).key)
    return {}


async def _disable_robot(community: Community, body: Body) -> dict[str, Any]:
    robot = _robot(community.platform, body)
    ROBOTS.of(community.platform).put(replace(robot, disabled=bool(body.get("disabled", True))))
    return {}


async def _other_app_greets(community: Community, body: Body) -> dict[str, Any]:
    """Another application sends its welcome for some seconds; with ``fails`` it does not succeed."""
    if body["welcome_code"] not in community.platform.welcome_codes:
        raise CannotAct("unknown welcome code")
    seconds, fails = int(body.get("seconds", 0)), bool(body.get("fails", False))
    welcome_race.begin(community.platform, body["welcome_code"], 0, seconds, fails=fails)
    return {}


async def _follow_link(community: Community, body: Body) -> dict[str, Any]:
    accepted = bool(body.get("accepted", True))
    return {"userid": links.follow(community.platform, body["url"], body["external_userid"], accepted=accepted)}


async def _remove_link(community: Community, body: Body) -> dict[str, Any]:
    """The administrator deletes a link, which is told, unlike a call."""
    kept = LINKS.of(community.platform)
    if body["link_id"] not in kept:
        raise CannotAct("unknown link")
    kept.drop(body["link_id"])
    community.platform.tell("customer_acquisition", "delete_link", LinkId=body["link_id"])
    return {}


async def _say_privately(community: Community, body: Body) -> dict[str, Any]:
    hit, key = links.say_privately(
        community.platform,
        body["userid"],
        body["external_userid"],
        body["text"],
        by_member=bool(body.get("by_member", False)),
    )
    return {"intercepted": hit, "chat_key": key}


async def _open_mini_program(community: Community, body: Body) -> dict[str, Any]:
    """Somebody opens a mini-program in a group; what it calls the group."""
    if body["chat_id"] not in community.platform.chats:
        raise CannotAct("unknown group")
    return {"opengid": opengid_of(community.platform, body["chat_id"])}


async def _fail_fetch(community: Community, body: Body) -> dict[str, Any]:
    """A file the platform fetches does not come."""
    media.fail_fetch(community.platform, body["jobid"], int(body.get("code", 40004)))
    return {}


def _robot(platform: Platform, body: Body) -> Robot:
    robot = ROBOTS.of(platform).get(body["key"])
    if robot is None:
        raise CannotAct("unknown robot")
    return robot


ACTS: Mapping[str, Callable[[Community, Body], Awaitable[dict[str, Any]]]] = {
    "resign": _resign,
    "refuse_transfer": _refuse_transfer,
    "add_robot": _add_robot,
    "remove_robot": _remove_robot,
    "disable_robot": _disable_robot,
    "other_app_greets": _other_app_greets,
    "follow_link": _follow_link,
    "remove_link": _remove_link,
    "say_privately": _say_privately,
    "open_mini_program": _open_mini_program,
    "fail_fetch": _fail_fetch,
}
