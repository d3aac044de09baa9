"""
Official figures: of groups by owner or by day, of members' single chats by day; from yesterday back to 180 days.

They are never of one group or one person. Days begin at 00:00 in Shanghai.

Source: WeCom developer centre, group statistics and member behaviour (wecom-api §8.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from qunflow.connectors.wecom import limits
from qunflow.connectors.wecom.answers import TRY_LATER, Body
from qunflow.connectors.wecom.calls import EC, Calls, count, instant, objects, seconds
from qunflow.connectors.wecom.session import listed
from qunflow.errors import BadInput, ChannelUnavailable

ZONE = ZoneInfo("Asia/Shanghai")
_PEOPLE = 100
_BEHAVIOUR_DAYS = 30
_PAGE = 1_000


class Statistics:
    """The calls about figures; each raises the typed errors of ``answers``. Days are Shanghai days, both included."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def groups_by_owner(self, owners: Sequence[str], first: date, last: date) -> dict[str, Body]:
        """The figures of each of up to 100 owners over all the days: ``new_member_cnt``, ``msg_total`` and so on."""
        path, asked = f"{EC}/groupchat/statistic", _span(owners, first, last)
        found: dict[str, Body] = {}
        offset, total = 0, 1
        while offset < total:
            body = self._calls.call(path, "read", {**asked, "offset": offset, "limit": _PAGE})
            rows = objects(listed(body, "items", path), path)
            found.update({str(row.get("owner")): _data(row, path) for row in rows})
            total, following = count(body, "total", path), count(body, "next_offset", path)
            if offset < total and following <= offset:
                raise ChannelUnavailable(f"WeCom's pages of {path} do not end", TRY_LATER, 5.0)
            offset = following
        return found

    def groups_by_day(self, owners: Sequence[str], first: date, last: date) -> dict[date, Body]:
        """The figures of all the owners together, of each day."""
        path = f"{EC}/groupchat/statistic_group_by_day"
        body = self._calls.call(path, "read", _span(owners, first, last))
        return {_day(row, path): _data(row, path) for row in objects(listed(body, "items", path), path)}

    def members_by_day(self, userids: Sequence[str], first: date, last: date) -> dict[date, Body]:
        """Single chats and new customers of up to 100 members together, of each of at most 30 days."""
        limits.require_some("members", userids, _PEOPLE)
        if not 0 <= (last - first).days < _BEHAVIOUR_DAYS:
            raise BadInput(f"figures of members from {first} to {last}", f"ask for 1 to {_BEHAVIOUR_DAYS} days")
        path = f"{EC}/get_user_behavior_data"
        asked = {"userid": list(userids), "start_time": _begin(first), "end_time": _begin(last)}
        body = self._calls.call(path, "read", asked)
        return {_day(row, path): row for row in objects(listed(body, "behavior_data", path), path)}


def _span(owners: Sequence[str], first: date, last: date) -> Body:
    limits.require_some("owners", owners, _PEOPLE)
    if last < first:
        raise BadInput(f"figures from {first} to {last}", "let the first day come first")
    filtered = {"userid_list": list(owners)}
    return {"day_begin_time": _begin(first), "day_end_time": _begin(last), "owner_filter": filtered}


def _begin(day: date) -> int:
    return seconds(datetime.combine(day, time(), ZONE))


def _day(row: Body, path: str) -> date:
    at = instant(row.get("stat_time"))
    if at is None:
        raise ChannelUnavailable(f"WeCom gave a row without a day in {path}", TRY_LATER, 5.0)
    return at.astimezone(ZONE).date()


def _data(row: Body, path: str) -> Body:
    data = row.get("data")
    if not isinstance(data, dict):
        raise ChannelUnavailable(f"WeCom gave a row without figures in {path}", TRY_LATER, 5.0)
    return data
