"""
The corp's own people: members and departments as far as the application sees them, and the platform's addresses.

Most applications get ids without names, so who somebody is stands in the workspace's settings.

Source: WeCom developer centre, address book (wecom-api §7.7) and page 96238 (2024-12-13).
"""

from __future__ import annotations

from dataclasses import dataclass

from qunflow.connectors.wecom.answers import Body
from qunflow.connectors.wecom.calls import Calls, count, objects
from qunflow.connectors.wecom.session import listed

ROOT = 1
_ACTIVE = 1


@dataclass(frozen=True, slots=True)
class Member:
    """A member; ``active`` is None where WeCom does not tell whether they ever logged in."""

    userid: str
    departments: tuple[int, ...]
    active: bool | None


@dataclass(frozen=True, slots=True)
class Department:
    """A department; ``parent`` is 0 for the root."""

    number: int
    parent: int


class Directory:
    """The calls about members and addresses; each raises the typed errors of ``answers``."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def userids(self) -> list[str]:
        """The userids of all members visible; WeCom may keep this for the secret of the address book (48002)."""
        found = self._calls.pages("user/list_id", "dept_user", {"limit": 10_000})
        # One row for each department of a member.
        return list(dict.fromkeys(str(one.get("userid")) for one in found))

    def member(self, userid: str) -> Member:
        """One member. Raises: ChannelRefused 60111 for an unknown one."""
        path = "user/get"
        return _member({"userid": userid, **self._calls.call(path, "read", query={"userid": userid})}, path)

    def members(self, department: int = ROOT, *, below: bool = True) -> list[Member]:
        """The members of a department, and of those below it. Raises: ChannelRefused 60003 for an unknown one."""
        path = "user/simplelist"
        query = {"department_id": str(department), "fetch_child": str(int(below))}
        rows = objects(listed(self._calls.call(path, "read", query=query), "userlist", path), path)
        return [_member(one, path) for one in rows]

    def departments(self) -> list[Department]:
        """All departments visible."""
        path = "department/list"
        rows = objects(listed(self._calls.call(path, "read"), "department", path), path)
        return [Department(count(one, "id", path), count(one, "parentid", path)) for one in rows]

    def callback_addresses(self) -> list[str]:
        """Where events come from, for a firewall."""
        return self._addresses("getcallbackip")

    def api_addresses(self) -> list[str]:
        """Where calls go to, for a firewall."""
        return self._addresses("get_api_domain_ip")

    def _addresses(self, path: str) -> list[str]:
        return [str(one) for one in listed(self._calls.call(path, "read"), "ip_list", path)]


def _member(one: Body, path: str) -> Member:
    departments = tuple(int(number) for number in listed(one, "department", path) if str(number).isdecimal())
    status = one.get("status")
    return Member(str(one.get("userid")), departments, None if status is None else status == _ACTIVE)
