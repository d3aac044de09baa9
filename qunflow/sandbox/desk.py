"""
How a platform call is answered: fault, limits, token, fields, handler, log line, reply, in this order.

Knows nothing of HTTP connections; `server` carries the result out, lost replies included.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import md5
from typing import Any

from qunflow.sandbox import tokens, visibility
from qunflow.sandbox.areas import TABLE
from qunflow.sandbox.fields import checked
from qunflow.sandbox.multipart import single_file
from qunflow.sandbox.options import App
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.routing import NO_APP, Call, Effect, Endpoint
from qunflow.sandbox.wire import Answer, Refusal, refused, success

_ESCAPE = re.compile(rb"\\u[0-9a-fA-F]{4}")
_TIMES = ("create_time", "createtime")


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request as it came in; ``path`` is below ``/cgi-bin/``."""

    path: str
    query: Mapping[str, str]
    content_type: str
    content: bytes


class Desk:
    """Answers the declared calls of one platform."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def answer(self, request: Request) -> Answer:
        """Do what the call asks and answer it; nobody may hear of it before `Commits.settled`."""
        try:
            return self._done(TABLE[request.path], request)
        except Refusal as refusal:
            return self.refuse(refusal.code, refusal.note)

    def refuse(self, code: int, note: str = "") -> Answer:
        """A business error with a fresh hint."""
        platform = self._platform
        return refused(code, note, platform.now(), platform.number("refusal"))

    def _done(self, endpoint: Endpoint, request: Request) -> Answer:
        platform = self._platform
        app = tokens.require(platform, request.query.get("access_token", "")) if endpoint.token else NO_APP
        visibility.require_allowed(app, endpoint.path)
        call = _call(platform, endpoint, request, app)
        visibility.require(platform, app, call.body)
        body, effect = endpoint.handler(_with_own_cursor(call))
        if not isinstance(body, Answer):
            visibility.note_made(platform, app, endpoint.path, body)
        if effect is not None:
            platform.storage.note_log(_log_line(call, effect))
        return body if isinstance(body, Answer) else success(_told(platform, _with_marked_cursor(call, body)))


def _with_own_cursor(call: Call) -> Call:
    """
    The call with its cursor as `routing.page` knows it.

    Raises:
        Refusal: 50100 for one that another call gave, or the same one asked otherwise.
    """
    cursor = call.body.get("cursor")
    if not cursor:
        return call
    plain, _, mark = cursor.rpartition(".")
    if mark != _mark(call):
        raise Refusal(50100, "cursor")
    return replace(call, body={**call.body, "cursor": plain})


def _with_marked_cursor(call: Call, body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "next_cursor": f"{body['next_cursor']}.{_mark(call)}"} if body.get("next_cursor") else body


def _mark(call: Call) -> str:
    """What ties a cursor to the question it belongs to, whatever the size of its pages."""
    asked = {name: value for name, value in call.body.items() if name not in ("cursor", "limit", "page_size")}
    return md5(f"{call.path}{json.dumps(asked, sort_keys=True)}".encode(), usedforsecurity=False).hexdigest()[:8]


def _told(platform: Platform, body: dict[str, Any]) -> dict[str, Any]:
    """The answer with its create times as texts where the corp is one that gets them so."""
    return _with_texts(body) if platform.limits.times_as_text else body


def _with_texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: str(one) if name in _TIMES else _with_texts(one) for name, one in value.items()}
    return [_with_texts(one) for one in value] if isinstance(value, list) else value


def _call(platform: Platform, endpoint: Endpoint, request: Request, app: App) -> Call:
    if endpoint.upload:
        upload = single_file(request.content_type, request.content)
        return Call(platform, endpoint.path, {}, request.query, upload, app)
    if platform.limits.plain_utf8 and _ESCAPE.search(request.content):
        raise Refusal(40033)
    given = _body(request.content) if request.content or not endpoint.query else {}
    if endpoint.query:
        given = {**{name: value for name, value in request.query.items() if name != "access_token"}, **given}
    return Call(platform, endpoint.path, checked(endpoint.fields, given), request.query, app=app)


def _body(content: bytes) -> dict[str, Any]:
    """The JSON of a body, whatever its Content-Type says: some clients send none."""
    try:
        body = json.loads(content)
    except ValueError as error:
        raise Refusal(40058, "the body is not JSON") from error
    if not isinstance(body, dict):
        raise Refusal(40058, "the body is not an object")
    return body


def _log_line(call: Call, effect: Effect) -> dict[str, Any]:
    at = datetime.fromtimestamp(call.platform.now(), UTC).isoformat()
    shown = {name: value for name, value in call.body.items() if value not in ("", [], {}, None)}
    return {
        "at": at,
        "path": f"/cgi-bin/{call.path}",
        "sender": effect.sender,
        "targets": list(effect.targets),
        "body": shown,
        "msgid": effect.msgid,
    }
