"""Ids known elsewhere turned into ours (wecom-api §4, §6.1): a union id into a customer, a mini-program's group id."""

from __future__ import annotations

from qunflow.sandbox.fields import Field
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.routing import Call, Endpoint, Result
from qunflow.sandbox.wire import Refusal

_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def unionid_to_external_userid(call: Call) -> Result:
    """A customer by union id; a stranger has no id yet but a pending one."""
    platform, body = call.platform, call.body
    known = [one for one in platform.customers if one.unionid == body["unionid"]]
    if known:
        return {"external_userid": known[0].external_userid, "pending_id": ""}, None
    pending = f"pg{platform.dice.letters(30, _LETTERS, 'pending', body['unionid'], body['openid'])}"
    return {"external_userid": "", "pending_id": pending}, None


def opengid_to_chatid(call: Call) -> Result:
    """The group a mini-program was opened in."""
    platform = call.platform
    for chat in platform.chats:
        if opengid_of(platform, chat.chat_id) == call.body["opengid"]:
            return {"chat_id": chat.chat_id}, None
    raise Refusal(90511)


def opengid_of(platform: Platform, chat_id: str) -> str:
    """What a mini-program calls a group."""
    return f"oG{platform.dice.letters(26, _LETTERS, 'opengid', chat_id)}"


ENDPOINTS = (
    Endpoint(
        "idconvert/unionid_to_external_userid",
        unionid_to_external_userid,
        (
            Field("unionid", required=True),
            Field("openid", required=True),
            Field("subject_type", "number", choices=(0, 1)),
        ),
    ),
    Endpoint("externalcontact/opengid_to_chatid", opengid_to_chatid, (Field("opengid", required=True),)),
)
