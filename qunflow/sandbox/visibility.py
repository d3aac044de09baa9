"""
What an application may call, and whom it may name (wecom-api §1.2): 48002, 60011, 84061.

An app with a visible range sees only its members, their groups and their customers; codes and links belong to the app
that made them. An app without one sees everybody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from qunflow.sandbox.kept import Kept
from qunflow.sandbox.options import App
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.records import Customer
from qunflow.sandbox.wire import Refusal

_MEMBERS = ("userid", "sender", "handover_userid", "takeover_userid", "new_owner")
_MEMBER_LISTS = ("user", "userid_list", "user_list")
_FILTERS = ("owner_filter", "range", "applicable_range")
_CODES = {"config_id": 41044, "link_id": 40058}


@dataclass(frozen=True, slots=True)
class MadeBy:
    """Which application made a code or a link."""

    code: str
    agent_id: int


_MADE = Kept(MadeBy, lambda r: r.code)


def require_allowed(app: App, path: str) -> None:
    """
    Let an application make a call at all.

    Raises:
        Refusal: 48002.
    """
    if any(path.startswith(start) for start in app.forbidden):
        raise Refusal(48002)


def require(platform: Platform, app: App, body: Mapping[str, Any]) -> None:
    """
    Let an application name those it names.

    Raises:
        Refusal: 60011 a member or group outside its range, 84061 a customer none of its members follows, 41044 or
            40058 a code of another application.
    """
    if len(platform.apps) > 1:
        _require_own(platform, app, body)
    if app.sees:
        _require_visible(platform, app, body)


def note_made(platform: Platform, app: App, path: str, answer: Mapping[str, Any]) -> None:
    """Remember which application made a code."""
    if path.endswith(("add_contact_way", "add_join_way")):
        _MADE.of(platform).put(MadeBy(answer["config_id"], app.agent_id))
    elif path.endswith("create_link"):
        _MADE.of(platform).put(MadeBy(answer["link"]["link_id"], app.agent_id))


def is_own(platform: Platform, app: App, code: str) -> bool:
    """Whether an application made a code; one of unknown make is everybody's."""
    made = _MADE.of(platform).get(code)
    return made is None or made.agent_id == app.agent_id


def sees(app: App, userid: str) -> bool:
    """Whether a member is in an application's range."""
    return not app.sees or userid in app.sees


def shown_unionid(platform: Platform, customer: Customer) -> str:
    """A WeChat user's union id; WeCom users have none, nor has anybody in a corp without a WeChat developer account."""
    return "" if customer.company or not platform.limits.unionids else customer.unionid


def _require_own(platform: Platform, app: App, body: Mapping[str, Any]) -> None:
    for name, code in _CODES.items():
        if isinstance(value := body.get(name), str) and value and not is_own(platform, app, value):
            raise Refusal(code, "made by another application")


def _require_visible(platform: Platform, app: App, body: Mapping[str, Any]) -> None:
    if any(userid in platform.staff and userid not in app.sees for userid in _members_in(body)):
        raise Refusal(60011)
    chats = [platform.chats.get(chat_id) for chat_id in _texts(body, "chat_id", "chat_id_list")]
    if any(chat is not None and chat.owner not in app.sees for chat in chats):
        raise Refusal(60011)
    who = body.get("external_userid")
    if isinstance(who, str) and who in platform.customers and not _is_followed(platform, app, who):
        raise Refusal(84061)


def _members_in(body: Mapping[str, Any]) -> Iterator[str]:
    yield from _texts(body, *_MEMBERS, *_MEMBER_LISTS)
    for name in _FILTERS:
        if isinstance(part := body.get(name), dict):
            yield from _texts(part, *_MEMBER_LISTS)


def _texts(body: Mapping[str, Any], *names: str) -> Iterator[str]:
    for name in names:
        value = body.get(name)
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and text:
                yield text


def _is_followed(platform: Platform, app: App, who: str) -> bool:
    return any(follow.userid in app.sees and not follow.ended_at for follow in platform.follows.where("who", who))
