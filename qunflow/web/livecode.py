"""
The live-code page: the address on a poster, which always shows the way into a group that has room.

The picture is the platform's own code of a channel; this page says which group it leads to, what to do on a phone, and
what happens while every group is full. Each visit is kept. Making codes and moving them on is left to acquisition.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy import Connection

from qunflow.delivery.links import is_allowed
from qunflow.settings.workspace import Community
from qunflow.store import members
from qunflow.store.live_codes import LiveCode, codes_for
from qunflow.store.members import GroupRow
from qunflow.web.actors import actor_of, remember
from qunflow.web.guessing import may_ask, unknown_code
from qunflow.web.keeping import keep_waiting
from qunflow.web.pages import page, request_id
from qunflow.web.ports import WebPorts, ports_of
from qunflow.web.refusals import Refusal

# A channel, and before it the community where several have a channel of that key.
_CODE = re.compile(r"(?:([a-z0-9][a-z0-9_-]{0,62})\.)?([a-z0-9][a-z0-9_-]{0,62})")
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?")

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Entrance:
    """A channel's way in: ``group`` is where the next newcomer goes, ``None`` while all are full."""

    code: LiveCode
    community: Community
    group: GroupRow | None


@router.get("/g/{code}")
def show(request: Request, code: str) -> Response:
    """Keep the visit, then show the picture, or what happens next."""
    may_ask(request)
    ports = ports_of(request)
    entrance = find_entrance(ports, code)
    if entrance is None:
        raise unknown_code(request)
    url = entrance.code.url
    request.state.pictures_from = _origin(url)
    _keep_visit(request, entrance)
    in_wechat = "MicroMessenger" in request.headers.get("user-agent", "")
    answer = page(
        request, "livecode", community=entrance.community.name, group=entrance.group, picture=url, in_wechat=in_wechat
    )
    return remember(request, answer)


def find_entrance(ports: WebPorts, code: str) -> Entrance | None:
    """The entrance behind ``channel`` or ``community.channel``; None when there is none, or more than one."""
    match = _CODE.fullmatch(code)
    if match is None:
        return None
    wanted = {one.key: one for one in ports.workspace.communities if match[1] in (None, one.key)}
    with ports.store.reading() as conn:
        found = [one for one in codes_for(conn, match[2]) if one.community in wanted]
        if len(found) != 1:
            return None
        community = wanted[found[0].community]
        return Entrance(found[0], community, _with_room(conn, found[0], community))


def _with_room(conn: Connection, code: LiveCode, community: Community) -> GroupRow | None:
    """The first group of a code, in the order they are filled, that may take one more."""
    counts = members.member_counts(conn, community.key)
    open_groups = {one.group_id: one for one in members.groups_of(conn, community.key)}
    limit = community.acquisition.rotate_at
    return next((open_groups[n] for n in code.group_ids if n in open_groups and counts[n] < limit), None)


def _keep_visit(request: Request, entrance: Entrance) -> None:
    actor, at = actor_of(request), ports_of(request).clock.now().isoformat()
    place = {"community": entrance.code.community, "channel": entrance.code.channel}
    group_id = entrance.group.group_id if entrance.group else 0
    key = f"{entrance.code.config_id}/{actor or request_id(request)}/{at}"
    keep_waiting(request, "scan_page", key, {**place, "group_id": group_id, "actor": actor, "at": at})


def _origin(url: str) -> str:
    """Where the picture may be loaded from. Raises: Refusal 410 when the address is no plain one of the web."""
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    if not is_allowed(url, [parts.netloc]) or not _ORIGIN.fullmatch(origin):
        raise Refusal(410, "live_code_closed")
    return origin
