"""
Who is asking on a page: a sealed token, made here and opened here, in the cookie ``qf_actor``.

A personal link brings the token once (``?p=…``); the page keeps it in the cookie. The token hides the platform's person
id and cannot be made or changed without the workspace's key; anything else counts as nobody.

Simulated people have no personal links: while the web's own address is on this machine, a program of this machine may
say who it is by the bare id. An address that others can reach closes that door.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.responses import Response

from qunflow.errors import BadInput
from qunflow.store.vault import Vault
from qunflow.web.callers import is_loopback, is_this_machine
from qunflow.web.ports import WebPorts, ports_of

COOKIE = "qf_actor"
PARAMETER = "p"
GOOD_FOR = timedelta(days=180)
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_CONTEXT = "actor"


def token_of(vault: Vault, external_userid: str, at: datetime) -> str:
    """A token that says who somebody is, made at an instant and good for ``GOOD_FOR``; fit for an address."""
    plain = json.dumps([external_userid, int(at.timestamp())]).encode()
    return base64.urlsafe_b64encode(vault.seal_bytes(plain, _CONTEXT)).decode().rstrip("=")


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
    if not token:
        return ""
    try:
        plain = ports.vault.open_bytes(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)), _CONTEXT)
        external_userid, made_s = json.loads(plain)
    except (BadInput, binascii.Error, ValueError):
        return ""
    fresh = ports.clock.now() - datetime.fromtimestamp(made_s, UTC) < GOOD_FOR
    return str(external_userid) if fresh else ""


def _trusts_bare_ids(request: Request, ports: WebPorts) -> bool:
    return is_loopback(urlsplit(ports.web_url).hostname or "") and is_this_machine(request)
