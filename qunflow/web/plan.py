"""
The plan on a phone: each message of a day as it will stand in the chat, who gets it, and the button that approves it.

What may be approved by whom is decided in ``delivery.approval``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from urllib.parse import parse_qs, urlencode

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from qunflow.clock import local_day
from qunflow.delivery.approval import approve_as, take_back
from qunflow.delivery.preview import SlotView, day_view
from qunflow.delivery.reasons import in_words
from qunflow.delivery.rewriting import rewrite
from qunflow.delivery.waves import waves_of_day
from qunflow.errors import BadInput
from qunflow.settings.workspace import Community
from qunflow.web.bodies import read_body
from qunflow.web.pages import page, wants_json
from qunflow.web.ports import WebPorts, ports_of
from qunflow.web.refusals import Refusal
from qunflow.web.session import allowed

WEEK = 7
MAX_TEXT = 8_000

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Place:
    """One community and one of its local days."""

    community: Community
    day: date

    @property
    def address(self) -> str:
        """The page of this day."""
        return f"/plan?{urlencode({'community': self.community.key, 'day': self.day.isoformat()})}"


@router.get("/plan")
def show(request: Request) -> Response:
    """The day's messages as chat bubbles; today unless another day is named."""
    person = allowed(request, "look")
    ports = ports_of(request)
    place = place_of(request, dict(request.query_params))
    views = _views(request, place)
    with ports.store.reading() as conn:
        waves = waves_of_day(conn, place.community.key, place.day)
    if wants_json(request):
        return JSONResponse({"day": place.day.isoformat(), "slots": [_plain(one) for one in views]})
    today = local_day(ports.clock.now(), place.community.zone_info)
    return page(
        request,
        "plan",
        person=person,
        place=place,
        zone=place.community.zone_info,
        slots=views,
        waves=waves,
        title_of=ports.title_of,
        days=[today + timedelta(days=offset) for offset in range(WEEK)],
        waiting=sum(len(one.waiting_ids) for one in views),
        communities=ports.workspace.communities,
        told=request.query_params.get("done", ""),
        why=partial(in_words, ports.language.text),
        name_of=partial(_name, ports),
    )


@router.post("/plan/approve")
async def approve(request: Request) -> Response:
    """Approve one slot, the whole day, or the week that begins with it: exactly the words shown."""
    return await run_in_threadpool(_approve, request, _form(await read_body(request)))


@router.post("/plan/back")
async def back(request: Request) -> Response:
    """Take an approval back, for what has not gone out."""
    return await run_in_threadpool(_back, request, _form(await read_body(request)))


@router.post("/plan/text")
async def text(request: Request) -> Response:
    """Change the words of a message; whoever approved the old ones has to look again."""
    return await run_in_threadpool(_text, request, _form(await read_body(request)))


def _approve(request: Request, form: dict[str, str]) -> Response:
    person = allowed(request, "approve")
    ports, place = ports_of(request), place_of(request, form)
    length = WEEK if form.get("scope") == "week" else 1
    days = [Place(place.community, place.day + timedelta(days=offset)) for offset in range(length)]
    shown = {one for one in form.get("versions", "").split(",") if one}
    wanted = [view for day in days for view in _views(request, day) if form.get("slot", view.slot_key) == view.slot_key]
    if shown and any(version not in shown for view in wanted for version in view.waiting_versions):
        # Somebody changed the words after this page was drawn: what was read is not what would be sent.
        raise Refusal(409, "changed_meanwhile")
    ids = [one for view in wanted for one in view.waiting_ids]
    work = partial(approve_as, workspace=ports.workspace, userid=person.userid, ids=ids, at=ports.clock.now())
    done = ports.store.write(work)
    if wants_json(request):
        return JSONResponse({"approved": done.approved, "delayed": done.delayed, "others": done.for_somebody_else})
    what = "delayed" if done.delayed else "somebody_else" if done.for_somebody_else else "approved"
    return again(place, what)


def _back(request: Request, form: dict[str, str]) -> Response:
    person = allowed(request, "approve")
    ports, place = ports_of(request), place_of(request, form)
    at = ports.clock.now()
    work = partial(take_back, userid=person.userid, slot_key=form.get("slot", ""), day=place.day, at=at)
    number = ports.store.write(work)
    return JSONResponse({"taken_back": number}) if wants_json(request) else again(place, "taken_back")


def _text(request: Request, form: dict[str, str]) -> Response:
    person = allowed(request, "write")
    ports, place = ports_of(request), place_of(request, form)
    words = form.get("text", "").replace("\r\n", "\n").strip()
    if not 0 < len(words) <= MAX_TEXT:
        raise Refusal(422, "bad_text")
    at = ports.clock.now()
    old, slot = form.get("version", ""), form.get("slot", "")
    try:
        number = ports.store.write(
            partial(rewrite, slot_key=slot, day=place.day, version=old, text=words, author=person.userid, at=at)
        )
    except BadInput as error:
        raise Refusal(409, "changed_meanwhile") from error
    return JSONResponse({"rewritten": number}) if wants_json(request) else again(place, "rewritten")


def _views(request: Request, place: Place) -> tuple[SlotView, ...]:
    ports = ports_of(request)
    with ports.store.reading() as conn:
        return day_view(conn, ports.workspace, place.community, place.day, ports.clock.now(), ports.banned_words)


def place_of(request: Request, given: dict[str, str]) -> Place:
    """The community and local day somebody names; today of the first one when they name none. Raises: Refusal 404."""
    ports = ports_of(request)
    key = given.get("community") or ports.workspace.communities[0].key
    community = next((one for one in ports.workspace.communities if one.key == key), None)
    try:
        named = date.fromisoformat(given["day"]) if given.get("day") else None
    except ValueError:
        named = None
        community = None
    if community is None:
        raise Refusal(404, "not_found")
    return Place(community, named or local_day(ports.clock.now(), community.zone_info))


def _name(ports: WebPorts, by: str) -> str:
    member = ports.workspace.member(by)
    if member is not None:
        return member.name or by
    return ports.language.text("web.plan.standing") if by.startswith("standing approval") else by


def _form(body: bytes) -> dict[str, str]:
    return {key: values[-1] for key, values in parse_qs(body.decode("utf-8", "replace")).items()}


def again(place: Place, done: str) -> Response:
    """Back to the page of a day, with a word about what was done."""
    # A reload after the tap must not tap again.
    return RedirectResponse(f"{place.address}&done={done}", status_code=303)


def _plain(one: SlotView) -> dict[str, object]:
    return {
        "slot": one.slot_key,
        "way": one.way,
        "due_at": one.due_at.isoformat(),
        "groups": one.groups,
        "people": one.people,
        "states": dict(one.states),
        "left_out": dict(one.left_out),
        "quota_left": one.quota_left,
        "waiting": len(one.waiting_ids),
        "approved_by": one.approved_by,
        "texts": [bubble.text for bubble in one.bubbles],
    }
