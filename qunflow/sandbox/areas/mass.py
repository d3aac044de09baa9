"""
Mass messages (wecom-api §7.3): creating one makes a to-do for each sender; reports tell what became of it.

Confirming is a client's act and lives in `clients`; so is what members send of their own accord (`own_sends`), which is
listed with them. To whom a task goes is chosen in `mass_plan`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from qunflow.sandbox import ids, visibility
from qunflow.sandbox.areas import mass_plan, parts
from qunflow.sandbox.fields import Field
from qunflow.sandbox.records import MassShare, MassTask
from qunflow.sandbox.routing import Call, Effect, Endpoint, Result, page
from qunflow.sandbox.wire import Refusal

_MONTH_S = 31 * 86_400
_DAY_S = 86_400
_UNSENT = [0, 0]
_CORP, _PERSONAL, _BOTH = 0, 1, 2


def add_msg_template(call: Call) -> Result:
    """Make the task; recipients that cannot be reached come back in ``fail_list``, nobody left is 41048."""
    platform, body = call.platform, call.body
    text, attachments = parts.content_of(platform, body)
    plan, failed = mass_plan.planned(platform, body)
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
    """Tasks of a span of at most a month, newest first; ``creator`` is there for those members sent by themselves."""
    body = call.body
    if not 0 <= body["end_time"] - body["start_time"] <= _MONTH_S:
        raise Refusal(40058, "start_time and end_time are over a month apart")
    span = range(body["start_time"], body["end_time"] + 1)
    found = [t for t in call.platform.tasks if t.chat_type == body["chat_type"] and t.create_time in span]
    found = [task for task in found if _is_wanted(call, task)]
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


def _is_wanted(call: Call, task: MassTask) -> bool:
    wanted, kind = call.body["creator"], call.body["filter_type"]
    if task.creator and not visibility.sees(call.app, task.creator):
        return False
    return wanted in ("", task.creator) and kind in (_BOTH, _PERSONAL if task.creator else _CORP)


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
    kind = _PERSONAL if task.creator else _CORP
    shown: dict[str, Any] = {"msgid": task.msgid, "create_time": task.create_time, "create_type": kind}
    if task.creator:
        shown["creator"] = task.creator
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
            Field("external_userid", "list", max_items=10_000, items="text"),
            Field("chat_id_list", "list", max_items=2_000, items="text"),
            Field("sender"),
            Field("tag_filter", "object"),
            Field("allow_select", "flag"),
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
            Field("filter_type", "number", default=_BOTH, choices=(_CORP, _PERSONAL, _BOTH)),
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
