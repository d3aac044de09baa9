"""
Members of the corp and their departments (wecom-api §7.7), and the addresses callbacks come from (§9).

Members sit in a department by their role; the root holds them all through its children.
"""

from __future__ import annotations

from typing import Any

from qunflow.sandbox import visibility
from qunflow.sandbox.fields import Field
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.records import Staff
from qunflow.sandbox.routing import Call, Endpoint, Result, page
from qunflow.sandbox.wire import Refusal

ROOT = 1
_ACTIVE, _NEVER_LOGGED_IN = 1, 4
DEPARTMENTS = {2: "客服", 3: "群主", 4: "群管理员"}
_ROLES = {"helper": 2, "support": 2, "owner": 3, "admin": 4}


def list_id(call: Call) -> Result:
    """Every visible member with a department; only the directory's secret may ask on some corps (`App.forbidden`)."""
    rows = [{"userid": member.userid, "department": department_of(member)} for member in _visible(call)]
    found, cursor = page(rows, call.body["cursor"], call.body["limit"])
    return {"dept_user": found, "next_cursor": cursor}, None


def get(call: Call) -> Result:
    """One member."""
    member = call.platform.staff.get(call.body["userid"])
    if member is None:
        raise Refusal(60111)
    status = _ACTIVE if member.active else _NEVER_LOGGED_IN
    return {
        **_shown(call.platform, member),
        "status": status,
        "enable": 1,
        "main_department": department_of(member),
    }, None


def simplelist(call: Call) -> Result:
    """The members of a department, with those of its children when asked."""
    wanted, with_children = call.body["department_id"], call.body["fetch_child"] == 1
    _require_department(wanted)
    found = [one for one in _visible(call) if _is_in(one, wanted, with_children=with_children)]
    return {"userlist": [_shown(call.platform, member) for member in found]}, None


def departments(call: Call) -> Result:
    """A department and those below it; all of them without an id."""
    wanted = call.body["id"] or ROOT
    _require_department(wanted)
    root = {"id": ROOT, "name": "总部", "parentid": 0, "order": 1_000}
    below = [
        {"id": number, "name": name, "parentid": ROOT, "order": 1_000 - number} for number, name in DEPARTMENTS.items()
    ]
    return {"department": [one for one in (root, *below) if wanted in (ROOT, one["id"])]}, None


def addresses(call: Call) -> Result:
    """The sandbox lives on loopback only."""
    return {"ip_list": ["127.0.0.1"]}, None


def department_of(member: Staff) -> int:
    """The department of a member."""
    return _ROLES.get(member.role, ROOT)


def members_of(platform: Platform, department: int) -> list[str]:
    """Everybody in a department and below it."""
    return [member.userid for member in platform.staff if _is_in(member, department, with_children=True)]


def _visible(call: Call) -> list[Staff]:
    return [member for member in call.platform.staff if visibility.sees(call.app, member.userid)]


def _is_in(member: Staff, department: int, *, with_children: bool) -> bool:
    return department_of(member) == department or (with_children and department == ROOT)


def _require_department(number: int) -> None:
    if number != ROOT and number not in DEPARTMENTS:
        raise Refusal(60003)


def _shown(platform: Platform, member: Staff) -> dict[str, Any]:
    """A member; apps get the userid for a name unless the corp's directory is open to them."""
    name = member.name if platform.limits.member_names else member.userid
    return {"userid": member.userid, "name": name, "department": [department_of(member)]}


ENDPOINTS = (
    Endpoint("user/list_id", list_id, (Field("cursor"), Field("limit", "number", default=10_000, low=1, high=10_000))),
    Endpoint("user/get", get, (Field("userid", required=True, missing=41009),), query=True),
    Endpoint(
        "user/simplelist",
        simplelist,
        (
            Field("department_id", "number", required=True, bad=40066),
            Field("fetch_child", "number", choices=(0, 1)),
        ),
        query=True,
    ),
    Endpoint("department/list", departments, (Field("id", "number", bad=40066),), query=True),
    Endpoint("getcallbackip", addresses, query=True),
    Endpoint("get_api_domain_ip", addresses, query=True),
)
