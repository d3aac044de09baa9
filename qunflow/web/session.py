"""
Who is looking: a personal link makes a session, a cookie carries it, and each page asks for what it allows.

A link is opened once from a card or a message; its secret leaves the address bar at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from qunflow.community.roles import Action, Role, may
from qunflow.store import team
from qunflow.web.bodies import read_body
from qunflow.web.guessing import may_ask, unknown_code
from qunflow.web.ports import ports_of
from qunflow.web.refusals import Refusal

COOKIE = "qf_session"
HOME = "/today"

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the team who is signed in."""

    userid: str
    name: str
    roles: tuple[Role, ...]

    def may(self, action: Action) -> bool:
        """Whether they are allowed an action; pages hide what is not."""
        return may(self.roles, action)


@router.get("/in/{token}")
def enter(request: Request, token: str) -> Response:
    """Open a session for whoever holds this link."""
    may_ask(request)
    ports = ports_of(request)
    at = ports.clock.now()
    with ports.store.reading() as conn:
        userid = team.holder(conn, token, "link", at)
    if not userid or ports.workspace.member(userid) is None:
        raise unknown_code(request, "unknown_link")
    session = ports.store.write(partial(team.issue, userid=userid, purpose="session", at=at))
    answer = RedirectResponse(HOME, status_code=303)
    answer.set_cookie(
        COOKIE,
        session,
        max_age=int(team.LIFETIMES["session"].total_seconds()),
        httponly=True,
        samesite="lax",
        secure=ports.web_url.startswith("https://"),
    )
    return answer


@router.post("/out")
async def leave(request: Request) -> Response:
    """Sign out on this phone."""
    await read_body(request)
    from_our_own_page(request)
    return await run_in_threadpool(_end, request)


def person_of(request: Request) -> Person:
    """
    Who is signed in.

    Raises:
        Refusal: 401 without a session, or when the person is no longer in the team.
    """
    ports = ports_of(request)
    with ports.store.reading() as conn:
        userid = team.holder(conn, request.cookies.get(COOKIE, ""), "session", ports.clock.now())
    member = ports.workspace.member(userid) if userid else None
    if member is None:
        raise Refusal(401, "not_signed_in")
    return Person(member.userid, member.name or member.userid, member.roles)


def allowed(request: Request, action: Action) -> Person:
    """
    Who is signed in, if they may do this.

    Raises:
        Refusal: 401 without a session; 403 when none of their roles allows it, or when the request comes from
            another site.
    """
    person = person_of(request)
    if request.method != "GET":
        from_our_own_page(request)
    if not person.may(action):
        raise Refusal(403, "not_allowed")
    return person


def from_our_own_page(request: Request) -> None:
    """Raises: Refusal 403 when a browser says that another site sends this."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Refusal(403, "from_elsewhere")


def _end(request: Request) -> Response:
    ports = ports_of(request)
    token = request.cookies.get(COOKIE, "")
    ports.store.write(partial(team.end_session, token=token, at=ports.clock.now()))
    answer = RedirectResponse("/", status_code=303)
    answer.delete_cookie(COOKIE)
    return answer
