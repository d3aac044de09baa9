"""
Acquisition links (获客助手): an address that adds a member as friend, and says how often it did.

Every customer who comes through a link uses up quota, which the corp buys. An application sees its own links only.

Source: WeCom developer centre, page 97398 (2025-11-17).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from urllib.parse import urlencode

from qunflow.connectors.http import AnswerLost
from qunflow.connectors.wecom import limits
from qunflow.connectors.wecom.answers import Body
from qunflow.connectors.wecom.calls import EC, Calls, count, instant, needed, objects, part, seconds, text
from qunflow.connectors.wecom.session import listed
from qunflow.connectors.wecom.statistics import ZONE
from qunflow.errors import BadInput

_PATH = f"{EC}/customer_acquisition"
_NAME_CHARS, _PEOPLE, _CHANNEL_BYTES, _DAYS = 30, 100, 64, 30
_WROTE: Mapping[Any, bool] = {0: False, 1: True}


@dataclass(frozen=True, slots=True)
class AcquisitionLink:
    """A link: ``members`` and ``departments`` share the friends it brings."""

    link_id: str
    name: str
    url: str
    members: tuple[str, ...]
    departments: tuple[int, ...]

    def address(self, channel: str) -> str:
        """The address for one channel, which comes back as ``state``. Raises: BadInput over 64 bytes, which are cut."""
        limits.require_bytes("channel of an acquisition link", channel, _CHANNEL_BYTES)
        return f"{self.url}?{urlencode({'customer_channel': channel})}"


@dataclass(frozen=True, slots=True)
class LinkCustomer:
    """Somebody who came through a link; ``wrote`` is None when WeCom does not know."""

    external_userid: str
    userid: str
    wrote: bool | None
    state: str


@dataclass(frozen=True, slots=True)
class Quota:
    """Customers who came through links so far, and how many more may: ``lots`` says until when."""

    used: int
    left: int
    lots: tuple[tuple[datetime, int], ...]


@dataclass(frozen=True, slots=True)
class LinkFigures:
    """People who opened a link, and those of them who became customers."""

    clicks: int
    customers: int


@dataclass(frozen=True, slots=True)
class FirstChat:
    """How many messages a member has got from somebody who came through a link."""

    userid: str
    external_userid: str
    received: int
    link_id: str
    state: str


class AcquisitionLinks:
    """The calls about acquisition links; each raises the typed errors of ``answers``."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def create(
        self, name: str, members: Sequence[str], *, departments: Sequence[int] = (), skip_verify: bool = True
    ) -> AcquisitionLink:
        """Make a link to up to 100 members. Raises: ChannelRefused 41095 when there are too many links."""
        reach = _range(members, departments)
        limits.require_bytes("name of an acquisition link", name, 4 * _NAME_CHARS)
        limits.require_chars("name of an acquisition link", name, _NAME_CHARS)
        path = f"{_PATH}/create_link"
        asked = {"link_name": name, "range": reach, "skip_verify": skip_verify}
        made = self._calls.call(path, "write", asked).get("link")
        if not isinstance(made, dict):
            raise AnswerLost(f"WeCom gave no link in its answer to {path}", "look for it by its name", 5.0)
        return _link({**made, "link_id": needed(made, "link_id", path)}, reach, path)

    def get(self, link_id: str) -> AcquisitionLink:
        """A link with those it leads to. Raises: ChannelRefused for an unknown one."""
        path = f"{_PATH}/get"
        body = self._calls.call(path, "read", {"link_id": link_id})
        return _link({"link_id": link_id, **part(body, "link", path)}, part(body, "range", path), path)

    def all(self) -> list[str]:
        """The ids of this application's links."""
        return self._calls.names(f"{_PATH}/list_link", "link_id_list", {"limit": 100})

    def update(self, link_id: str, *, name: str = "", members: Sequence[str] = ()) -> None:
        """Rename a link or lead it to other members; what is empty stays."""
        limits.require_chars("name of an acquisition link", name, _NAME_CHARS)
        asked: Body = {"link_name": name} if name else {}
        if members:
            asked["range"] = _range(members, ())
        if not asked:
            raise BadInput("nothing of an acquisition link is to be changed", "give a name or members")
        self._calls.call(f"{_PATH}/update_link", "write", {"link_id": link_id, **asked})

    def delete(self, link_id: str) -> None:
        """End a link; who came through it stays a friend."""
        self._calls.call(f"{_PATH}/delete_link", "write", {"link_id": link_id})

    def customers(self, link_id: str) -> list[LinkCustomer]:
        """Everybody who came through a link."""
        found = self._calls.pages(f"{_PATH}/customer", "customer_list", {"link_id": link_id, "limit": 1_000})
        return [_customer(one) for one in found]

    def quota(self) -> Quota:
        """How much of the bought quota is used and left."""
        path = f"{EC}/customer_acquisition_quota"
        body = self._calls.call(path, "read")
        lots = objects(listed(body, "quota_list", path), path)
        ends = ((instant(one.get("expire_date")), count(one, "balance", path)) for one in lots)
        dated = tuple((end, left) for end, left in ends if end)
        return Quota(count(body, "total", path), count(body, "balance", path), dated)

    def figures(self, link_id: str, first: date, last: date) -> LinkFigures:
        """Clicks and new customers of up to 30 Shanghai days, both included."""
        if not 0 <= (last - first).days < _DAYS:
            raise BadInput(f"figures of a link from {first} to {last}", f"ask for 1 to {_DAYS} days")
        path = f"{_PATH}/statistic"
        begin, end = (seconds(datetime.combine(day, time(), ZONE)) for day in (first, last))
        body = self._calls.call(path, "read", {"link_id": link_id, "start_time": begin, "end_time": end})
        return LinkFigures(count(body, "click_link_customer_cnt", path), count(body, "new_customer_cnt", path))

    def first_chat(self, chat_key: str) -> FirstChat:
        """What became of a chat whose key came with the event ``customer_start_chat``, within half an hour."""
        path = f"{_PATH}/get_chat_info"
        body = self._calls.call(path, "read", {"chat_key": chat_key})
        told = part(body, "chat_info", path)
        received = count(told, "recv_msg_cnt", path)
        who = text(body, "userid"), text(body, "external_userid")
        return FirstChat(*who, received, text(told, "link_id"), text(told, "state"))


def _range(members: Sequence[str], departments: Sequence[int]) -> dict[str, list[Any]]:
    limits.require_some("members and departments of an acquisition link", [*members, *departments], _PEOPLE)
    return {"user_list": list(members), "department_list": list(departments)}


def _link(one: Body, reach: Body, path: str) -> AcquisitionLink:
    members = tuple(str(userid) for userid in listed(reach, "user_list", path))
    departments = tuple(int(number) for number in listed(reach, "department_list", path) if str(number).isdecimal())
    named = text(one, "link_id"), text(one, "link_name"), text(one, "url")
    return AcquisitionLink(*named, members, departments)


def _customer(one: Body) -> LinkCustomer:
    wrote = _WROTE.get(one.get("chat_status"))
    return LinkCustomer(text(one, "external_userid"), text(one, "userid"), wrote, text(one, "state"))
