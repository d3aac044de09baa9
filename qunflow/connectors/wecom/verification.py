"""
The calls that show whether a platform answers as Qunflow expects: reading ones, and one tag group made and deleted.

Answers are kept as they came, refusals too; what they have in common is left to ``shapes``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import httpx

from qunflow.connectors.http import Answer, Http, LoopThread, allowed_address
from qunflow.connectors.wecom.answers import TRY_LATER, Body
from qunflow.errors import ChannelRefused, ChannelUnavailable

Answers: TypeAlias = dict[str, Body | None]

_EC = "externalcontact"
_ZONE = ZoneInfo("Asia/Shanghai")
_WEEK = timedelta(days=7)
_MEMBERS = 100
READ = (
    "gettoken",
    f"{_EC}/get_follow_user_list",
    f"{_EC}/batch/get_by_user",
    f"{_EC}/groupchat/list",
    f"{_EC}/groupchat/get",
    f"{_EC}/get_corp_tag_list",
    f"{_EC}/get_groupmsg_list_v2",
    f"{_EC}/get_user_behavior_data",
    f"{_EC}/groupchat/statistic",
    "getcallbackip",
)
WRITE = (f"{_EC}/add_corp_tag", f"{_EC}/del_corp_tag")


class Caller:
    """
    One application's plain calls, each answer as it came.

    Raises:
        ConfigurationError: a real address without production, or the reverse.
    """

    def __init__(
        self,
        base_url: str,
        corp_id: str,
        secret: str,
        *,
        production: bool,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        address = allowed_address(base_url, production=production, variable="QUNFLOW_WECOM_BASE_URL")
        self._credentials = {"corpid": corp_id, "corpsecret": secret}
        self._token = ""
        self._thread = LoopThread("wecom-verification")
        self._http = Http(address, platform="WeCom", transport=transport)

    def log_in(self) -> Body:
        """Get the access token of the following calls."""
        body = self._ask("GET", "gettoken", self._credentials, None)
        self._token = str(body.get("access_token") or "")
        return body

    @property
    def logged_in(self) -> bool:
        """Whether there is a token."""
        return bool(self._token)

    def ask(self, path: str, asked: Mapping[str, Any] | None = None) -> Body:
        """
        GET a call, or POST it when something is asked.

        Raises:
            ChannelUnavailable: no answer, or none in JSON.
        """
        return self._ask("GET" if asked is None else "POST", path, {"access_token": self._token}, asked)

    def close(self) -> None:
        """Close the connections and stop the thread."""
        self._thread.run(self._http.close())
        self._thread.close()

    def _ask(self, method: str, path: str, query: Mapping[str, str], asked: Mapping[str, Any] | None) -> Body:
        try:
            answer = self._thread.run(self._http.send(method, f"/cgi-bin/{path}", query=query, json=asked))
        except ChannelUnavailable as error:
            raise ChannelUnavailable(error.problem, TRY_LATER, error.retry_after_s) from None
        return _object(answer, path)


def read(caller: Caller, now: datetime) -> Answers:
    """
    The answers to the reading calls, in their order; ``None`` where there was nothing to ask about.

    Only the first hundred members, the first page of their customers and the first group are looked into.
    """
    answers: Answers = dict.fromkeys(READ)
    answers["gettoken"] = caller.log_in()
    if not caller.logged_in:
        return answers
    for path in (f"{_EC}/get_follow_user_list", "getcallbackip"):
        answers[path] = caller.ask(path)
    members = _items(answers[f"{_EC}/get_follow_user_list"], "follow_user")[:_MEMBERS]
    for path, asked in {**_of_everybody(now), **(_of_members(members, now) if members else {})}.items():
        answers[path] = caller.ask(path, asked)
    group = _first(answers[f"{_EC}/groupchat/list"], "group_chat_list")
    if isinstance(group, dict):
        asked = {"chat_id": group.get("chat_id"), "need_name": 1}
        answers[f"{_EC}/groupchat/get"] = caller.ask(f"{_EC}/groupchat/get", asked)
    return answers


def write(caller: Caller, name: str) -> Answers:
    """
    Make a tag group and delete it again.

    Args:
        name: of the group, at most 30 characters and nobody else's: WeCom adds to a group that is there.

    Raises:
        ChannelUnavailable, ChannelRefused: the group may be left behind; the error names it.
    """
    add, remove = WRITE
    answers: Answers = dict.fromkeys(WRITE)
    if not caller.logged_in:
        return answers
    step = f"look for a tag group {name!r} in the admin console and delete it there"
    try:
        answers[add] = made = caller.ask(add, {"group_name": name, "tag": [{"name": name}]})
        if made.get("errcode"):
            return answers
        group = made.get("tag_group")
        number = group.get("group_id") if isinstance(group, dict) else None
        answers[remove] = gone = caller.ask(remove, {"group_id": [number]})
    except ChannelUnavailable as error:
        raise ChannelUnavailable(error.problem, step, error.retry_after_s) from None
    if code := gone.get("errcode"):
        raise ChannelRefused(f"WeCom made a tag group and does not delete it (errcode {code})", step)
    return answers


def furnish(caller: Caller, name: str) -> None:
    """
    Make what a lived-in company has and a new sandbox lacks: a tag that a customer wears, and a mass task.

    For a sandbox only: the task goes to the first group there is.
    """
    caller.log_in()
    group = caller.ask(f"{_EC}/add_corp_tag", {"group_name": name, "tag": [{"name": name}]})["tag_group"]
    for member in caller.ask(f"{_EC}/get_follow_user_list")["follow_user"]:
        found = caller.ask(f"{_EC}/batch/get_by_user", {"userid_list": [member], "limit": 1})
        if one := _first(found, "external_contact_list"):
            who = one["external_contact"]["external_userid"]
            worn = {"userid": member, "external_userid": who, "add_tag": [group["tag"][0]["id"]]}
            caller.ask(f"{_EC}/mark_tag", worn)
            break
    chat_id = caller.ask(f"{_EC}/groupchat/list", {"limit": 1})["group_chat_list"][0]["chat_id"]
    chat = caller.ask(f"{_EC}/groupchat/get", {"chat_id": chat_id})["group_chat"]
    task = {"chat_type": "group", "sender": chat["owner"], "chat_id_list": [chat_id], "text": {"content": name}}
    caller.ask(f"{_EC}/add_msg_template", task)


def _of_everybody(now: datetime) -> dict[str, Body]:
    week = {"start_time": int((now - _WEEK).timestamp()), "end_time": int(now.timestamp())}
    return {
        f"{_EC}/groupchat/list": {"status_filter": 0, "limit": 1},
        f"{_EC}/get_corp_tag_list": {},
        f"{_EC}/get_groupmsg_list_v2": {"chat_type": "group", "limit": 10, **week},
    }


def _of_members(userids: list[Any], now: datetime) -> dict[str, Body]:
    today = now.astimezone(_ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    day = int((today - timedelta(days=1)).timestamp())
    return {
        f"{_EC}/batch/get_by_user": {"userid_list": userids, "limit": 100},
        f"{_EC}/get_user_behavior_data": {"userid": userids, "start_time": day, "end_time": day},
        f"{_EC}/groupchat/statistic": {"day_begin_time": day, "owner_filter": {"userid_list": userids}},
    }


def _first(body: Body | None, key: str) -> Any:
    """The first item of a list of an answer, if there is one."""
    return next(iter(_items(body, key)), None)


def _items(body: Body | None, key: str) -> list[Any]:
    items = (body or {}).get(key)
    return items if isinstance(items, list) else []


def _object(answer: Answer, path: str) -> Body:
    try:
        body = json.loads(answer.body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise ChannelUnavailable(f"WeCom answered HTTP {answer.status} to {path}, and no JSON object", TRY_LATER)
    return body
