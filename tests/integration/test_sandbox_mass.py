"""Mass messages on the sandbox: a task is no delivery; confirming, quota, reminders, cancelling, reports."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx
import pytest

from qunflow.sandbox.options import QUOTA_MODES, Limits, Options
from qunflow.sandbox.running import running

EC = "externalcontact"
DOCUMENTED = Limits()


class Box:
    """A sandbox with staff and empty groups, seen through plain HTTP."""

    def __init__(self, base: str) -> None:
        self.http = httpx.Client(base_url=base, trust_env=False, timeout=10)

    def call(self, path: str, **body: Any) -> dict[str, Any]:
        """A call with a fresh token."""
        credentials = {"corpid": "wwtest", "corpsecret": "secret"}
        token = self.http.get("/cgi-bin/gettoken", params=credentials).json()["access_token"]
        found: dict[str, Any] = self.http.post(f"/cgi-bin/{path}", params={"access_token": token}, json=body).json()
        return found

    def act(self, act: str, **about: Any) -> dict[str, Any]:
        """A client's act."""
        found: dict[str, Any] = self.http.post("/_sandbox/act", json={"act": act, **about}).raise_for_status().json()
        return found

    def wait(self, seconds: int) -> None:
        """Let simulated time pass."""
        self.http.post("/_sandbox/clock", json={"advance_s": seconds}).raise_for_status()

    def now(self) -> int:
        """The clock, Unix seconds."""
        return int(datetime.fromisoformat(self.http.get("/_sandbox/clock").json()["now"]).timestamp())

    def chats(self) -> list[str]:
        """Ids of the groups: two of different owners, then the members' one."""
        return [group["chat_id"] for group in self.http.get("/_sandbox/world").json()["groups"]]

    def task(self, *chats: str, text: str = "早", sender: str = "owner_zhou") -> dict[str, Any]:
        """A group task, given time to be dispatched."""
        made = self.call(
            f"{EC}/add_msg_template", chat_type="group", sender=sender, chat_id_list=list(chats), text={"content": text}
        )
        self.wait(2)
        return made

    def results(self, msgid: str, userid: str = "owner_zhou") -> dict[str, int]:
        """Status of each recipient."""
        rows = self.call(f"{EC}/get_groupmsg_send_result", msgid=msgid, userid=userid)["send_list"]
        return {row.get("chat_id") or row["external_userid"]: row["status"] for row in rows}


def box_of(limits: Limits = DOCUMENTED) -> Iterator[Box]:
    """A sandbox whose owners do nothing by themselves for a while: people are slower than these tests."""
    with running(Options("wwtest", "secret", populated=False, limits=limits)) as base:
        box = Box(base)
        yield box
        box.http.close()


@pytest.fixture
def box() -> Iterator[Box]:
    """A sandbox with the documented limits."""
    yield from box_of()


@pytest.mark.covers("externalcontact/add_msg_template", "success")
@pytest.mark.covers("externalcontact/get_groupmsg_task", "success")
@pytest.mark.covers("externalcontact/get_groupmsg_task", "read_back")
@pytest.mark.covers("externalcontact/get_groupmsg_send_result", "success")
@pytest.mark.covers("externalcontact/get_groupmsg_send_result", "read_back")
def test_a_task_delivers_nothing_before_the_owner_confirms(box: Box) -> None:
    """Task status 0 becomes 2 and the chat's 0 becomes 1 with a time; created is not sent."""
    chat = box.chats()[0]
    msgid = box.task(chat)["msgid"]
    assert box.call(f"{EC}/get_groupmsg_task", msgid=msgid)["task_list"] == [{"userid": "owner_zhou", "status": 0}]
    assert box.results(msgid) == {chat: 0}
    assert box.act("confirm", msgid=msgid, userid="owner_zhou")["served"] == [chat]
    task = box.call(f"{EC}/get_groupmsg_task", msgid=msgid)["task_list"][0]
    assert (task["status"], task["send_time"]) == (2, box.now())
    assert box.results(msgid) == {chat: 1}
    assert box.act("confirm", msgid=msgid, userid="owner_zhou")["served"] == []


