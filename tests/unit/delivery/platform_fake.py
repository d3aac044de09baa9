"""A WeCom in memory, with an acceptance log and faults, for tests that need no process of their own."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from sqlalchemy import insert, select

from qunflow.clock import FixedClock
from qunflow.connectors.wecom.client import WeCom
from qunflow.delivery.model import Content, Planned
from qunflow.delivery.outbox import approve, check, plan
from qunflow.delivery.ports import Ports
from qunflow.delivery.workers import FileLocks
from qunflow.settings.workspace import Community, Delivery, Quota, Workspace
from qunflow.store.engine import Store
from qunflow.store.tables import groups, targets
from qunflow.store.vault import Vault

ZONE = ZoneInfo("Asia/Shanghai")
DAY = date(2026, 3, 4)
NOON = datetime(2026, 3, 4, 12, 0, tzinfo=ZONE).astimezone(UTC)


@dataclass
class FakePlatform:
    """
    Answers like WeCom; ``faults[path]`` is a queue of what goes wrong with the next calls of that path.

    A fault is an error code, ``refused`` (no connection), ``lost`` (accepted, no answer) or ``dropped`` (sent, never
    accepted).
    """

    now: datetime = NOON
    accepted: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    faults: dict[str, list[int | str]] = field(default_factory=lambda: defaultdict(list))
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    moments: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    keyed: set[str] = field(default_factory=set)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/cgi-bin/").removeprefix("externalcontact/")
        self.calls.append(path)
        body: dict[str, Any] = json.loads(request.content) if request.content else dict(request.url.params)
        if path == "gettoken":
            return _ok(access_token="token-1", expires_in=7200)
        fault = self.faults[path].pop(0) if self.faults[path] else 0
        if fault == "refused":
            raise httpx.ConnectError("no route")
        if isinstance(fault, int) and fault:
            return httpx.Response(200, json={"errcode": fault, "errmsg": "x"})
        if fault == "dropped":
            raise httpx.ReadTimeout("silence")
        answer = getattr(self, f"_{path.replace('/', '_')}")(body)
        if fault == "lost":
            raise httpx.ReadTimeout("silence")
        return answer if isinstance(answer, httpx.Response) else _ok(**answer)

    def sent(self, path: str) -> list[dict[str, Any]]:
        """The accepted bodies of one path."""
        return [body for name, body in self.accepted if name == path]

    def confirm(self, msgid: str, status: int = 1) -> None:
        """Let the owner confirm a task."""
        self.tasks[msgid]["status"] = status
        self.tasks[msgid]["sent_at"] = int(self.now.timestamp())

    def _add_msg_template(self, body: dict[str, Any]) -> dict[str, Any]:
        self.accepted.append(("add_msg_template", body))
        msgid = f"msg{len(self.tasks) + 1}"
        self.tasks[msgid] = {**body, "created": int(self.now.timestamp()), "status": 0, "cancelled": False}
        return {"msgid": msgid, "fail_list": body.get("unreachable", [])}

    def _get_groupmsg_list_v2(self, body: dict[str, Any]) -> dict[str, Any]:
        found = [
            {
                "msgid": msgid,
                "create_time": str(task["created"]),
                "text": task.get("text"),
                "attachments": [],
                "creator": task.get("creator", ""),
            }
            for msgid, task in self.tasks.items()
            if task["chat_type"] == body["chat_type"] and body["start_time"] <= task["created"] <= body["end_time"]
        ]
        return {"group_msg_list": found, "next_cursor": ""}

    def _get_groupmsg_task(self, body: dict[str, Any]) -> Any:
        task = self.tasks[body["msgid"]]
        return {"task_list": [{"userid": task["sender"], "status": 2 if task["status"] else 0}]}

    def _get_groupmsg_send_result(self, body: dict[str, Any]) -> Any:
        task = self.tasks[body["msgid"]]
        if task["cancelled"]:
            return httpx.Response(200, json={"errcode": 41093})
        chats = task.get("chat_id_list") or task.get("external_userid")
        rows = [{"chat_id": one, "userid": task["sender"], "status": task["status"]} for one in chats]
        return {"send_list": [{**row, "send_time": task["sent_at"]} if task["status"] == 1 else row for row in rows]}

    def _add_moment_task(self, body: dict[str, Any]) -> dict[str, Any]:
        self.accepted.append(("add_moment_task", body))
        number = len(self.moments) + 1
        self.moments[f"mom{number}"] = {**body, "created": int(self.now.timestamp()), "status": 0}
        return {"jobid": f"j{number}"}

    def _get_moment_task_result(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"status": 3, "result": {"errcode": 0, "moment_id": f"mom{body['jobid'][1:]}"}}

    def _get_moment_list(self, body: dict[str, Any]) -> dict[str, Any]:
        listed = [
            {"moment_id": name, "create_time": str(one["created"]), "text": one["text"]}
            for name, one in self.moments.items()
            if body["start_time"] <= one["created"] <= body["end_time"]
        ]
        return {"moment_list": listed, "next_cursor": ""}

    def _get_moment_task(self, body: dict[str, Any]) -> dict[str, Any]:
        one = self.moments[body["moment_id"]]
        users = one["visible_range"]["sender_list"]["user_list"]
        return {"task_list": [{"userid": user, "publish_status": one["status"]} for user in users], "next_cursor": ""}

    def _remind_groupmsg_send(self, body: dict[str, Any]) -> dict[str, Any]:
        self.accepted.append(("remind_groupmsg_send", body))
        return {}

    def _cancel_groupmsg_send(self, body: dict[str, Any]) -> dict[str, Any]:
        self.accepted.append(("cancel_groupmsg_send", body))
        self.tasks[body["msgid"]]["cancelled"] = True
        return {}

    def _send_welcome_msg(self, body: dict[str, Any]) -> Any:
        if body["welcome_code"] in self.keyed:
            return httpx.Response(200, json={"errcode": 41051})
        self.keyed.add(body["welcome_code"])
        self.accepted.append(("send_welcome_msg", body))
        return {}

    def _message_send(self, body: dict[str, Any]) -> dict[str, Any]:
        key = json.dumps(body, sort_keys=True)
        if key not in self.keyed:
            self.keyed.add(key)
            self.accepted.append(("message/send", body))
        return {"invaliduser": "", "msgid": f"app{len(self.accepted)}"}


def _ok(**fields: Any) -> httpx.Response:
    return httpx.Response(200, json={"errcode": 0, "errmsg": "ok", **fields})


def a_workspace(**community: Any) -> Workspace:
    """A workspace with one community; ``community`` replaces its settings."""
    values = {"key": "neighbours", "name": "邻里", "type": "购物", "helper": "helper_xm", **community}
    return Workspace(
        brand="小满",
        communities=(Community(**values),),
        delivery=Delivery(reconcile_after_s=600, remind_after_minutes=10),
    )


def wecom_of(platform: FakePlatform) -> WeCom:
    """A connector that talks to the platform in memory."""
    transport = httpx.MockTransport(platform)
    return WeCom("http://127.0.0.1:1", "ww1", "s3cret", 1000002, transport=transport, production=False)


def add_groups(store: Store, count: int) -> list[int]:
    """Groups ``wr1`` … with their ids."""
    rows = [
        {
            "community": "neighbours",
            "group_key": f"g{one}",
            "chat_id": f"wr{one}",
            "name": f"{one} 群",
            "kind": "benefit_group",
        }
        for one in range(1, count + 1)
    ]
    with store.writing() as conn:
        conn.execute(insert(groups), rows)
        return list(conn.execute(select(groups.c.group_id).order_by(groups.c.group_id)).scalars())


def a_plan(group_id: int, text: str = "砂糖橘 29.9 元", **changes: Any) -> Planned:
    """One mass task at noon, on time for ten minutes."""
    values: dict[str, Any] = {
        "community": "neighbours",
        "stage": "daily_content",
        "campaign": "",
        "slot_key": "noon",
        "day": DAY,
        "way": "mass_task",
        "sender_userid": "owner_zhou",
        "target_kind": "chat",
        "target_ref": group_id,
        "content": Content(text),
        "due_at": NOON,
        "not_after": NOON + timedelta(minutes=10),
        "marketing": True,
        **changes,
    }
    return Planned(**values)


def put(store: Store, *planned: Planned) -> list[int]:
    """Plan, check and approve; gives the target ids."""
    with store.writing() as conn:
        report = plan(conn, planned, NOON)
        check(conn, report.ids)
        approve(conn, report.ids, by="li", at=NOON)
    return list(report.ids)


def states(store: Store, column: str = "state") -> list[Any]:
    """One column of every target, in the order of their ids."""
    with store.reading() as conn:
        return list(conn.execute(select(targets.c[column]).order_by(targets.c.target_id)).scalars())


def ports_of(store: Store, vault: Vault, platform: FakePlatform, directory: Path, **community: Any) -> Ports:
    """Ports over the platform in memory."""
    return Ports(
        store=store,
        vault=vault,
        wecom=wecom_of(platform),
        clock=FixedClock(NOON),
        workspace=a_workspace(**community),
        liveness=FileLocks(directory),
        web_url="http://127.0.0.1:8790",
    )


DAILY = {"quota": Quota(mode="day_1")}
LUNCH = time(12, 0)
