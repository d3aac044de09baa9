"""Groups, live codes, their statistics and what reaches people: read back after writing, and refused when wrong."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from tests.integration.sandbox_caller import OWNER, Caller, calling

DAY_S = 86_400


@pytest.fixture
def sandbox() -> Iterator[Caller]:
    """A sandbox with the documented limits."""
    with calling() as caller:
        yield caller


def now(sandbox: Caller) -> int:
    """The sandbox clock, Unix seconds."""
    return int(datetime.fromisoformat(sandbox.http.get("/_sandbox/clock").json()["now"]).timestamp())


def last_logged(sandbox: Caller, path: str) -> dict[str, Any]:
    """The newest line of the acceptance log for a call."""
    return [line for line in sandbox.log() if line["path"] == f"/cgi-bin/{path}"][-1]


@pytest.mark.covers("externalcontact/groupchat/list", "read_back")
def test_groups_list_follows_owners_and_forgets_the_dissolved(sandbox: Caller) -> None:
    """A group handed to another member is listed with that member, a dissolved one nowhere."""
    handed, dissolved = sandbox.chat(0), sandbox.chat(1)

    def of(owner: str) -> list[str]:
        rows = sandbox.call("groupchat/list", limit=100, owner_filter={"userid_list": [owner]})["group_chat_list"]
        return [row["chat_id"] for row in rows]

    assert of(OWNER) == [handed]
    sandbox.act("hand_over", chat_id=handed, owner="owner_shen")
    sandbox.act("dismiss", chat_id=dissolved)
    assert of(OWNER) == []
    assert handed in of("owner_shen")
    everywhere = [row["chat_id"] for row in sandbox.call("groupchat/list", limit=100)["group_chat_list"]]
    assert handed in everywhere
    assert dissolved not in everywhere


@pytest.mark.covers("externalcontact/groupchat/update_join_way", "refusal")
@pytest.mark.covers("externalcontact/groupchat/del_join_way", "refusal")
def test_join_ways_update_and_delete_are_refused_when_wrong(sandbox: Caller) -> None:
    """No code 41043, an unknown one 41044, six groups 41091, a group of nobody 40050; the code stays as it was."""
    way = {"scene": 2, "chat_id_list": [sandbox.chat()], "state": "poster-a"}
    config = sandbox.call("groupchat/add_join_way", **way)["config_id"]
    for call, rest in (("groupchat/update_join_way", way), ("groupchat/del_join_way", {})):
        assert sandbox.code(call, **rest) == 41043
        assert sandbox.code(call, config_id="0" * 32, **rest) == 41044
    wrong: list[tuple[dict[str, Any], int]] = [({"chat_id_list": [sandbox.chat()] * 6}, 41091)]
    wrong += [({"chat_id_list": ["wrNobody"]}, 40050), ({"chat_id_list": []}, 40063), ({"state": "长" * 31}, 40058)]
    for change, code in wrong:
        assert sandbox.code("groupchat/update_join_way", **{**way, "config_id": config, **change}) == code
    kept = sandbox.call("groupchat/get_join_way", config_id=config)["join_way"]
    assert (kept["chat_id_list"], kept["state"]) == (way["chat_id_list"], "poster-a")


@pytest.mark.covers("externalcontact/groupchat/statistic_group_by_day", "refusal")
def test_statistics_by_day_are_refused_for_today_for_long_ago_and_without_owners(sandbox: Caller) -> None:
    """Yesterday back to 180 days, for 1 to 100 owners, the end not before the beginning."""
    call, owners, today = "groupchat/statistic_group_by_day", {"userid_list": [OWNER]}, now(sandbox)
    assert sandbox.code(call, day_begin_time=today - DAY_S, owner_filter=owners) == 0
    for begin, end in ((today, today), (today - 182 * DAY_S, today - DAY_S), (today - DAY_S, today - 2 * DAY_S)):
        assert sandbox.code(call, day_begin_time=begin, day_end_time=end, owner_filter=owners) == 40058
    assert sandbox.code(call, day_begin_time=today - DAY_S) == 40058
    assert sandbox.code(call, day_begin_time=today - DAY_S, owner_filter={"userid_list": [OWNER] * 101}) == 40058
    assert sandbox.code(call, owner_filter=owners) == 40063


@pytest.mark.covers("externalcontact/send_welcome_msg", "read_back")
def test_a_welcome_that_was_sent_stands_in_the_log_and_cannot_be_sent_again(sandbox: Caller) -> None:
    """The log names member, customer and words; a refused one leaves no line."""
    friend = sandbox.act("add_contact")
    for words, code in (("欢迎", 0), ("再欢迎", 41051)):
        assert sandbox.code("send_welcome_msg", welcome_code=friend["welcome_code"], text={"content": words}) == code
    line = last_logged(sandbox, "externalcontact/send_welcome_msg")
    assert (line["sender"], line["targets"]) == ("helper_xm", [friend["external_userid"]])
    assert line["body"]["text"] == {"content": "欢迎"}


@pytest.mark.covers("externalcontact/remind_groupmsg_send", "read_back")
def test_a_reminder_goes_to_those_who_have_not_sent(sandbox: Caller) -> None:
    """Of two senders the one who confirmed is left alone; when both have, nobody is reminded."""
    first, second = sandbox.friend(), sandbox.friend(userid=OWNER)
    made = sandbox.call("add_msg_template", external_userid=[first, second], text={"content": "早"})
    sandbox.wait(5)
    reminded = []
    for userid in ("helper_xm", OWNER):
        sandbox.act("confirm", msgid=made["msgid"], userid=userid)
        assert sandbox.code("remind_groupmsg_send", msgid=made["msgid"]) == 0
        reminded.append(last_logged(sandbox, "externalcontact/remind_groupmsg_send")["targets"])
    assert reminded == [[OWNER], []]
