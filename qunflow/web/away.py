"""
Who is away, on a phone: noted by an operator, taken back by one; and 转, giving one's own work to somebody else.

What follows for the messages is done by ``delivery.stand_in`` in the next round.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime, time, timedelta
from functools import partial

from fastapi import APIRouter, Request
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse, RedirectResponse, Response
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from qunflow.clock import instant_of, local_day
from qunflow.delivery.hand_send import card_holder
from qunflow.delivery.stand_in import hand_over, sheet_of
from qunflow.errors import BadInput
from qunflow.store import absences
from qunflow.web.forms import form_of, whole
from qunflow.web.pages import page, wants_json
from qunflow.web.ports import WebPorts, ports_of
from qunflow.web.refusals import Refusal
from qunflow.web.session import HOME, allowed
from qunflow.web.today import name_of

_MOST_DAYS = 366
_MOST_MINUTES = 24 * 60

router = APIRouter()


@router.get("/today/away")
def show(request: Request) -> Response:
    """Absences that last or are to come, and a form for another."""
    person = allowed(request, "look")
    ports = ports_of(request)
    now = ports.clock.now()
    with ports.store.reading() as conn:
        known = absences.noted(conn, now)
    if wants_json(request):
        return JSONResponse(jsonable_encoder([asdict(one) for one in known]))
    zone = ports.workspace.communities[0].zone_info
    return page(
        request,
        "away",
        person=person,
        absences=known,
        zone=zone,
        today=local_day(now, zone),
        team=ports.workspace.team,
        shifts=[(one.name, one.shifts) for one in ports.workspace.communities if one.shifts],
        name_of=partial(name_of, ports),
    )


@router.post("/today/away/note")
async def note(request: Request) -> Response:
    """Somebody will be away, from one local day to another, both included."""
    return await run_in_threadpool(_note, request, await form_of(request))


@router.post("/today/away/cancel")
async def cancel(request: Request) -> Response:
    """They will be there after all."""
    return await run_in_threadpool(_cancel, request, await form_of(request))


@router.post("/today/hand-over")
async def over(request: Request) -> Response:
    """转: the cards of one message to a colleague; or, with ``minutes``, everything of the next while."""
    return await run_in_threadpool(_over, request, await form_of(request))


def _note(request: Request, form: dict[str, str]) -> Response:
    person = allowed(request, "absent")
    ports = ports_of(request)
    who, stand_in = form.get("who", ""), form.get("stand_in", "")
    _require_members(ports, who, *([stand_in] if stand_in else []))
    first, last = _day(form, "first"), _day(form, "last")
    if not first <= last < first + timedelta(days=_MOST_DAYS):
        raise Refusal(422, "bad_field", field="last")
    zone = ports.workspace.communities[0].zone_info
    start, end = instant_of(first, time.min, zone), instant_of(last + timedelta(days=1), time.min, zone)
    work = partial(_write, ports=ports, userid=who, start=start, end=end, stand_in=stand_in, by=person.userid)
    number = ports.store.write(work)
    return JSONResponse({"absence": number}) if wants_json(request) else RedirectResponse("/today/away", 303)


def _write(
    conn: Connection, *, ports: WebPorts, userid: str, start: datetime, end: datetime, stand_in: str, by: str
) -> int:
    try:
        return absences.note(conn, userid, start, end, stand_in, by=by, at=ports.clock.now())
    except BadInput as error:
        raise Refusal(422, "bad_field", field="stand_in") from error


def _cancel(request: Request, form: dict[str, str]) -> Response:
    person = allowed(request, "absent")
    ports, number = ports_of(request), whole(form, "absence")
    done = ports.store.write(partial(absences.cancel, absence_id=number, by=person.userid, at=ports.clock.now()))
    return JSONResponse({"cancelled": done}) if wants_json(request) else RedirectResponse("/today/away", 303)


def _over(request: Request, form: dict[str, str]) -> Response:
    person = allowed(request, "send_by_hand")
    ports, to = ports_of(request), form.get("to", "")
    _require_members(ports, to)
    at = ports.clock.now()
    if form.get("minutes"):
        minutes = min(max(whole(form, "minutes"), 1), _MOST_MINUTES)
        end = at + timedelta(minutes=minutes)
        work = partial(_write, ports=ports, userid=person.userid, start=at, end=end, stand_in=to, by=person.userid)
        ports.store.write(work)
        number = 0
    else:
        number = _over_cards(ports, whole(form, "card"), person.userid, to, person.may("approve"), at)
    return JSONResponse({"handed_over": number}) if wants_json(request) else RedirectResponse(HOME, 303)


def _over_cards(ports: WebPorts, card: int, by: str, to: str, any_card: bool, at: datetime) -> int:
    with ports.store.reading() as conn:
        holder = card_holder(conn, card)
        ids = sheet_of(conn, card)
    if not holder:
        raise Refusal(404, "unknown_card")
    if holder != by and not any_card:
        raise Refusal(403, "not_yours")
    return ports.store.write(partial(hand_over, target_ids=ids, to=to, by=by, at=at))


def _require_members(ports: WebPorts, *userids: str) -> None:
    for one in userids:
        if ports.workspace.member(one) is None:
            raise Refusal(422, "bad_field", field="userid")


def _day(form: dict[str, str], name: str) -> date:
    try:
        return date.fromisoformat(form.get(name, ""))
    except ValueError as error:
        raise Refusal(422, "bad_field", field=name) from error
