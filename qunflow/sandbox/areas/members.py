"""Members of the corp (wecom-api §7.7): ids and names; and the addresses callbacks come from (§9)."""

from __future__ import annotations

from qunflow.sandbox.fields import Field
from qunflow.sandbox.routing import Call, Endpoint, Result, page
from qunflow.sandbox.wire import Refusal


def list_id(call: Call) -> Result:
    """Every member with a department."""
    limit = call.body["limit"]
    rows = [{"userid": member.userid, "department": 1} for member in call.platform.staff]
    found, cursor = page(rows, call.body["cursor"], limit)
    return {"dept_user": found, "next_cursor": cursor}, None


def get(call: Call) -> Result:
    """One member."""
    member = call.platform.staff.get(call.body["userid"])
    if member is None:
        raise Refusal(60111)
    return {"userid": member.userid, "name": member.name, "department": [1], "status": 1}, None


def callback_addresses(call: Call) -> Result:
    """Callbacks of the sandbox come from loopback only."""
    return {"ip_list": ["127.0.0.1"]}, None


ENDPOINTS = (
    Endpoint("user/list_id", list_id, (Field("cursor"), Field("limit", "number", default=10_000, low=1, high=10_000))),
    Endpoint("user/get", get, (Field("userid", required=True, missing=41009),), query=True),
    Endpoint("getcallbackip", callback_addresses, query=True),
    Endpoint("get_api_domain_ip", callback_addresses, query=True),
)
