"""Handing customers and groups over, over real HTTP: on the job, after somebody left, refused and too often."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from qunflow.sandbox.options import Limits
from tests.integration.sandbox_anywhere import Anywhere, anywhere
from tests.integration.sandbox_caller import HELPER, OTHER, OWNER

EC = "externalcontact"
DAY_S = 86_400
HAND, RESULT = f"{EC}/transfer_customer", f"{EC}/transfer_result"
RESIGNED, RESIGNED_RESULT = f"{EC}/resigned/transfer_customer", f"{EC}/resigned/transfer_result"
UNASSIGNED = f"{EC}/get_unassigned_list"
ON_JOB, AFTER = f"{EC}/groupchat/onjob_transfer", f"{EC}/groupchat/transfer"
PAIR = {"handover_userid": HELPER, "takeover_userid": OTHER}


@pytest.fixture
def caller() -> Iterator[Anywhere]:
    """A sandbox with the documented limits."""
    with anywhere() as found:
        yield found


def codes(answer: dict[str, Any]) -> dict[str, int]:
    """The code of each customer."""
    return {row["external_userid"]: row["errcode"] for row in answer["customer"]}


def followers(caller: Anywhere, who: str) -> list[str]:
    """The members a customer has as friends."""
    return [row["userid"] for row in caller.get(f"{EC}/get", external_userid=who)["follow_user"]]


@pytest.mark.covers("externalcontact/transfer_customer", "success")
@pytest.mark.covers("externalcontact/transfer_customer", "read_back")
@pytest.mark.covers("externalcontact/transfer_result", "success")
@pytest.mark.covers("externalcontact/transfer_result", "read_back")
def test_transfer_customer_succeeds_a_day_later(caller: Anywhere) -> None:
    """Accepted is not done: for a day the old member follows and the result says waiting, then the new one does."""
    who = caller.friend(state="poster-a")
    assert codes(caller.post(HAND, **PAIR, external_userid=[who], transfer_success_msg="以后找何姐")) == {who: 0}
    caller.wait(DAY_S - 60)
    caller.renew()
    assert followers(caller, who) == [HELPER]
    row = {"external_userid": who, "status": 2, "takeover_time": 0}
    assert caller.post(RESULT, **PAIR)["customer"] == [row]
    caller.pass_time(60)
    assert followers(caller, who) == [OTHER]
    assert caller.post(RESULT, **PAIR)["customer"] == [{**row, "status": 1, "takeover_time": caller.now()}]
    assert caller.get(f"{EC}/get", external_userid=who)["follow_user"][0]["add_way"] == 202


def test_transfer_to_a_friend_leaves_that_friendship_as_it_was(caller: Anywhere) -> None:
    """Who knows the new member already stays their friend since then, and loses the old one."""
    who = caller.friend()
    caller.friend(userid=OTHER, external_userid=who, state="store-b")
    caller.post(HAND, **PAIR, external_userid=[who])
    caller.pass_time(DAY_S)
    friends = caller.get(f"{EC}/get", external_userid=who)["follow_user"]
    assert [(row["userid"], row["state"], row["add_way"]) for row in friends] == [(OTHER, "store-b", 1)]


@pytest.mark.covers("externalcontact/transfer_customer", "refusal")
def test_transfer_customer_answers_for_each_customer(caller: Anywhere) -> None:
    """A stranger, somebody else's customer and one on the way have codes of their own; wrong members end the call."""
    who, others = caller.friend(), caller.friend(userid=OWNER)
    caller.post(HAND, **PAIR, external_userid=[who])
    assert codes(caller.post(HAND, **PAIR, external_userid=[who, others, "wmNo"])) == {
        who: 40129,
        others: 40131,
        "wmNo": 40096,
    }
    assert caller.refused(HAND, **{**PAIR, "takeover_userid": HELPER}, external_userid=[who]) == 40130
    assert caller.refused(HAND, **{**PAIR, "takeover_userid": "nobody"}, external_userid=[who]) == 60111
    assert caller.refused(HAND, **{**PAIR, "handover_userid": "nobody"}, external_userid=[who]) == 60111
    assert caller.refused(HAND, **PAIR, external_userid=[who] * 101) == 40058
    assert caller.refused(HAND, **PAIR, external_userid=[]) == 41035
    assert caller.refused(HAND, **PAIR, external_userid=[who], transfer_success_msg="长" * 201) == 40058


