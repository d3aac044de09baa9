"""
The kill switch on a phone: anybody of the team may stop everything, a campaign or a group; going on is a decision.

The switch is read inside each claim, so nothing leaves after the tap; that is ``delivery.switches``'s doing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from qunflow.delivery import switches
from qunflow.delivery.switches import Scope
from qunflow.settings.workspace import Workspace
from qunflow.web.forms import form_of
from qunflow.web.pages import page, wants_json
from qunflow.web.ports import ports_of
from qunflow.web.refusals import Refusal
from qunflow.web.session import allowed
from qunflow.web.today import name_of

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Switch:
    """One thing that can be stopped, and since when and by whom it is, if it is; ``name`` is empty for everything."""

    scope: Scope
    key: str
    name: str
    since: datetime | None = None
    by: str = ""


@router.get("/stop")
def show(request: Request) -> Response:
    """What is stopped, and what can be."""
    person = allowed(request, "look")
    ports = ports_of(request)
    with ports.store.reading() as conn:
        found = _with_state(_all(ports.workspace), switches.stopped(conn))
    if wants_json(request):
        return JSONResponse(jsonable_encoder([asdict(one) for one in found if one.since]))
    zone = ports.workspace.communities[0].zone_info
    return page(request, "stop", person=person, switches=found, zone=zone, name_of=partial(name_of, ports))


@router.post("/stop/set")
async def set_(request: Request) -> Response:
    """Stop at once."""
    form = await form_of(request)
    return await run_in_threadpool(_turn, request, form, stops=True)


@router.post("/stop/resume")
async def resume(request: Request) -> Response:
    """Let it send again."""
    form = await form_of(request)
    return await run_in_threadpool(_turn, request, form, stops=False)


def _turn(request: Request, form: dict[str, str], *, stops: bool) -> Response:
    person = allowed(request, "stop" if stops else "resume")
    ports = ports_of(request)
    place = (form.get("scope", ""), form.get("key", ""))
    with ports.store.reading() as conn:
        known = _with_state(_all(ports.workspace), switches.stopped(conn))
    one = next((one for one in known if (one.scope, one.key) == place), None)
    if one is None:
        raise Refusal(404, "not_found")
    turn = switches.stop if stops else switches.go_on
    changed = ports.store.write(partial(turn, scope=one.scope, key=one.key, by=person.userid, at=ports.clock.now()))
    if wants_json(request):
        return JSONResponse({"scope": one.scope, "key": one.key, "stopped": stops, "changed": changed})
    return RedirectResponse("/stop", status_code=303)


def _all(workspace: Workspace) -> Iterable[Switch]:
    yield Switch("all", "all", "")
    for community in workspace.communities:
        for campaign in community.campaigns:
            yield Switch("campaign", campaign.key, f"{community.offer(campaign.offer).name} · {campaign.key}")
    for community, group in workspace.groups():
        yield Switch("group", f"{community.key}/{group.key}", group.name)


def _with_state(known: Iterable[Switch], stopped: Iterable[Mapping[str, Any]]) -> list[Switch]:
    """The switches of the workspace file, and those that are set for something that is no longer in it."""
    found = {(one.scope, one.key): one for one in known}
    for row in stopped:
        place = (row["scope"], row["key"])
        name = found[place].name if place in found else row["key"]
        found[place] = Switch(*place, name, row["since"], row["set_by"])
    return list(found.values())
