"""
The check-in page: one button, one check-in a person and local day.

The check-in is kept in the inbox; what it is worth is decided by the weekly activity.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from qunflow.clock import local_day
from qunflow.store.activities import Activity, by_code
from qunflow.web.actors import actor_of, remember
from qunflow.web.guessing import may_ask, unknown_code
from qunflow.web.keeping import keep_waiting
from qunflow.web.pages import page, wants_json
from qunflow.web.ports import ports_of
from qunflow.web.refusals import Refusal
from qunflow.web.session import from_our_own_page

_CODE = re.compile(r"[0-9A-Za-z_-]{6,32}")

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Visit:
    """A check-in week as one person meets it: who, when, and on which local day of the community."""

    activity: Activity
    actor: str
    at: datetime
    day: date


@router.get("/c/{code}")
def show(request: Request, code: str) -> Response:
    """The page with the button."""
    visit = _visit(request, code)
    state = "open" if visit.actor else "stranger"
    return remember(request, page(request, "checkin", activity=visit.activity, day=visit.day, state=state))


@router.post("/c/{code}")
def check_in(request: Request, code: str) -> Response:
    """Keep the check-in; pressing twice on a day counts once."""
    from_our_own_page(request)
    visit = _visit(request, code)
    if not visit.actor:
        raise Refusal(403, "stranger")
    body = {"code": code, "actor": visit.actor, "at": visit.at.isoformat()}
    new = keep_waiting(request, "checkin", f"{code}/{visit.actor}/{visit.day.isoformat()}", body)
    state = "done" if new else "already"
    if wants_json(request):
        return JSONResponse({"state": state, "day": visit.day.isoformat()})
    return page(request, "checkin", activity=visit.activity, day=visit.day, state=state)


def _visit(request: Request, code: str) -> Visit:
    """Raises: Refusal for an unknown code, or a week that has not begun or is over."""
    may_ask(request)
    ports = ports_of(request)
    with ports.store.reading() as conn:
        activity = by_code(conn, [code]).get(code) if _CODE.fullmatch(code) else None
    community = next((c for c in ports.workspace.communities if activity and c.key == activity.community), None)
    if activity is None or community is None:
        raise unknown_code(request)
    at = ports.clock.now()
    day = local_day(at, community.zone_info)
    if day < activity.opens_on:
        raise Refusal(403, "not_begun")
    if day > activity.closes_on:
        raise Refusal(410, "activity_over")
    return Visit(activity, actor_of(request), at, day)
