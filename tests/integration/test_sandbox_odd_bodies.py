"""Whatever a client sends, the platform answers HTTP 200 with an errcode: no odd value makes a call fall over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from qunflow.sandbox.areas import TABLE
from tests.integration.sandbox_anywhere import Anywhere, anywhere
from tests.integration.sandbox_caller import CORP, OTHER, OWNER, SECRET

ODD: tuple[Any, ...] = (
    None,
    "",
    "x",
    "9" * 400,
    0,
    -1,
    1.5,
    True,
    2**70,
    [],
    ["x"],
    [None],
    [[]],
    [{}],
    {},
    {"a": 1},
    {"content": 5},
    {"userid_list": 5},
    {"userid_list": [{}]},
    {"user_list": [{}], "tag_list": [{}], "group_list": [5]},
)
FURTHER = ("text", "attachments", "image", "link", "tag_filter")


@pytest.fixture(scope="module")
def ground() -> Iterator[tuple[Anywhere, dict[str, Any]]]:
    """A sandbox, and fields with values that mean something there."""
    with anywhere() as caller:
        chat, who = caller.chat(), caller.friend(userid=OWNER)
        owner = {"userid_list": [OWNER], "user_list": [OWNER]}
        people = {"userid": OWNER, "sender": OWNER, "handover_userid": OWNER, "takeover_userid": OTHER}
        things = {
            "chat_id": chat,
            "chat_id_list": [chat],
            "external_userid": who,
            "userid_list": [OWNER],
            "user": [OWNER],
        }
        spans = {"start_time": caller.now() - 9, "end_time": caller.now(), "day_begin_time": caller.now() - 90_000}
        words = {
            "text": {"content": "早"},
            "remark": "小林",
            "description": "橘子",
            "group_name": "来源",
            "link_name": "a",
        }
        rules = {"rule_name": "a", "word_list": ["a"], "intercept_type": 1, "applicable_range": owner, "range": owner}
        numbers = {"type": 1, "scene": 2, "limit": 10, "price": 1, "agentid": 1_000_002, "new_owner": OTHER}
        token = {"corpid": CORP, "corpsecret": SECRET, "owner_filter": owner, "touser": OWNER, "msgtype": "text"}
        yield caller, {**people, **things, **spans, **words, **rules, **numbers, **token, "tag": [{"name": "a"}]}


@pytest.mark.parametrize("path", sorted(TABLE))
def test_odd_values_are_refused_in_words(path: str, ground: tuple[Anywhere, dict[str, Any]]) -> None:
    """Each field in turn gets values of every shape while the others make sense."""
    caller, sensible = ground
    names = [field.name for field in TABLE[path].fields]
    usual = {name: sensible[name] for name in names if name in sensible}
    if "partyid" in names:
        usual["userid"] = [OWNER]
    for name in dict.fromkeys([*names, *FURTHER]):
        for value in ODD:
            answer = caller.http.post(
                f"/cgi-bin/{path}", params={"access_token": caller.token, "key": "none"}, json={**usual, name: value}
            )
            assert answer.status_code == 200, (name, value)
            assert isinstance(answer.json()["errcode"], int), (name, value)