@pytest.mark.covers("externalcontact/get_groupmsg_task", "refusal")
@pytest.mark.covers("externalcontact/remind_groupmsg_send", "refusal")
@pytest.mark.covers("externalcontact/cancel_groupmsg_send", "refusal")
@pytest.mark.covers("externalcontact/get_groupmsg_send_result", "refusal")
def test_reports_wait_until_a_task_is_dispatched(box: Box) -> None:
    """41063 within the first two seconds, for every report call; unknown ids are 41047, none 41046."""
    made = box.call(f"{EC}/add_msg_template", chat_type="group", sender="owner_zhou", text={"content": "早"})
    for call in ("get_groupmsg_task", "remind_groupmsg_send", "cancel_groupmsg_send"):
        assert box.call(f"{EC}/{call}", msgid=made["msgid"])["errcode"] == 41063
        assert box.call(f"{EC}/{call}", msgid="msgNo")["errcode"] == 41047
        assert box.call(f"{EC}/{call}")["errcode"] == 41046
    box.wait(2)
    assert box.call(f"{EC}/get_groupmsg_task", msgid=made["msgid"])["errcode"] == 0
    assert box.call(f"{EC}/get_groupmsg_send_result", msgid=made["msgid"], userid="owner_he")["errcode"] == 60111


@pytest.mark.covers("externalcontact/add_msg_template", "refusal")
def test_recipients_out_of_reach_are_named_and_nobody_left_is_41048(box: Box) -> None:
    """Groups of others and people who are no friends come back in fail_list."""
    mine, theirs, _ = box.chats()
    assert box.task(mine, theirs)["fail_list"] == [theirs]
    assert box.task(theirs)["errcode"] == 41048
    friend = box.act("add_contact", name="甲")["external_userid"]
    single = box.call(f"{EC}/add_msg_template", external_userid=[friend, "wmNo"], text={"content": "早"})
    assert (single["errcode"], single["fail_list"]) == (0, ["wmNo"])
    assert box.call(f"{EC}/add_msg_template", external_userid=["wmNo"], text={"content": "早"})["errcode"] == 41048
    assert box.call(f"{EC}/add_msg_template", chat_type="group", text={"content": "早"})["errcode"] == 40063
    assert (
        box.call(f"{EC}/add_msg_template", external_userid=["x"] * 10_001, text={"content": "早"})["errcode"] == 40058
    )
    assert box.task(*["x"] * 2_001)["errcode"] == 40058
    assert box.call(f"{EC}/add_msg_template", chat_type="both", text={"content": "早"})["errcode"] == 40058


def test_whoever_ended_the_friendship_meanwhile_is_status_2(box: Box) -> None:
    """A single task names each recipient's own result."""
    stays, goes = (box.act("add_contact", name=name)["external_userid"] for name in "甲乙")
    made = box.call(f"{EC}/add_msg_template", external_userid=[stays, goes], text={"content": "早"})
    box.wait(2)
    box.act("delete_contact", external_userid=goes)
    box.act("confirm", msgid=made["msgid"], userid="helper_xm")
    assert box.results(made["msgid"], "helper_xm") == {stays: 1, goes: 2}


@pytest.mark.parametrize(("mode", "allowed", "period_s"), [("day_1", 1, 86_400), ("month_4", 4, 31 * 86_400)])
def test_over_the_quota_a_recipient_is_status_3(mode: str, allowed: int, period_s: int) -> None:
    """The call still succeeds; in the next period the recipient can be reached again."""
    assert mode in QUOTA_MODES
    for box in box_of(Limits(quota_mode=mode)):
        chat = box.chats()[0]

        def confirmed(chat: str = chat, box: Box = box) -> int:
            msgid = box.task(chat)["msgid"]
            box.act("confirm", msgid=msgid, userid="owner_zhou")
            return box.results(msgid)[chat]

        assert [confirmed() for _ in range(allowed + 1)] == [1] * allowed + [3]
        box.wait(period_s)
        assert confirmed() == 1


def test_the_usual_quota_is_as_many_as_the_month_has_days(box: Box) -> None:
    """Thirty-one in January, the thirty-second is over it."""
    chat, results = box.chats()[0], []
    for _ in range(32):
        msgid = box.task(chat)["msgid"]
        box.act("confirm", msgid=msgid, userid="owner_zhou")
        results.append(box.results(msgid)[chat])
    assert results == [1] * 31 + [3]


