"""Who gets a mass message and whose quota it eats: members' own sends, tag filters, customers of several members."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from qunflow.sandbox.options import App, Limits
from tests.integration.sandbox_caller import HELPER, OTHER, OWNER, Caller, calling

TEXT = {"content": "早"}


@pytest.fixture
def sandbox() -> Iterator[Caller]:
    """A sandbox of two applications, one of which sees only the other owner."""
    with calling(apps=(App(9, "small", sees=(OTHER,)),)) as caller:
        yield caller


def result(sandbox: Caller, msgid: str, userid: str) -> dict[str, int]:
    """What each recipient of a sender got."""
    rows = sandbox.call("get_groupmsg_send_result", msgid=msgid, userid=userid)["send_list"]
    return {row.get("chat_id") or row["external_userid"]: row["status"] for row in rows}


def sent(sandbox: Caller, userid: str = OWNER, **template: Any) -> dict[str, int]:
    """Make a task, let it be confirmed, read what became of it."""
    made = sandbox.call("add_msg_template", sender=userid, text=TEXT, **template)
    assert made["errcode"] == 0, made
    sandbox.wait(2)
    sandbox.act("confirm", msgid=made["msgid"], userid=userid)
    return result(sandbox, made["msgid"], userid)


def addressed(sandbox: Caller, **template: Any) -> dict[str, list[str]]:
    """Whom a task goes to, by the member who has to send it."""
    msgid = sandbox.call("add_msg_template", text=TEXT, **template)["msgid"]
    sandbox.wait(2)
    senders = [row["userid"] for row in sandbox.call("get_groupmsg_task", msgid=msgid)["task_list"]]
    return {userid: list(result(sandbox, msgid, userid)) for userid in senders}


@pytest.mark.parametrize(("mode", "allowed"), [("day_1", 1), ("week_7", 7), ("month_4", 4), ("month_days", 31)])
def test_what_an_owner_sends_alone_eats_the_quota_of_the_group(mode: str, allowed: int) -> None:
    """After as many own sends as the mode allows, a task of the corp is status 3 in that group and 1 in another."""
    with calling(Limits(quota_mode=mode)) as sandbox:
        mine, other = sandbox.chat(), sandbox.chat(1)
        served = [
            sandbox.act("send_own", userid=OWNER, targets=[mine], text="各位早")["served"] for _ in range(allowed)
        ]
        assert served == [[mine]] * allowed
        assert sandbox.act("send_own", userid=OWNER, targets=[mine], text="再来")["served"] == []
        assert sent(sandbox, chat_type="group", chat_id_list=[mine]) == {mine: 3}
        assert sent(sandbox, OTHER, chat_type="group", chat_id_list=[other]) == {other: 1}


def test_what_a_member_sends_to_a_customer_eats_the_customers_quota() -> None:
    """With one a day, the customer who got an own message of the helper gets none of the corp's before tomorrow."""
    with calling(Limits(quota_mode="day_1")) as sandbox:
        who, other = sandbox.friend(), sandbox.friend()
        sandbox.act("send_own", userid=HELPER, chat_type="single", targets=[who], text="在吗")
        assert sent(sandbox, HELPER, external_userid=[who, other]) == {who: 3, other: 1}
        sandbox.wait(86_400)
        sandbox.renew()
        assert sent(sandbox, HELPER, external_userid=[who]) == {who: 1}


def test_own_sends_are_listed_as_personal_with_their_creator(sandbox: Caller) -> None:
    """Filters take the corp's (0), the members' (1) or one creator's; an app sees those of its own members only."""
    own = sandbox.act("send_own", userid=OWNER, targets=[sandbox.chat()], text="各位早")["msgid"]
    corp = sandbox.call("add_msg_template", chat_type="group", sender=OWNER, text=TEXT)["msgid"]
    now = int(datetime.fromisoformat(sandbox.http.get("/_sandbox/clock").json()["now"]).timestamp())
    span: dict[str, Any] = {"chat_type": "group", "start_time": now - 60, "end_time": now}

    def listed(**more: Any) -> list[str]:
        return [one["msgid"] for one in sandbox.call("get_groupmsg_list_v2", **span, **more)["group_msg_list"]]

    assert (listed(), listed(filter_type=0), listed(filter_type=1)) == ([corp, own], [corp], [own])
    assert (listed(creator=OWNER), listed(creator=OTHER)) == ([own], [])
    shown = sandbox.call("get_groupmsg_list_v2", **span, filter_type=1)["group_msg_list"][0]
    assert (shown["creator"], shown["create_type"]) == (OWNER, 1)
    small = Caller(str(sandbox.http.base_url), "small")
    assert [one["msgid"] for one in small.call("get_groupmsg_list_v2", **span)["group_msg_list"]] == [corp]
    small.http.close()


