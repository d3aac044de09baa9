"""
Why nobody reacted, picked on a phone: a reason of the list, and a word on what will be changed.

What is asked is decided in retention; the to-do that asks is shown on the page of the day.
"""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from qunflow.store import todo_answers, todos
from qunflow.web.forms import form_of, whole
from qunflow.web.pages import wants_json
from qunflow.web.ports import ports_of
from qunflow.web.refusals import Refusal
from qunflow.web.session import HOME, allowed

router = APIRouter()


@router.post("/today/reason")
async def reason(request: Request) -> Response:
    """Answer a to-do that asks for a reason, which closes it."""
    return await run_in_threadpool(_answer, request, await form_of(request))


def _answer(request: Request, form: dict[str, str]) -> Response:
    person = allowed(request, "send_by_hand")
    ports, number, picked = ports_of(request), whole(form, "todo"), form.get("reason", "")
    with ports.store.reading() as conn:
        found = todos.find(conn, number)
    if found is None:
        raise Refusal(404, "not_found")
    if found.assignee != person.userid and not person.may("approve"):
        raise Refusal(403, "not_yours")
    if picked not in found.details.get("reasons", ()):
        raise Refusal(422, "bad_field", field="reason")
    work = partial(
        todo_answers.answer,
        todo_id=number,
        reason=picked,
        change=form.get("change", ""),
        by=person.userid,
        at=ports.clock.now(),
    )
    # Answered twice, the first answer stands.
    ports.store.write(work)
    if wants_json(request):
        return JSONResponse({"todo": number, "reason": picked})
    return RedirectResponse(f"{HOME}#todo{number}", status_code=303)
