"""
A WeCom in simulated time, written from its documentation alone: accepts, forgets, lags, repeats, and keeps a log.

The log is what the checker judges by. Nothing here is taken from what is tested.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.crash.simulation.world import World

# The latest a lost request may still arrive, and the longest a list may lag behind: together less than the wait.
LATEST_S, LAG_S = 180.0, 60.0
_SAME_CARD_S = 14_400.0
_WELCOME_S = 20.0
# What may go wrong with a write: name → how often, out of a hundred that go wrong at all.
FAULTS = {
    "lost_before": 12,
    "lost_after": 18,
    "late": 14,
    "busy": 8,
    "html": 10,
    "truncated": 8,
    "no_route": 8,
    "limit": 7,
    "dispatching": 5,
    "twice": 5,
    "refused": 5,
}
REFUSAL = 41048


@dataclass
class Acceptance:
    """One request the platform carried out; ``decided_at`` is when the caller turned to the network."""

    at: datetime
    decided_at: datetime
    path: str
    addresses: tuple[str, ...]
    text: str
    platform_id: str
    confirmed_at: datetime | None = None
    cancelled_at: datetime | None = None
    repeated: bool = False


@dataclass
class Reply:
    """What comes back: status and bytes, or nothing when ``lost``; ``unsent`` when there was no connection."""

    status: int = 200
    body: bytes = b""
    lost: bool = False
    unsent: bool = False


@dataclass
class Platform:
    """
    One corp.

    Args:
        world: time and dice.
        trouble: the share of writes that go wrong, while ``patience`` lasts.
        patience: how many writes may go wrong in all.
        habit: seconds until an owner confirms a task, None for never.
    """

    world: World
    trouble: float
    patience: int
    habit: Callable[[random.Random], float | None]
    log: list[Acceptance] = field(default_factory=list)
    refused: list[tuple[str, tuple[str, ...], str]] = field(default_factory=list)
    faults: dict[str, int] = field(default_factory=dict)
    pending: int = 0
    _by_id: dict[str, Acceptance] = field(default_factory=dict)
    _keys: dict[str, datetime] = field(default_factory=dict)
    _lag_of: dict[str, float] = field(default_factory=dict)

    def ask(self, path: str, body: Mapping[str, Any]) -> Reply:
        """One request over the network, in the caller's own time; a step before, between and after."""
        world, decided_at = self.world, self.world.now
        world.step(f"http leaves {path}", switch=True)
        world.sleep(world.dice.uniform(0.01, 0.4))
        fault = self._fault(path)
        answer = self._go_wrong(fault, path, body, decided_at) if fault else self._carry_out(path, body, decided_at)
        world.step(f"http accepted {path}", switch=True)
        world.sleep(10.0 if answer.lost else world.dice.uniform(0.01, 0.4))
        world.step(f"http answered {path}", switch=True)
        return answer

    def _fault(self, path: str) -> str:
        dice = self.world.dice
        if self.patience <= 0 or dice.random() >= self.trouble:
            return ""
        self.patience -= 1
        if path not in _WRITES:
            fault = dice.choice(("lost_before", "html", "no_route", "limit"))
        else:
            fault = dice.choices(list(FAULTS), list(FAULTS.values()))[0]
        if path not in _TASKS and fault in ("twice", "dispatching", "refused"):
            fault = "lost_after"
        self.faults[fault] = self.faults.get(fault, 0) + 1
        return fault

    def _go_wrong(self, fault: str, path: str, body: Mapping[str, Any], decided_at: datetime) -> Reply:
        dice = self.world.dice
        if fault == "no_route":
            return Reply(unsent=True)
        if fault in ("limit", "dispatching"):
            return _json({"errcode": 45009 if fault == "limit" else 41063})
        if fault == "refused":
            self.refused.append((path, *_content(path, body)))
            return _json({"errcode": REFUSAL})
        if fault == "late":
            later = self.world.seconds + dice.uniform(1.0, LATEST_S)
            self.pending += 1
            self.world.at(later, lambda: self._arrive_late(path, body, decided_at))
            return Reply(lost=True)
        if fault in ("lost_after", "truncated", "twice") or (fault in ("busy", "html") and dice.random() < 0.5):
            done = self._carry_out(path, body, decided_at)
            if fault == "twice":
                self._carry_out(path, body, decided_at, repeated=True)
            if fault == "truncated":
                return Reply(200, done.body[: len(done.body) // 2])
        if fault == "busy":
            return _json({"errcode": -1})
        return Reply(502, b"<html><body>502 Bad Gateway</body></html>") if fault == "html" else Reply(lost=True)

    def _arrive_late(self, path: str, body: Mapping[str, Any], decided_at: datetime) -> None:
        self.pending -= 1
        self._carry_out(path, body, decided_at)

    def _carry_out(self, path: str, body: Mapping[str, Any], decided_at: datetime, *, repeated: bool = False) -> Reply:
        return _json(_WAYS[path](self, body, decided_at, repeated))

    def accept(
        self, path: str, body: Mapping[str, Any], decided_at: datetime, platform_id: str, *, repeated: bool = False
    ) -> Acceptance:
        """Write a request into the log."""
        addresses, text = _content(path, body)
        one = Acceptance(self.world.now, decided_at, path, addresses, text, platform_id, repeated=repeated)
        self.log.append(one)
        self._by_id[platform_id] = one
        self.world.note(f"{path} {platform_id} {self.world.seconds:.6f}")
        return one

    def task(self, msgid: str) -> Acceptance:
        """The mass task of that id."""
        return self._by_id[msgid]

    def _make_task(self, body: Mapping[str, Any], decided_at: datetime, repeated: bool) -> dict[str, Any]:
        msgid = f"msg{len(self.log) + 1}"
        task = self.accept("externalcontact/add_msg_template", body, decided_at, msgid, repeated=repeated)
        dice = self.world.dice
        self._lag_of[msgid] = dice.uniform(0.0, LAG_S)
        after = self.habit(dice)
        if after is not None:
            # What the network repeats is confirmed late enough to be found first: what comes before is beyond anybody.
            self.world.at(self.world.seconds + after + (7_200.0 if repeated else 0.0), lambda: self._confirm(task))
        return {"errcode": 0, "msgid": msgid, "fail_list": []}

    def _confirm(self, task: Acceptance) -> None:
        if task.cancelled_at is None:
            task.confirmed_at = self.world.now

    def _list(self, body: Mapping[str, Any], *_: Any) -> dict[str, Any]:
        now, start, end = self.world.now, body["start_time"], body["end_time"]
        found = [
            {"msgid": one.platform_id, "create_time": str(int(one.at.timestamp())), "text": {"content": one.text}}
            for one in self.log
            if one.path == "externalcontact/add_msg_template"
            and one.at + timedelta(seconds=self._lag_of[one.platform_id]) <= now
            and one.addresses[1] == body["chat_type"]
            and start <= one.at.timestamp() <= end
        ]
        return {"errcode": 0, "group_msg_list": found, "next_cursor": ""}

    def _owners(self, body: Mapping[str, Any], *_: Any) -> dict[str, Any]:
        task = self.task(body["msgid"])
        return {"errcode": 0, "task_list": [{"userid": task.addresses[0], "status": 2 if task.confirmed_at else 0}]}

    def _results(self, body: Mapping[str, Any], *_: Any) -> dict[str, Any]:
        task = self.task(body["msgid"])
        if task.cancelled_at:
            return {"errcode": 41093}
        status = 1 if task.confirmed_at else 0
        name = "chat_id" if task.addresses[1] == "group" else "external_userid"
        rows: list[dict[str, Any]] = [
            {name: one, "userid": body["userid"], "status": status} for one in task.addresses[2:]
        ]
        if task.confirmed_at:
            rows = [{**one, "send_time": int(task.confirmed_at.timestamp())} for one in rows]
        return {"errcode": 0, "send_list": rows}

    def _remind(self, _body: Mapping[str, Any], *_: Any) -> dict[str, Any]:
        return {"errcode": 0}

    def _cancel(self, body: Mapping[str, Any], *_: Any) -> dict[str, Any]:
        task = self.task(body["msgid"])
        if task.cancelled_at:
            return {"errcode": 41093}
        if task.confirmed_at is None:
            task.cancelled_at = self.world.now
        return {"errcode": 0}

    def _welcome(self, body: Mapping[str, Any], decided_at: datetime, repeated: bool) -> dict[str, Any]:
        code = str(body["welcome_code"])
        given_at = datetime.fromtimestamp(float(code.split("-")[1]), tz=self.world.now.tzinfo)
        if self.world.now > given_at + timedelta(seconds=_WELCOME_S):
            return {"errcode": 41050}
        if code in self._keys:
            return {"errcode": 41051}
        self._keys[code] = self.world.now
        self.accept("externalcontact/send_welcome_msg", body, decided_at, code, repeated=repeated)
        return {"errcode": 0}

    def _card(self, body: Mapping[str, Any], decided_at: datetime, repeated: bool) -> dict[str, Any]:
        key, now = json.dumps(body, sort_keys=True), self.world.now
        seen = self._keys.get(key)
        if seen is None or now > seen + timedelta(seconds=_SAME_CARD_S):
            self._keys[key] = now
            self.accept("message/send", body, decided_at, f"app{len(self.log) + 1}", repeated=repeated)
        return {"errcode": 0, "msgid": "app"}

    def _robot(self, body: Mapping[str, Any], decided_at: datetime, repeated: bool) -> dict[str, Any]:
        self.accept("robot", body, decided_at, f"robot{len(self.log) + 1}", repeated=repeated)
        return {"errcode": 0}


_Answer = Callable[[Platform, Mapping[str, Any], datetime, bool], dict[str, Any]]
_EC = "externalcontact"
_WAYS: dict[str, _Answer] = {
    f"{_EC}/add_msg_template": Platform._make_task,
    f"{_EC}/get_groupmsg_list_v2": Platform._list,
    f"{_EC}/get_groupmsg_task": Platform._owners,
    f"{_EC}/get_groupmsg_send_result": Platform._results,
    f"{_EC}/remind_groupmsg_send": Platform._remind,
    f"{_EC}/cancel_groupmsg_send": Platform._cancel,
    f"{_EC}/send_welcome_msg": Platform._welcome,
    "message/send": Platform._card,
    "robot": Platform._robot,
}
_TASKS = {f"{_EC}/add_msg_template"}
_WRITES = _TASKS | {f"{_EC}/send_welcome_msg", "message/send", "robot"}


def _content(path: str, body: Mapping[str, Any]) -> tuple[tuple[str, ...], str]:
    """Addresses and text; a task's addresses begin with its owner and kind."""
    if path.endswith("add_msg_template"):
        targets = body.get("chat_id_list") or body.get("external_userid") or []
        return (body["sender"], body["chat_type"], *targets), body["text"]["content"]
    if path.endswith("send_welcome_msg"):
        return (body["welcome_code"],), body["text"]["content"]
    if path == "robot":
        return (body["robot"],), body["text"]
    kind = body["msgtype"]
    return (body["touser"],), body[kind].get("url") or body[kind]["content"]


def _json(body: dict[str, Any]) -> Reply:
    return Reply(200, json.dumps(body).encode())
