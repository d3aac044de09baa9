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
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.wire import Answer, plain
from qunflow.sandbox.world import exports
from qunflow.sandbox.world.community import Community
from qunflow.sandbox.world.course import Course

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
            "clock": lambda query: self._now(),
            "log": self._log,
            "faults": lambda query: plain({"plan": self._faults.shown()}),
            "truth": lambda query: plain(exports.truth(self._community)),
            "world": lambda query: plain(exports.outline(self._community)),
            "export/events.csv": lambda query: _csv(exports.events_csv(self._community)),
            "export/leads.csv": lambda query: _csv(exports.leads_csv(self._community)),
        }
        self._writes: dict[str, Callable[[Any], Awaitable[Answer]]] = {
            "clock": self._advance,
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

    def _now(self) -> Answer:
        return plain({"now": exports.instant(self._platform.now())})

    def _log(self, query: Query) -> Answer:
        lines = self._platform.storage.log_lines(int(query.get("since", 0)))
        return Answer("".join(f"{line}\n" for line in lines).encode(), headers=_NDJSON)

    async def _advance(self, body: dict[str, Any]) -> Answer:
        happened = await self._course.advance(self._goal(body))
        return plain({"now": exports.instant(self._platform.now()), "happened": happened})

    def _goal(self, body: dict[str, Any]) -> int:
        if "advance_s" in body:
            return self._platform.now() + int(body["advance_s"])
        to = datetime.fromisoformat(body["advance_to"])
        if to.tzinfo is None:
            raise ValueError("advance_to needs an offset, e.g. 2026-03-02T08:00:00+08:00")
        return int(to.timestamp())

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


def _csv(text: str) -> Answer:
    return Answer(text.encode(), headers=_CSV)
