"""
Who is asking on a page: the sealed token of a personal link, kept in the cookie ``qf_actor``.

A personal link brings the token once (``?p=…``); the page keeps it in the cookie. How it is made and opened is
``delivery.personal``'s; anything that does not open counts as nobody.

Simulated people have no personal links: while the web's own address is on this machine, a program of this machine may
say who it is by the bare id. An address that others can reach closes that door.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.responses import Response

from qunflow.delivery.personal import GOOD_FOR, PARAMETER, is_loopback, opened
from qunflow.web.callers import is_this_machine
from qunflow.web.ports import WebPorts, ports_of

COOKIE = "qf_actor"
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def actor_of(request: Request) -> str:
    """The person's external id, or empty for nobody; a personal link wins over an older cookie."""
    ports = ports_of(request)
    brought, cookie = request.query_params.get(PARAMETER, ""), request.cookies.get(COOKIE, "")
    known = _opened(ports, brought) or _opened(ports, cookie)
    if known or not _trusts_bare_ids(request, ports):
        return known
    return cookie if _ID.fullmatch(cookie) else ""


def remember(request: Request, answer: Response) -> Response:
    """Keep what a personal link brought in the cookie, so that the next page knows the person without it."""
    ports, brought = ports_of(request), request.query_params.get(PARAMETER, "")
    if _opened(ports, brought):
        answer.set_cookie(
            COOKIE,
            brought,
            max_age=int(GOOD_FOR.total_seconds()),
            httponly=True,
            samesite="lax",
            secure=ports.web_url.startswith("https://"),
        )
    return answer


def _opened(ports: WebPorts, token: str) -> str:
    return opened(ports.vault, token, ports.clock.now())


def _trusts_bare_ids(request: Request, ports: WebPorts) -> bool:
    return is_loopback(urlsplit(ports.web_url).hostname or "") and is_this_machine(request)