def test_transfer_customer_is_possible_twice_in_90_days() -> None:
    """The third time is 40128, until the first is 90 days old."""
    with anywhere(Limits(transfer_s=60)) as caller:
        who, members = caller.friend(), [HELPER, OTHER, OWNER, HELPER]

        def hand(step: int) -> int:
            pair = {"handover_userid": members[step], "takeover_userid": members[step + 1]}
            code = codes(caller.post(HAND, **pair, external_userid=[who]))[who]
            caller.pass_time(60)
            return code

        assert [hand(0), hand(1), hand(2)] == [0, 0, 40128]
        caller.pass_time(90 * DAY_S)
        assert hand(2) == 0


@pytest.mark.covers("externalcontact/transfer_result", "refusal")
def test_transfer_result_tells_refusals_and_full_members() -> None:
    """3 when the customer does not want it, 4 when the new member is full, nothing for another pair."""
    with anywhere(Limits(customers_per_member=1)) as caller:
        unwilling, late = caller.friend(), caller.friend()
        caller.friend(userid=OTHER)
        caller.post(HAND, **PAIR, external_userid=[unwilling, late])
        caller.act("refuse_transfer", external_userid=unwilling)
        caller.pass_time(DAY_S)
        statuses = {row["external_userid"]: row["status"] for row in caller.post(RESULT, **PAIR)["customer"]}
        assert statuses == {unwilling: 3, late: 4}
        assert followers(caller, late) == [HELPER]
        assert caller.post(RESULT, **{**PAIR, "takeover_userid": OWNER})["customer"] == []
        assert caller.refused(RESULT, handover_userid=HELPER) == 41009
        assert caller.refused(RESULT, **PAIR, cursor="x") == 50100


@pytest.mark.covers("externalcontact/get_unassigned_list", "success")
@pytest.mark.covers("externalcontact/get_unassigned_list", "read_back")
@pytest.mark.covers("externalcontact/resigned/transfer_customer", "success")
@pytest.mark.covers("externalcontact/resigned/transfer_customer", "read_back")
@pytest.mark.covers("externalcontact/resigned/transfer_result", "success")
@pytest.mark.covers("externalcontact/resigned/transfer_result", "read_back")
def test_transfer_of_resigned_finds_customers_a_new_member(caller: Anywhere) -> None:
    """Whose member left is listed by pages, is handed over, and is not listed any more."""
    people = [caller.friend() for _ in range(3)]
    caller.act("resign", userid=HELPER)
    left_at = caller.now()
    first = caller.post(UNASSIGNED, page_size=2)
    rest = caller.post(UNASSIGNED, page_size=2, cursor=first["next_cursor"])
    rows = first["info"] + rest["info"]
    assert [row["external_userid"] for row in rows] == people
    assert rows[0] == {"handover_userid": HELPER, "external_userid": people[0], "dimission_time": left_at}
    assert (first["is_last"], rest["is_last"]) == (False, True)
    assert caller.post(UNASSIGNED, page_id=1, page_size=2)["info"] == rest["info"]
    assert codes(caller.post(RESIGNED, **PAIR, external_userid=people[:2])) == dict.fromkeys(people[:2], 0)
    assert [row["status"] for row in caller.post(RESIGNED_RESULT, **PAIR)["customer"]] == [2, 2]
    caller.pass_time(DAY_S)
    assert [row["status"] for row in caller.post(RESIGNED_RESULT, **PAIR)["customer"]] == [1, 1]
    assert [row["external_userid"] for row in caller.post(UNASSIGNED)["info"]] == people[2:]


@pytest.mark.covers("externalcontact/get_unassigned_list", "refusal")
@pytest.mark.covers("externalcontact/resigned/transfer_customer", "refusal")
@pytest.mark.covers("externalcontact/resigned/transfer_result", "refusal")
def test_transfer_of_resigned_is_refused_while_they_are_there(caller: Anywhere) -> None:
    """40097 for a member who has not left, 60111 for nobody; pages are bounded."""
    who = caller.friend()
    assert caller.refused(RESIGNED, **PAIR, external_userid=[who]) == 40097
    assert caller.refused(RESIGNED_RESULT, **PAIR) == 60111
    assert caller.refused(UNASSIGNED, page_size=1_001) == 40058
    assert caller.refused(UNASSIGNED, cursor="x") == 50100
    caller.act("resign", userid=HELPER)
    assert caller.refused(HAND, **PAIR, external_userid=[who]) == 60111


