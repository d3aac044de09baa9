"""
A person's day on a phone: what to post in which group now, the mass tasks to confirm, and what else is to be done.

Every tap is one POST that leads back to the page; nothing here needs a script but copying.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse, RedirectResponse, Response
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from qunflow.delivery.hand_send import card_holder, mark_posted, undo_posted
from qunflow.delivery.reasons import in_words
from qunflow.delivery.today import Day, day_of
from qunflow.store import todos
from qunflow.store.todos import State, Todo
from qunflow.web.forms import form_of, whole
from qunflow.web.pages import page, wants_json
from qunflow.web.ports import WebPorts, ports_of
from qunflow.web.refusals import Refusal
from qunflow.web.session import HOME, Person, allowed

MAX_REPLIES = 100_000
_STATES: dict[str, State] = {"done": "done", "skipped": "skipped", "open": "open"}
# How long a closed to-do can still be opened again on the page.
_REOPENED_WITHIN = timedelta(hours=18)

router = APIRouter()


@router.get(HOME)
def show(request: Request) -> Response:
    """The signed-in person's day; whoever approves sees everybody's."""
    person = allowed(request, "look")
    ports = ports_of(request)
    now = ports.clock.now()
    with ports.store.reading() as conn:
        day, mine = _work(conn, ports, person, now)
    if wants_json(request):
        return JSONResponse(jsonable_encoder({**asdict(day), "todos": mine, "done": day.done, "total": day.total}))
    return page(
        request,
        "today",
        person=person,
        day=day,
        todos=mine,
        now=now,
        clock=partial(_clock, ports),
        name_of=partial(name_of, ports),
        title_of=ports.title_of,
        why=partial(in_words, ports.language.text),
        told=request.query_params.get("done", ""),
        colleagues=[one for one in ports.workspace.team if one.userid != person.userid],
    )


@router.post("/today/done")
async def done(request: Request) -> Response:
    """The card is posted; how many replied may be told, also later."""
    form = await form_of(request)
    return await run_in_threadpool(_tap, request, form, is_done=True)


@router.post("/today/undo")
async def undo(request: Request) -> Response:
    """Take a tap back."""
    form = await form_of(request)
    return await run_in_threadpool(_tap, request, form, is_done=False)


@router.post("/today/todo")
async def todo(request: Request) -> Response:
    """Close a to-do as done or skipped, or open it again."""
    return await run_in_threadpool(_close, request, await form_of(request))


def name_of(ports: WebPorts, userid: str) -> str:
    """How somebody of the team is called on a page."""
    member = ports.workspace.member(userid)
    return (member.name if member else "") or userid


def _work(conn: Connection, ports: WebPorts, person: Person, now: datetime) -> tuple[Day, list[Todo]]:
    whose = None if person.may("approve") else person.userid
    day = day_of(conn, ports.workspace, now, whose)
    return day, todos.listed(conn, assignee=whose, closed_since=now - _REOPENED_WITHIN)


def _clock(ports: WebPorts, at: datetime, community: str) -> str:
    zone = next((one.zone_info for one in ports.workspace.communities if one.key == community), ZoneInfo("UTC"))
    return f"{at.astimezone(zone):%H:%M}"


def _tap(request: Request, form: dict[str, str], *, is_done: bool) -> Response:
    person = allowed(request, "send_by_hand")
    ports, card = ports_of(request), whole(form, "card")
    with ports.store.reading() as conn:
        holder = card_holder(conn, card)
    if not holder:
        raise Refusal(404, "unknown_card")
    if holder != person.userid and not person.may("approve"):
        raise Refusal(403, "not_yours")
    at = ports.clock.now()
    work = (
        partial(mark_posted, target_id=card, reply_count=_replies(form), at=at)
        if is_done
        else partial(undo_posted, target_id=card)
    )
    if not ports.store.write(work):
        raise Refusal(409, "card_not_open")
    if wants_json(request):
        return JSONResponse({"card": card, "state": "delivered" if is_done else "waiting"})
    # A reload after the tap must not tap again.
    return RedirectResponse(f"{HOME}#card{card}", status_code=303)


def _replies(form: dict[str, str]) -> int | None:
    """Raises: Refusal 422 when it is no whole number from 0 on; nothing given is nothing known."""
    if not form.get("reply_count", "").strip():
        return None
    try:
        given = whole(form, "reply_count")
    except Refusal as error:
        raise Refusal(422, "bad_reply_count", field="reply_count") from error
    if given > MAX_REPLIES:
        raise Refusal(422, "bad_reply_count", field="reply_count")
    return given


def _close(request: Request, form: dict[str, str]) -> Response:
    person = allowed(request, "send_by_hand")
    ports, number = ports_of(request), whole(form, "todo")
    state = _STATES.get(form.get("state", ""))
    if state is None:
        raise Refusal(422, "bad_field", field="state")
    with ports.store.reading() as conn:
        found = todos.find(conn, number)
    if found is None:
        raise Refusal(404, "not_found")
    if found.assignee != person.userid and not person.may("approve"):
        raise Refusal(403, "not_yours")
    at = ports.clock.now()
    # Tapped twice, it stands as it is.
    ports.store.write(partial(todos.close, todo_id=number, state=state, by=person.userid, at=at))
    if wants_json(request):
        return JSONResponse({"todo": number, "state": state})
    return RedirectResponse(f"{HOME}#todo{number}", status_code=303)
