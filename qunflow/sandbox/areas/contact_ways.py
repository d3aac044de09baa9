"""Channel codes that add a member as friend (wecom-api §5.3), without temporary sessions."""

from __future__ import annotations

from qunflow.sandbox import ids
from qunflow.sandbox.fields import Field
from qunflow.sandbox.records import ContactWay
from qunflow.sandbox.routing import Call, Effect, Endpoint, Result
from qunflow.sandbox.wire import Refusal


def add(call: Call) -> Result:
    """Make a channel code; the QR address is given for scene 2 only."""
    platform, body = call.platform, call.body
    if body["type"] == 1 and len(body["user"]) != 1:
        raise Refusal(40058, "type 1 takes exactly one user")
    if any(userid not in platform.staff for userid in body["user"]):
        raise Refusal(60111)
    config = ids.config_id(platform.dice, platform.number("config"))
    qr_code = f"https://wework.qpic.cn/wwpic/{config[:20]}" if body["scene"] == 2 else ""
    kept = {name: body[name] for name in ("type", "scene", "style", "remark", "skip_verify", "state", "user")}
    platform.contact_ways.put(ContactWay(config, kept, qr_code, platform.now()))
    answer = {"config_id": config, "qr_code": qr_code} if qr_code else {"config_id": config}
    return answer, Effect(targets=tuple(body["user"]))


def get(call: Call) -> Result:
    """A channel code's settings."""
    way = _way(call)
    return {"contact_way": {"config_id": way.config_id, **way.fields, "qr_code": way.qr_code}}, None


def delete(call: Call) -> Result:
    """End a channel code."""
    way = _way(call)
    call.platform.contact_ways.drop(way.config_id)
    return {}, Effect(targets=(way.config_id,))


def _way(call: Call) -> ContactWay:
    way = call.platform.contact_ways.get(call.body["config_id"])
    if way is None:
        raise Refusal(41044)
    return way


_CONFIG = (Field("config_id", required=True, missing=41043),)

ENDPOINTS = (
    Endpoint(
        "externalcontact/add_contact_way",
        add,
        (
            Field("type", "number", required=True, missing=41037, bad=41039, choices=(1, 2)),
            Field("scene", "number", required=True, missing=41038, bad=41040, choices=(1, 2)),
            Field("style", "number"),
            Field("remark", max_chars=30),
            Field("skip_verify", "number", default=True),
            Field("state", max_chars=30),
            Field("user", "list", max_items=100, over=41041),
        ),
    ),
    Endpoint("externalcontact/get_contact_way", get, _CONFIG),
    Endpoint("externalcontact/del_contact_way", delete, _CONFIG),
)