@pytest.mark.covers("externalcontact/groupchat/onjob_transfer", "success")
@pytest.mark.covers("externalcontact/groupchat/onjob_transfer", "read_back")
@pytest.mark.covers("externalcontact/groupchat/onjob_transfer", "refusal")
def test_transfer_of_groups_on_the_job_changes_the_owner(caller: Anywhere) -> None:
    """The group has its new owner; unknown, dissolved and unchanged groups fail one by one."""
    mine, gone = caller.chat(0), caller.chat(2)
    caller.act("dismiss", chat_id=gone)
    answer = caller.post(ON_JOB, chat_id_list=[mine, gone, caller.chat(1), "wrNo"], new_owner=OTHER)
    failed = {row["chat_id"]: row["errcode"] for row in answer["failed_chat_list"]}
    assert failed == {gone: 49008, caller.chat(1): 90504, "wrNo": 90501}
    assert caller.post(f"{EC}/groupchat/get", chat_id=mine)["group_chat"]["owner"] == OTHER
    listed = caller.post(f"{EC}/groupchat/list", limit=10, status_filter=3)["group_chat_list"]
    assert listed == [{"chat_id": mine, "status": 3}]
    assert caller.refused(ON_JOB, chat_id_list=[mine], new_owner="nobody") == 60111
    assert caller.refused(ON_JOB, chat_id_list=[], new_owner=OTHER) == 40063


@pytest.mark.covers("externalcontact/groupchat/transfer", "success")
@pytest.mark.covers("externalcontact/groupchat/transfer", "read_back")
@pytest.mark.covers("externalcontact/groupchat/transfer", "refusal")
def test_transfer_of_groups_waits_for_the_owner_to_leave(caller: Anywhere) -> None:
    """90500 while the owner is there, 90502 on the job when not; afterwards the group is listed as handed over."""
    chat = caller.chat(0)

    def failed(path: str) -> list[int]:
        answer = caller.post(path, chat_id_list=[chat], new_owner=OTHER)
        return [row["errcode"] for row in answer["failed_chat_list"]]

    assert failed(AFTER) == [90500]
    caller.act("resign", userid=OWNER)
    waiting = caller.post(f"{EC}/groupchat/list", limit=10, status_filter=1)["group_chat_list"]
    assert waiting == [{"chat_id": chat, "status": 1}]
    assert failed(ON_JOB) == [90502]
    assert failed(AFTER) == []
    group = caller.post(f"{EC}/groupchat/get", chat_id=chat)["group_chat"]
    assert group["owner"] == OTHER
    assert OWNER not in [member["userid"] for member in group["member_list"]]
    assert failed(AFTER) == [90508]


def test_transfer_of_groups_is_bounded_by_day_and_quarter() -> None:
    """So many of an owner's groups a day, and each group twice in 90 days."""
    with anywhere(Limits(group_transfers_per_day=1)) as caller:
        chat = caller.chat(0)

        def failed(owner: str) -> list[int]:
            answer = caller.post(ON_JOB, chat_id_list=[chat], new_owner=owner)
            return [row["errcode"] for row in answer["failed_chat_list"]]

        assert [failed(OTHER), failed(OWNER), failed(OTHER)] == [[], [], [40128]]
        answer = caller.post(ON_JOB, chat_id_list=[caller.chat(1)], new_owner=OWNER)
        assert [row["errcode"] for row in answer["failed_chat_list"]] == [45009]


def test_transfer_leaves_nothing_to_those_who_left(caller: Anywhere) -> None:
    """Who left confirms no task, reminded or not, and time goes on; nobody can leave twice."""
    task = {"chat_type": "group", "sender": OWNER, "chat_id_list": [caller.chat(0)], "text": {"content": "早"}}
    msgid = caller.post(f"{EC}/add_msg_template", **task)["msgid"]
    caller.wait(2)
    caller.act("resign", userid=OWNER)
    assert caller.refused(f"{EC}/remind_groupmsg_send", msgid=msgid) == 0
    caller.pass_time(2 * DAY_S)
    assert caller.post(f"{EC}/get_groupmsg_task", msgid=msgid)["task_list"] == [{"userid": OWNER, "status": 0}]
    assert caller.refused(f"{EC}/add_msg_template", **task) == 60111
    assert caller.try_act("resign", userid=OWNER).status_code == 400
