"""
Short links: a click is kept, then the visitor goes on to the stored destination.

Where a link leads is decided when it is made; here it is checked again against the hosts the workspace allows, so
that neither an old row nor a changed one can send people elsewhere.
"""

from __future__ import annotations

import re

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from qunflow.delivery.links import ShortLink, is_allowed, resolve
from qunflow.web.actors import actor_of, remember
from qunflow.web.guessing import may_ask, unknown_code
from qunflow.web.keeping import keep_waiting
from qunflow.web.pages import request_id
from qunflow.web.ports import WebPorts, ports_of
from qunflow.web.refusals import Refusal

_CODE = re.compile(r"[0-9A-Za-z]{6,32}")

router = APIRouter()


@router.get("/s/{code}")
def follow(request: Request, code: str) -> Response:
    """Keep the click, then redirect."""
    may_ask(request)
    ports = ports_of(request)
    link = find_link(ports, code)
    if link is None:
        raise unknown_code(request)
    at = ports.clock.now()
    if at >= link.expires_at:
        raise Refusal(410, "link_expired")
    if not is_allowed(link.destination, ports.workspace.redirect_hosts):
        raise Refusal(410, "link_closed")
    actor = actor_of(request)
    # Nobody's clicks cannot be told from each other, so each of them is one of its own.
    key = f"{code}/{actor or request_id(request)}/{at.isoformat()}"
    keep_waiting(request, "click", key, {"code": code, "actor": actor, "at": at.isoformat()})
    return remember(request, RedirectResponse(link.destination, status_code=302))


def find_link(ports: WebPorts, code: str) -> ShortLink | None:
    """The link behind a code, expired or not."""
    if not _CODE.fullmatch(code):
        return None
    with ports.store.reading() as conn:
        return resolve(conn, code)
