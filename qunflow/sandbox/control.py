"""
The sandbox's own addresses below ``/_sandbox/``: log, clock, faults, acts, truth, outline, exports, records.

They are for tests and for the demo; nothing here exists on the real platform.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

from qunflow.sandbox.acts import ACTS
from qunflow.sandbox.clients import CannotAct
from qunflow.sandbox.faults import FaultPlan, fault_of
from qunflow.sandbox.outside import is_loopback
from qunflow.sandbox.page.pages import OperatorPage
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.wire import Answer, plain
from qunflow.sandbox.world import exports
from qunflow.sandbox.world.community import Community
from qunflow.sandbox.world.course import Course
from qunflow.sandbox.world.truth import truth

Query = Mapping[str, str]
_NDJSON = {"Content-Type": "application/x-ndjson; charset=UTF-8"}
_CSV = {"Content-Type": "text/csv; charset=UTF-8"}


class Control:
    """Answers the sandbox's own addresses."""

    def __init__(self, platform: Platform, community: Community, course: Course, faults: FaultPlan) -> None:
        self._platform = platform
        self._community = community
        self._course = course
        self._faults = faults
        self._reads: dict[str, Callable[[Query], Answer]] = {
            **OperatorPage(community, course).reads,
            "clock": lambda query: self._now(),
            "log": self._log,
            "faults": lambda query: plain({"plan": self._faults.shown()}),
            "truth": lambda query: plain(truth(self._community)),
            "world": lambda query: plain(exports.outline(self._community)),
            "export/events.csv": lambda query: _csv(exports.events_csv(self._community)),
            "export/leads.csv": lambda query: _csv(exports.leads_csv(self._community)),
        }
        self._writes: dict[str, Callable[[Any], Awaitable[Answer]]] = {
            "clock": self._move_clock,
            "faults": self._set_faults,
            "act": self._act,
        }

    async def answer(self, method: str, path: str, query: Query, content: bytes) -> Answer:
        """Answer one request; mistakes are HTTP 400 with a sentence, unknown addresses 404."""
        if method == "GET" and path in self._reads:
            return self._reads[path](query)
        if method != "POST" or path not in self._writes:
            return plain({"problem": f"no {method} /_sandbox/{path}"}, 404)
        try:
            return await self._writes[path](json.loads(content or b"{}"))
        except (CannotAct, ValueError, KeyError, TypeError) as error:
            return plain({"problem": f"{type(error).__name__}: {error}"}, 400)

    def _now(self, **more: Any) -> Answer:
        course = self._course
        return plain(
            {"now": exports.instant(self._platform.now()), "frozen": course.frozen, "rate": course.rate, **more}
        )

    def _log(self, query: Query) -> Answer:
        lines = self._platform.storage.log_lines(int(query.get("since", 0)))
        return Answer("".join(f"{line}\n" for line in lines).encode(), headers=_NDJSON)

    async def _move_clock(self, body: dict[str, Any]) -> Answer:
        """``advance_s`` and ``advance_to`` live until then, ``set`` only jumps; ``freeze`` and ``rate`` stay."""
        unknown = set(body) - {"advance_s", "advance_to", "set", "freeze", "rate"}
        if unknown or not body:
            raise ValueError("the clock takes advance_s, advance_to, set, freeze or rate")
        if "rate" in body:
            self._course.rate = _rate(body["rate"])
        if "freeze" in body:
            self._course.freeze(_yes_or_no(body["freeze"]))
        if "set" in body:
            await self._course.jump(_instant(body["set"]))
        happened = await self._course.advance(goal) if (goal := self._goal(body)) is not None else 0
        return self._now(happened=happened)

    def _goal(self, body: dict[str, Any]) -> int | None:
        if "advance_s" in body:
            return self._platform.now() + int(body["advance_s"])
        return _instant(body["advance_to"]) if "advance_to" in body else None

    async def _set_faults(self, body: Any) -> Answer:
        rules = body.get("plan", []) if isinstance(body, dict) else body
        self._faults.replace([fault_of(rule) for rule in rules])
        return plain({"plan": self._faults.shown()})

    async def _act(self, body: dict[str, Any]) -> Answer:
        if body.get("act") not in ACTS:
            raise ValueError(f"act must be one of {', '.join(sorted(ACTS))}")
        result = await ACTS[body["act"]](self._community, body)
        await self._course.flush()
        return plain({"done": body["act"], **result})


def is_from_here(headers: Mapping[str, str]) -> bool:
    """Whether a request names this machine: no page of the web may drive the sandbox through somebody's browser."""
    origin = headers.get("origin", "")
    return is_loopback(f"//{headers.get('host', '')}") and (not origin or is_loopback(origin))


def _instant(text: str) -> int:
    to = datetime.fromisoformat(text)
    if to.tzinfo is None:
        raise ValueError("an instant needs an offset, e.g. 2026-03-02T08:00:00+08:00")
    return int(to.timestamp())


def _yes_or_no(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("freeze is true or false")
    return value


def _rate(value: object) -> float:
    rate = float(str(value))
    if not 0 <= rate <= 86_400:
        raise ValueError("rate is 0 to 86400 simulated seconds a second")
    return rate


def _csv(text: str) -> Answer:
    return Answer(text.encode(), headers=_CSV)
