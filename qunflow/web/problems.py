"""
What nobody knows and what could not be sent, on a phone: looked at, and settled with one tap.

What may be sent again is decided in ``delivery.problems``.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import get_args

from fastapi import APIRouter, Request
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from qunflow.clock import local_day
from qunflow.delivery.problems import Settlement, problems, settle_by_hand
from qunflow.delivery.reasons import in_words
from qunflow.errors import BadInput
from qunflow.web.forms import form_of, whole
from qunflow.web.pages import page, wants_json
from qunflow.web.ports import WebPorts, ports_of
from qunflow.web.refusals import Refusal
from qunflow.web.session import allowed
from qunflow.web.today import name_of

_WAYS: dict[str, Settlement] = {one: one for one in get_args(Settlement)}

router = APIRouter()


@router.get("/problems")
def show(request: Request) -> Response:
    """Every unknown message and dead letter with what is known about it."""
    person = allowed(request, "settle")
    ports = ports_of(request)
    with ports.store.reading() as conn:
        found = problems(conn, ports.workspace, ports.clock.now())
    if wants_json(request):
        return JSONResponse(jsonable_encoder([asdict(one) for one in found]))
    return page(
        request,
        "problems",
        person=person,
        problems=found,
        moment=partial(moment, ports),
        name_of=partial(name_of, ports),
        title_of=ports.title_of,
        why=partial(in_words, ports.language.text),
        told=request.query_params.get("done", ""),
    )


@router.post("/problems/settle")
async def settle(request: Request) -> Response:
    """It arrived, it is sent again, or it is left."""
    return await run_in_threadpool(_settle, request, await form_of(request))


def moment(ports: WebPorts, at: datetime, community: str) -> str:
    """A time of the community's day; of another day, with its date."""
    place = next((one for one in ports.workspace.communities if one.key == community), ports.workspace.communities[0])
    there = at.astimezone(place.zone_info)
    today = local_day(ports.clock.now(), place.zone_info)
    return f"{there:%H:%M}" if there.date() == today else f"{there:%m-%d %H:%M}"


def _settle(request: Request, form: dict[str, str]) -> Response:
    person = allowed(request, "settle")
    ports, number = ports_of(request), whole(form, "number")
    how = _WAYS.get(form.get("how", ""))
    if how is None:
        raise Refusal(422, "bad_field", field="how")
    work = partial(
        settle_by_hand, workspace=ports.workspace, number=number, how=how, by=person.userid, at=ports.clock.now()
    )
    try:
        done = ports.store.write(work)
    except BadInput as error:
        raise Refusal(409, "settled_meanwhile") from error
    if wants_json(request):
        return JSONResponse({"number": number, "how": how, "messages": done})
    return RedirectResponse(f"/problems?done={how}", status_code=303)
