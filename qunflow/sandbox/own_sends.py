"""
What members do in the mass-message assistant of their own clients: send to groups and customers without any call.

It eats the same quota as tasks of the corp (wecom-api §2.2), so an application that counts only its own is surprised by
status 3. Used by ``/_sandbox/act``.
"""

from __future__ import annotations

from typing import Any

from qunflow.sandbox import clients, ids
from qunflow.sandbox.clients import CannotAct
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.records import MassShare, MassTask
from qunflow.sandbox.world.community import Community

Body = dict[str, Any]


def send(platform: Platform, userid: str, chat_type: str, targets: list[str], text: str) -> tuple[str, list[str]]:
    """
    A member sends a mass message at once; its msgid and who got it.

    Args:
        chat_type: ``group`` or ``single``; ``targets`` are chat_ids or external_userids.

    Raises:
        CannotAct: for an unknown member, a group that is somebody else's, and a message without words or targets.
    """
    if userid not in platform.staff:
        raise CannotAct("unknown member")
    if chat_type not in ("group", "single") or not targets or not text:
        raise CannotAct("say chat_type group or single, targets and text")
    owned = {chat.chat_id for chat in platform.chats.where("owner", userid)}
    if chat_type == "group" and not owned.issuperset(targets):
        raise CannotAct("only the owner of a group can send to it")
    msgid = ids.msg_id(platform.dice, platform.number("msg"))
    platform.tasks.put(MassTask(msgid, chat_type, platform.now(), text, [], creator=userid))
    platform.shares.put(MassShare(msgid, userid, {target: [0, 0] for target in dict.fromkeys(targets)}))
    return msgid, clients.confirm(platform, msgid, userid)


async def _send_own(community: Community, body: Body) -> dict[str, Any]:
    chat_type, targets = body.get("chat_type", "group"), body["targets"]
    msgid, served = send(community.platform, body["userid"], chat_type, targets, body["text"])
    return {"msgid": msgid, "served": served}


ACTS = {"send_own": _send_own}
