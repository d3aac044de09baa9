"""Client-side acts on request (``POST /_sandbox/act``): what a test wants somebody to do just now."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from qunflow.sandbox import callbacks, clients, console, labelling, meeting, own_sends, publishing, tokens
from qunflow.sandbox.world import arrivals, talk
from qunflow.sandbox.world.community import Community

Body = dict[str, Any]
Act = Callable[[Community, Body], Awaitable[dict[str, Any]]]


async def _add_customer(community: Community, body: Body) -> dict[str, Any]:
    who = clients.add_customer(community.platform, body.get("name", "路人"), company=body.get("company"))
    return {"external_userid": who}


async def _arrive(community: Community, body: Body) -> dict[str, Any]:
    await arrivals.arrive(community, {})
    return {"external_userid": list(community.people)[-1].who}


async def _add_contact(community: Community, body: Body) -> dict[str, Any]:
    who = body.get("external_userid") or clients.add_customer(community.platform, body.get("name", "路人"))
    userid, greet = body.get("userid", community.spec.helper), not body.get("console_welcome", False)
    code = clients.add_friend(community.platform, userid, who, body.get("state", ""), greet=greet)
    return {"external_userid": who, "welcome_code": code}


async def _delete_contact(community: Community, body: Body) -> dict[str, Any]:
    userid = body.get("userid", community.spec.helper)
    clients.end_friendship(
        community.platform, userid, body["external_userid"], by_customer=not body.get("by_member", False)
    )
    return {}


async def _scan(community: Community, body: Body) -> dict[str, Any]:
    way = community.platform.join_ways.get(body["config_id"])
    if way is None:
        raise clients.CannotAct("unknown config_id")
    return {"chat_id": clients.scan(community.platform, way, body["external_userid"])}


async def _pull_in(community: Community, body: Body) -> dict[str, Any]:
    invitor = body.get("invitor", "")
    clients.enter(community.platform, body["chat_id"], body["external_userid"], clients.INVITED, invitor=invitor)
    return {}


async def _leave(community: Community, body: Body) -> dict[str, Any]:
    removed = bool(body.get("removed", False))
    clients.leave(community.platform, body["chat_id"], body["external_userid"], removed=removed)
    return {}


async def _confirm(community: Community, body: Body) -> dict[str, Any]:
    return {"served": clients.confirm(community.platform, body["msgid"], body["userid"])}


async def _post(community: Community, body: Body) -> dict[str, Any]:
    community.platform.public.meet_group_message(body["chat_id"], body["text"], body.get("attachments", []))
    return {}


async def _speak(community: Community, body: Body) -> dict[str, Any]:
    return {"at": talk.speak(community, body["chat_id"], body["userid"], body["text"])}


async def _habit(community: Community, body: Body) -> dict[str, Any]:
    talk.change_habit(community, body["userid"], body["habit"])
    return {}


async def _rename(community: Community, body: Body) -> dict[str, Any]:
    clients.rename(community.platform, body["chat_id"], body["name"])
    return {}


async def _change_notice(community: Community, body: Body) -> dict[str, Any]:
    clients.change_notice(community.platform, body["chat_id"], body["notice"])
    return {}


async def _check_callback(community: Community, body: Body) -> dict[str, Any]:
    """The administrator saves the callback's settings: the address has to prove itself within a second."""
    problem = await callbacks.problem_of_address(community.platform, community.outside)
    return {"accepted": not problem, "problem": problem}


async def _hand_over(community: Community, body: Body) -> dict[str, Any]:
    clients.hand_over(community.platform, body["chat_id"], body["owner"])
    return {}


async def _dismiss(community: Community, body: Body) -> dict[str, Any]:
    clients.dismiss(community.platform, body["chat_id"])
    return {}


async def _expire_token(community: Community, body: Body) -> dict[str, Any]:
    tokens.end(community.platform, revoked=False)
    return {}


async def _revoke_token(community: Community, body: Body) -> dict[str, Any]:
    tokens.end(community.platform, revoked=True)
    return {}


ACTS: Mapping[str, Act] = {
    "add_customer": _add_customer,
    "arrive": _arrive,
    "add_contact": _add_contact,
    "delete_contact": _delete_contact,
    "scan": _scan,
    "pull_in": _pull_in,
    "leave": _leave,
    "confirm": _confirm,
    "post": _post,
    "speak": _speak,
    "habit": _habit,
    "rename": _rename,
    "change_notice": _change_notice,
    "check_callback": _check_callback,
    "hand_over": _hand_over,
    "dismiss": _dismiss,
    "expire_token": _expire_token,
    "revoke_token": _revoke_token,
    **labelling.ACTS,
    **meeting.ACTS,
    **publishing.ACTS,
    **console.ACTS,
    **own_sends.ACTS,
}