@pytest.mark.covers("externalcontact/remind_groupmsg_send", "success")
@pytest.mark.covers("externalcontact/remind_groupmsg_send", "refusal")
def test_a_fourth_reminder_within_24_h_is_refused(box: Box) -> None:
    """Three are taken, the fourth is 41094, a day later one is taken again."""
    msgid = box.task(box.chats()[0])["msgid"]
    codes = [box.call(f"{EC}/remind_groupmsg_send", msgid=msgid)["errcode"] for _ in range(4)]
    assert codes == [0, 0, 0, 41094]
    box.wait(86_400)
    assert box.call(f"{EC}/remind_groupmsg_send", msgid=msgid)["errcode"] == 0


@pytest.mark.covers("externalcontact/cancel_groupmsg_send", "success")
@pytest.mark.covers("externalcontact/cancel_groupmsg_send", "read_back")
@pytest.mark.covers("externalcontact/cancel_groupmsg_send", "refusal")
def test_a_cancelled_task_is_never_delivered(box: Box) -> None:
    """Confirming does nothing, reminding and cancelling again are 41093, the report still answers."""
    chat = box.chats()[0]
    msgid = box.task(chat)["msgid"]
    assert box.call(f"{EC}/cancel_groupmsg_send", msgid=msgid)["errcode"] == 0
    assert box.act("confirm", msgid=msgid, userid="owner_zhou")["served"] == []
    assert box.call(f"{EC}/cancel_groupmsg_send", msgid=msgid)["errcode"] == 41093
    assert box.call(f"{EC}/remind_groupmsg_send", msgid=msgid)["errcode"] == 41093
    assert box.results(msgid) == {chat: 0}


@pytest.mark.covers("externalcontact/add_msg_template", "read_back")
@pytest.mark.covers("externalcontact/get_groupmsg_list_v2", "success")
@pytest.mark.covers("externalcontact/get_groupmsg_list_v2", "read_back")
@pytest.mark.covers("externalcontact/get_groupmsg_list_v2", "refusal")
def test_tasks_are_listed_newest_first_without_creator(box: Box) -> None:
    """Pages hold each task once; a span over a month is refused; other people's tasks do not exist."""
    made = [box.task(box.chats()[0], text=f"第{place}条")["msgid"] for place in range(3)]
    span = {"chat_type": "group", "start_time": box.now() - 100, "end_time": box.now()}
    first = box.call(f"{EC}/get_groupmsg_list_v2", **span, limit=2)
    rest = box.call(f"{EC}/get_groupmsg_list_v2", **span, limit=2, cursor=first["next_cursor"])
    rows = first["group_msg_list"] + rest["group_msg_list"]
    assert [row["msgid"] for row in rows] == made[::-1]
    assert all("creator" not in row for row in rows)
    assert rows[0]["text"]["content"] == "第2条"
    assert box.call(f"{EC}/get_groupmsg_list_v2", **{**span, "start_time": 0})["errcode"] == 40058
    assert box.call(f"{EC}/get_groupmsg_list_v2", **span, creator="owner_zhou")["group_msg_list"] == []
    assert box.call(f"{EC}/get_groupmsg_list_v2", **{**span, "chat_type": "single"})["group_msg_list"] == []


def test_owners_confirm_by_habit() -> None:
    """Within a working day a prompt owner confirms nearly all tasks, a late one fewer, within hours."""
    for box in box_of():
        box.wait(8 * 3_600)
        first, second, _ = box.chats()
        prompt = [box.task(first, text=f"甲{n}")["msgid"] for n in range(20)]
        late = [box.task(second, text=f"乙{n}", sender="owner_he")["msgid"] for n in range(20)]
        box.wait(3_600)
        done = {msgid: _status(box, msgid) == 2 for msgid in prompt + late}
        soon = sum(done[msgid] for msgid in prompt), sum(done[msgid] for msgid in late)
        assert soon[0] >= 17
        assert soon[1] < 10
        box.wait(7 * 3_600)
        assert soon[1] < sum(_status(box, msgid) == 2 for msgid in late) < 20


def _status(box: Box, msgid: str) -> int:
    return int(box.call(f"{EC}/get_groupmsg_task", msgid=msgid)["task_list"][0]["status"])
