"""
Channel codes (渠道活码) that add a member as friend, and welcome templates for groups.

WeCom shows neither in its admin console, so callers keep the ids.

Source: WeCom developer centre, pages 96348 (2025-12-11) and 96357 (2023-12-01).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from qunflow.connectors.wecom import limits
from qunflow.connectors.wecom.answers import Body
from qunflow.connectors.wecom.calls import EC, Calls, needed, part, seconds
from qunflow.connectors.wecom.session import listed
from qunflow.errors import BadInput

_USERS, _STATE_CHARS, _REMARK_CHARS = 100, 30, 30
_TEMPLATE_BYTES = 3_000
_LONGEST = timedelta(days=14)
_QR, _SINGLE, _SEVERAL = 2, 1, 2
_WELCOME = f"{EC}/group_welcome_template"


@dataclass(frozen=True, slots=True)
class ContactWay:
    """A channel code: ``url`` is its picture, ``state`` comes back with everybody who used it."""

    config_id: str
    url: str
    users: tuple[str, ...]
    state: str
    remark: str


class ContactWays:
    """The calls about channel codes; each raises the typed errors of ``answers``."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def add(self, users: Sequence[str], *, state: str, remark: str = "", skip_verify: bool = True) -> ContactWay:
        """Make a QR code that adds one of up to 100 members as friend."""
        _check(users, state, remark)
        path = f"{EC}/add_contact_way"
        kind = _SINGLE if len(users) == 1 else _SEVERAL
        asked = {"type": kind, "scene": _QR, "user": list(users), "state": state, "remark": remark}
        body = self._calls.call(path, "write", {**asked, "skip_verify": skip_verify})
        return ContactWay(needed(body, "config_id", path), str(body.get("qr_code") or ""), tuple(users), state, remark)

    def add_temporary(
        self, userid: str, *, state: str, lasts: timedelta, chat_lasts: timedelta, farewell: str = ""
    ) -> ContactWay:
        """
        Make a QR code for one person that ends when it is used, for corps in medicine only.

        Args:
            lasts, chat_lasts: of the code and of the chat it opens, at most 14 days each.
            farewell: what the customer gets when the chat ends, at most 4,000 bytes.
        """
        _check([userid], state, "")
        if not all(timedelta(seconds=1) <= one <= _LONGEST for one in (lasts, chat_lasts)):
            raise BadInput(f"a temporary code for {lasts} and {chat_lasts}", f"keep both within {_LONGEST.days} days")
        asked: Body = {"type": _SINGLE, "scene": _QR, "user": [userid], "state": state, "is_temp": True}
        asked |= {"expires_in": int(lasts.total_seconds()), "chat_expires_in": int(chat_lasts.total_seconds())}
        if farewell:
            limits.require_bytes("farewell of a temporary code", farewell, limits.MESSAGE_BYTES)
            asked["conclusions"] = {"text": {"content": farewell}}
        path = f"{EC}/add_contact_way"
        body = self._calls.call(path, "write", asked)
        return ContactWay(needed(body, "config_id", path), str(body.get("qr_code") or ""), (userid,), state, "")

    def close_chat(self, userid: str, external_userid: str) -> None:
        """End a chat that a temporary code opened. Raises: ChannelRefused when there is none."""
        asked = {"userid": userid, "external_userid": external_userid}
        self._calls.call(f"{EC}/close_temp_chat", "write", asked)

    def get(self, config_id: str) -> ContactWay:
        """A channel code. Raises: ChannelRefused 41044 for an unknown one."""
        path = f"{EC}/get_contact_way"
        body = self._calls.call(path, "read", {"config_id": config_id})
        ways = body.get("contact_way")
        # Old answers hold a list of one.
        way = ways[0] if isinstance(ways, list) and ways and isinstance(ways[0], dict) else None
        return _way(way or part(body, "contact_way", path), path)

    def made(self, start: datetime, end: datetime) -> list[str]:
        """The config ids of this application's lasting codes made within a span of time."""
        window = {"start_time": seconds(start), "end_time": seconds(end), "limit": 1_000}
        found = self._calls.pages(f"{EC}/list_contact_way", "contact_way", window)
        return [str(one.get("config_id")) for one in found]

    def update(self, config_id: str, users: Sequence[str], *, state: str, remark: str = "") -> None:
        """Point a channel code at other members; whether it is for one or for several cannot change."""
        _check(users, state, remark)
        asked = {"config_id": config_id, "user": list(users), "state": state, "remark": remark}
        self._calls.call(f"{EC}/update_contact_way", "write", asked)

    def delete(self, config_id: str) -> None:
        """End a channel code."""
        self._calls.call(f"{EC}/del_contact_way", "write", {"config_id": config_id})


class GroupWelcomes:
    """
    The calls about welcome templates for groups: a text, or one attachment, or both.

    A template is material: the owner still has to choose it in the client.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def add(self, text: str, attachment: Mapping[str, Any] | None = None, *, notify: bool = True) -> str:
        """Keep a template; returns its id. Raises: ChannelRefused 41055 over a hundred."""
        path = f"{_WELCOME}/add"
        asked = {**_template(text, attachment), "notify": int(notify)}
        return needed(self._calls.call(path, "write", asked), "template_id", path)

    def get(self, template_id: str) -> Body:
        """A template's parts as WeCom gives them: ``text`` and one of image, link, miniprogram, file and video."""
        body = self._calls.call(f"{_WELCOME}/get", "read", {"template_id": template_id})
        return {name: value for name, value in body.items() if name not in ("errcode", "errmsg")}

    def edit(self, template_id: str, text: str, attachment: Mapping[str, Any] | None = None) -> None:
        """Replace a template's parts. Raises: ChannelRefused 41058 for another application's."""
        self._calls.call(f"{_WELCOME}/edit", "write", {"template_id": template_id, **_template(text, attachment)})

    def delete(self, template_id: str) -> None:
        """Remove a template; groups keep what was applied."""
        self._calls.call(f"{_WELCOME}/del", "write", {"template_id": template_id})


def _check(users: Sequence[str], state: str, remark: str) -> None:
    limits.require_some("members of a channel code", users, _USERS)
    limits.require_chars("state of a channel code", state, _STATE_CHARS)
    # Of a live group code WeCom cuts the remark, of a channel code it refuses it.
    limits.require_chars("remark of a channel code", remark, _REMARK_CHARS)


def _template(text: str, attachment: Mapping[str, Any] | None) -> Body:
    if len(text.encode()) > _TEMPLATE_BYTES:
        raise BadInput(f"a welcome has {len(text.encode())} bytes", f"keep it within {_TEMPLATE_BYTES} bytes")
    limits.require_message(text, [attachment] if attachment else [])
    content: Body = {"text": {"content": text}} if text else {}
    if attachment:
        kind = str(attachment["msgtype"])
        content[kind] = dict(attachment[kind])
    return content


def _way(one: Body, path: str) -> ContactWay:
    users = tuple(str(user) for user in listed(one, "user", path))
    texts = (str(one.get(name) or "") for name in ("state", "remark"))
    return ContactWay(str(one.get("config_id")), str(one.get("qr_code") or ""), users, *texts)
