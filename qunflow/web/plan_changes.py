"""
What is decided about a slot once it is under way: the next groups may have it, or it was wrong.

Both stand on the page of the plan; what follows is ``delivery.waves``'s and ``delivery.corrections``'s.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import partial

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from qunflow.delivery.corrections import recall
from qunflow.delivery.waves import release
from qunflow.errors import BadInput
from qunflow.web.forms import form_of, whole
from qunflow.web.pages import wants_json
from qunflow.web.plan import MAX_TEXT, again, place_of
from qunflow.web.ports import ports_of
from qunflow.web.refusals import Refusal
from qunflow.web.session import allowed

router = APIRouter()


@router.post("/plan/release")
async def release_(request: Request) -> Response:
    """Let the next wave of a slot go."""
    return await run_in_threadpool(_release, request, await form_of(request))


@router.post("/plan/wrong")
async def wrong(request: Request) -> Response:
    """Stop a slot that was wrong, and have it recalled; a correction needs somebody who may write."""
    return await run_in_threadpool(_wrong, request, await form_of(request))


def _release(request: Request, form: dict[str, str]) -> Response:
    person = allowed(request, "release")
    ports, place, wave = ports_of(request), place_of(request, form), whole(form, "wave")
    work = partial(
        release,
        community=place.community.key,
        slot_key=form.get("slot", ""),
        day=place.day,
        wave=wave,
        by=person.userid,
        at=ports.clock.now(),
    )
    try:
        changed = ports.store.write(work)
    except BadInput as error:
        raise Refusal(409, "changed_meanwhile") from error
    return JSONResponse({"released": changed}) if wants_json(request) else again(place, "released")


def _wrong(request: Request, form: dict[str, str]) -> Response:
    text = form.get("text", "").replace("\r\n", "\n").strip()
    person = allowed(request, "stop")
    if text and not person.may("write"):
        raise Refusal(403, "not_allowed")
    if len(text) > MAX_TEXT:
        raise Refusal(422, "bad_text")
    ports, place = ports_of(request), place_of(request, form)
    work = partial(
        recall,
        community=place.community,
        slot_key=form.get("slot", ""),
        day=place.day,
        by=person.userid,
        at=ports.clock.now(),
        correction=text,
    )
    done = ports.store.write(work)
    return JSONResponse(asdict(done)) if wants_json(request) else again(place, "recalled")
