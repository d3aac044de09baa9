"""
Short links: a click is kept, then the visitor goes on to the stored destination.

Where a link leads is decided when it is made; here it is checked again against the hosts the workspace allows, so
that neither an old row nor a changed one can send people elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import select

from qunflow.store.tables import short_links
from qunflow.web.actors import actor_of
from qunflow.web.guessing import may_ask, unknown_code
from qunflow.web.keeping import keep
from qunflow.web.pages import request_id
from qunflow.web.ports import WebPorts, ports_of
from qunflow.web.refusals import Refusal

_CODE = re.compile(r"[0-9A-Za-z]{6,32}")

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Link:
    """Where a short link leads, and until when."""

    destination: str
    expires_at: datetime


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
    keep(ports, "click", key, {"code": code, "actor": actor, "at": at.isoformat()})
    return RedirectResponse(link.destination, status_code=302)


def find_link(ports: WebPorts, code: str) -> Link | None:
    """The link behind a code; codes of an impossible shape are looked up as well, so that both take as long."""
    query = select(short_links.c.destination, short_links.c.expires_at).where(short_links.c.code == code[:32])
    with ports.store.reading() as conn:
        row = conn.execute(query).one_or_none() if "\x00" not in code else None
    return Link(row.destination, row.expires_at) if row and _CODE.fullmatch(code) else None


def is_allowed(destination: str, hosts: Collection[str]) -> bool:
    """Whether an address is plain http(s) to one of the hosts: no user part, no backslash, no control character."""
    if any(letter <= " " or letter in "\\\x7f" for letter in destination):
        return False
    try:
        parts = urlsplit(destination)
        host = parts.hostname
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and "@" not in parts.netloc and host in hosts