@pytest.mark.parametrize(
    "about",
    [
        {"userid": "nobody"},
        {"userid": OTHER},
        {"targets": []},
        {"text": ""},
        {"chat_type": "moment"},
    ],
)
def test_nobody_sends_what_they_cannot(sandbox: Caller, about: dict[str, Any]) -> None:
    """Strangers, groups of somebody else, no targets, no words: told in words, and nothing is sent."""
    wanted = {"userid": OWNER, "targets": [sandbox.chat()], "text": "早", **about}
    assert sandbox.try_act("send_own", **wanted).status_code == 400


def test_a_tag_filter_takes_one_tag_of_each_list(sandbox: Caller) -> None:
    """OR within a list, AND between lists; those left out are no failures, and nobody left is 41048."""
    tags = sandbox.call("add_corp_tag", group_name="来源", tag=[{"name": name} for name in "abc"])["tag_group"]["tag"]
    a, b, c = (next(tag["id"] for tag in tags if tag["name"] == name) for name in "abc")
    people = [sandbox.friend() for _ in range(3)]
    for who, worn in zip(people, ([a, c], [b, c], [a]), strict=True):
        sandbox.call("mark_tag", userid=HELPER, external_userid=who, add_tag=worn)
    either = {"group_list": [{"tag_list": [a, b]}, {"tag_list": [c]}]}
    assert addressed(sandbox, sender=HELPER, tag_filter=either) == {HELPER: people[:2]}
    one = {"group_list": [{"tag_list": [a]}]}
    assert addressed(sandbox, sender=HELPER, external_userid=people[1:], tag_filter=one) == {HELPER: people[2:]}
    none = {"group_list": [{"tag_list": [b]}]}
    made = sandbox.call("add_msg_template", sender=HELPER, external_userid=people[:1], tag_filter=none, text=TEXT)
    assert made["errcode"] == 41048


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"group_list": [{"tag_list": ["etNo"]}]}, 40068),
        ({"group_list": [{"tag_list": []}]}, 40063),
        ({"group_list": ["etNo"]}, 40058),
        ({"group_list": [{"tag_list": ["etNo", "etNo2", "etNo3"]}]}, 40058),
    ],
)
def test_a_wrong_tag_filter_is_refused(given: dict[str, Any], code: int) -> None:
    """Unknown tags, empty lists, other things than lists, and more tags than there may be."""
    with calling(Limits(tags_per_list=2)) as sandbox:
        sandbox.friend()
        assert sandbox.code("add_msg_template", sender=HELPER, tag_filter=given, text=TEXT) == code
        chats = {"chat_type": "group", "chat_id_list": [sandbox.chat()]}
        assert sandbox.code("add_msg_template", sender=OWNER, tag_filter=given, text=TEXT, **chats) == 40058


def test_a_customer_of_several_members_gets_it_through_whoever_talked_last(sandbox: Caller) -> None:
    """Without words the latest friend sends; after words whoever was in the latest of them."""
    who = sandbox.friend()
    sandbox.wait(5)
    sandbox.act("add_contact", userid=OWNER, external_userid=who)
    assert addressed(sandbox, external_userid=[who]) == {OWNER: [who]}
    sandbox.act("say_privately", userid=HELPER, external_userid=who, text="在吗")
    assert addressed(sandbox, external_userid=[who]) == {HELPER: [who]}
    sandbox.wait(5)
    sandbox.act("say_privately", userid=OWNER, external_userid=who, text="在", by_member=True)
    assert addressed(sandbox, external_userid=[who]) == {OWNER: [who]}


def test_a_task_that_was_confirmed_can_be_cancelled_but_stays_served(sandbox: Caller) -> None:
    """Cancelling takes nothing back; a second time, and reminding, is 41093."""
    chat = sandbox.chat()
    msgid = sandbox.call("add_msg_template", chat_type="group", sender=OWNER, chat_id_list=[chat], text=TEXT)["msgid"]
    sandbox.wait(2)
    assert sandbox.act("confirm", msgid=msgid, userid=OWNER)["served"] == [chat]
    assert sandbox.code("cancel_groupmsg_send", msgid=msgid) == 0
    assert result(sandbox, msgid, OWNER) == {chat: 1}
    assert sandbox.code("cancel_groupmsg_send", msgid=msgid) == 41093
    assert sandbox.code("remind_groupmsg_send", msgid=msgid) == 41093


def test_a_cancelled_task_can_no_longer_be_confirmed(sandbox: Caller) -> None:
    """Whoever taps "send" afterwards serves nobody."""
    chat = sandbox.chat()
    msgid = sandbox.call("add_msg_template", chat_type="group", sender=OWNER, chat_id_list=[chat], text=TEXT)["msgid"]
    sandbox.wait(2)
    sandbox.call("cancel_groupmsg_send", msgid=msgid)
    assert sandbox.act("confirm", msgid=msgid, userid=OWNER)["served"] == []
    assert result(sandbox, msgid, OWNER) == {chat: 0}
