"""
Mass messages (wecom-api §7.3): creating one makes a to-do for each sender; reports tell what became of it.

Confirming is a client's act and lives in `clients`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from qunflow.sandbox import ids
from qunflow.sandbox.areas import parts
from qunflow.sandbox.fields import Field
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.records import MassShare, MassTask
from qunflow.sandbox.routing import Call, Effect, Endpoint, Result, page
from qunflow.sandbox.wire import Refusal

_MONTH_S = 31 * 86_400
_DAY_S = 86_400
_UNSENT = [0, 0]


def add_msg_template(call: Call) -> Result:
    """Make the task; recipients that cannot be reached come back in ``fail_list``, nobody left is 41048."""
    platform, body = call.platform, call.body
    text, attachments = parts.content_of(platform, body)
    plan, failed = (_group_plan if body["chat_type"] == "group" else _single_plan)(platform, body)
    if not plan:
        raise Refusal(41048)
    msgid = ids.msg_id(platform.dice, platform.number("msg"))
    platform.tasks.put(MassTask(msgid, body["chat_type"], platform.now(), text, attachments))
    for userid, recipients in plan.items():
        platform.shares.put(MassShare(msgid, userid, dict.fromkeys(recipients, _UNSENT)))
        platform.public.meet_task(msgid, userid)
    targets = tuple(recipient for recipients in plan.values() for recipient in recipients)
    return {"fail_list": failed, "msgid": msgid}, Effect(body["sender"] or "|".join(plan), targets, msgid)


def list_tasks(call: Call) -> Result:
    """Tasks of a span of at most a month, newest first; ``creator`` is absent for those made by a call."""
    body = call.body
    if not 0 <= body["end_time"] - body["start_time"] <= _MONTH_S:
        raise Refusal(40058, "start_time and end_time are over a month apart")
    span = range(body["start_time"], body["end_time"] + 1)
    found = [t for t in call.platform.tasks if t.chat_type == body["chat_type"] and t.create_time in span]
    if body["creator"] or body["filter_type"] == 1:
        found = []
    limit = body["limit"] if 0 < body["limit"] <= 100 else 50
    tasks, cursor = page(found[::-1], body["cursor"], limit)
    return {"group_msg_list": [_shown(task) for task in tasks], "next_cursor": cursor}, None


def get_task(call: Call) -> Result:
    """Who has sent the task on; here 2 means sent."""
    task = _dispatched(call)
    shares = call.platform.shares.where("task", task.msgid)
    found, cursor = page(shares, call.body["cursor"], call.body["limit"])
    rows = [_with_time({"userid": share.userid, "status": share.status}, share.send_time) for share in found]
    return {"task_list": rows, "next_cursor": cursor}, None


def get_send_result(call: Call) -> Result:
    """What each recipient of one sender got: 0 nothing yet, 1 sent, 2 not a friend, 3 over the quota."""
    task = _dispatched(call)
    share = call.platform.shares.get(f"{task.msgid}/{call.body['userid']}")
    if share is None:
        raise Refusal(60111)
    name = "chat_id" if task.chat_type == "group" else "external_userid"
    found, cursor = page(list(share.results.items()), call.body["cursor"], call.body["limit"])
    rows = [_with_time({name: who, "userid": share.userid, "status": state}, at) for who, (state, at) in found]
    return {"send_list": rows, "next_cursor": cursor}, None


def remind(call: Call) -> Result:
    """Remind the senders who have not confirmed, three times in 24 h at most."""
    platform, task = call.platform, _living(call)
    recent = [at for at in task.reminded_at if at > platform.now() - _DAY_S]
    if len(recent) >= platform.limits.reminders_per_day:
        raise Refusal(41094)
    platform.tasks.put(replace(task, reminded_at=[*recent, platform.now()]))
    waiting = [share.userid for share in platform.shares.where("task", task.msgid) if share.status == 0]
    for userid in waiting:
        platform.public.meet_reminder(task.msgid, userid)
    return {}, Effect(targets=tuple(waiting), msgid=task.msgid)


def cancel(call: Call) -> Result:
    """Stop a task; who was served stays served, later calls answer 41093."""
    task = _living(call)
    call.platform.tasks.put(replace(task, cancelled_at=call.platform.now()))
    return {}, Effect(msgid=task.msgid)


Plan = tuple[dict[str, list[str]], list[str]]


def _group_plan(platform: Platform, body: dict[str, Any]) -> Plan:
    sender = body["sender"]
    if not sender:
        raise Refusal(40063, "sender missing")
    if sender not in platform.staff:
        raise Refusal(60111)
    mine = [chat.chat_id for chat in platform.chats.where("owner", sender) if not chat.dismissed_at]
    wanted = list(dict.fromkeys(body["chat_id_list"])) or mine
    reached = [chat_id for chat_id in wanted if chat_id in mine]
    failed = [chat_id for chat_id in wanted if chat_id not in mine]
    return ({sender: reached} if reached else {}), failed


def _single_plan(platform: Platform, body: dict[str, Any]) -> Plan:
    sender, wanted = body["sender"], list(dict.fromkeys(body["external_userid"]))
    if not sender and not wanted:
        raise Refusal(40063, "external_userid and sender are both empty")
    if sender and sender not in platform.staff:
        raise Refusal(60111)
    if not wanted:
        wanted = [f.external_userid for f in platform.follows.where("member", sender) if not f.ended_at]
    plan: dict[str, list[str]] = {}
    failed: list[str] = []
    for recipient in wanted:
        userid = _friend_of(platform, recipient, sender)
        plan.setdefault(userid, []).append(recipient) if userid else failed.append(recipient)
    return plan, failed


def _friend_of(platform: Platform, external_userid: str, sender: str) -> str:
    follows = [f for f in platform.follows.where("who", external_userid) if not f.ended_at]
    if sender:
        follows = [follow for follow in follows if follow.userid == sender]
    return max(follows, key=lambda follow: follow.createtime).userid if follows else ""


def _task(call: Call) -> MassTask:
    task = call.platform.tasks.get(call.body["msgid"])
    if task is None:
        raise Refusal(41047)
    return task


def _dispatched(call: Call) -> MassTask:
    task = _task(call)
    if call.platform.now() < task.create_time + call.platform.limits.dispatch_s:
        raise Refusal(41063)
    return task


def _living(call: Call) -> MassTask:
    task = _dispatched(call)
    if task.cancelled_at:
        raise Refusal(41093)
    return task


def _with_time(row: dict[str, Any], at: int) -> dict[str, Any]:
    return {**row, "send_time": at} if at else row


def _shown(task: MassTask) -> dict[str, Any]:
    shown: dict[str, Any] = {"msgid": task.msgid, "create_time": task.create_time, "create_type": 0}
    if task.text:
        shown["text"] = {"content": task.text}
    return {**shown, "attachments": task.attachments}


_MSGID = Field("msgid", required=True, missing=41046)
_PAGE = (Field("cursor"), Field("limit", "number", default=500, low=1, high=1_000))
_CHAT_TYPE = Field("chat_type", default="single", choices=("single", "group"))

ENDPOINTS = (
    Endpoint(
        "externalcontact/add_msg_template",
        add_msg_template,
        (
            _CHAT_TYPE,
            Field("external_userid", "list", max_items=10_000),
            Field("chat_id_list", "list", max_items=2_000),
            Field("sender"),
            *parts.FIELDS,
        ),
    ),
    Endpoint(
        "externalcontact/get_groupmsg_list_v2",
        list_tasks,
        (
            Field("chat_type", required=True, choices=("single", "group")),
            Field("start_time", "number", required=True),
            Field("end_time", "number", required=True),
            Field("creator"),
            Field("filter_type", "number", default=2, choices=(0, 1, 2)),
            Field("limit", "number", default=50),
            Field("cursor"),
        ),
    ),
    Endpoint("externalcontact/get_groupmsg_task", get_task, (_MSGID, *_PAGE)),
    Endpoint(
        "externalcontact/get_groupmsg_send_result",
        get_send_result,
        (_MSGID, Field("userid", required=True, missing=41009), *_PAGE),
    ),
    Endpoint("externalcontact/remind_groupmsg_send", remind, (_MSGID,)),
    Endpoint("externalcontact/cancel_groupmsg_send", cancel, (_MSGID,)),
)
