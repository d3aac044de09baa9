"""
What every request passes: a request id, the size limit, security headers, one log line, and a net under defects.

The log line holds the route, not the address: codes and tokens in addresses are secrets.
"""

from __future__ import annotations

import logging
import secrets
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote_from_bytes

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qunflow.web.refusals import Refusal, refusal_response

MAX_BODY_BYTES = 1_000_000

# Some servers hand on raw bytes in an address, and nobody further in expects them.
_VISIBLE = "".join(map(chr, range(33, 127)))

log = logging.getLogger(__name__)


class Guard:
    """
    Wraps the application.

    Args:
        https: tells browsers to stay on https.
        timer: seconds, only ever compared with itself.
    """

    def __init__(self, app: ASGIApp, *, https: bool = False, timer: Callable[[], float] = time.perf_counter) -> None:
        self._app = app
        self._https = https
        self._timer = timer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = self._timer()
        state = scope.setdefault("state", {})
        scope["query_string"] = quote_from_bytes(scope["query_string"], safe=_VISIBLE).encode()
        state.update(request_id=secrets.token_hex(8), nonce=secrets.token_urlsafe(16))
        sent: list[int] = []
        await self._answer(scope, receive, self._dressed(state, send, sent))
        self._tell(scope, sent[0] if sent else 0, self._timer() - began)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if announced_size(Headers(scope=scope)) > MAX_BODY_BYTES:
            await refusal_response(request, Refusal(413, "too_large"))(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - the last net: a defect becomes a clean 500 and one log line
            log.error("request failed", extra={"request_id": scope["state"]["request_id"], "error": where(error)})
            await refusal_response(request, Refusal(500, "defect"))(scope, receive, send)

    def _dressed(self, state: dict[str, Any], send: Send, sent: list[int]) -> Send:
        async def send_dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                if sent:
                    return
                sent.append(message["status"])
                headers = MutableHeaders(scope=message)
                for name, value in security_headers(state, https=self._https).items():
                    headers[name] = value
                headers["X-Request-ID"] = state["request_id"]
            await send(message)

        return send_dressed

    def _tell(self, scope: Scope, status: int, took_s: float) -> None:
        route = getattr(scope.get("route"), "path", "")
        scope["app"].state.metrics.answered(scope["method"], route, status, took_s)
        told = {"request_id": scope["state"]["request_id"], "method": scope["method"], "route": route}
        log.info("request answered", extra={**told, "status": status, "took_ms": round(took_s * 1000, 1)})


def announced_size(headers: Headers) -> int:
    """The size a sender announces in bytes; 0 when it announces none or nonsense, which is then counted."""
    told = headers.get("content-length", "0")
    return int(told) if told.isascii() and told.isdigit() and len(told) < 20 else 0


def security_headers(state: Mapping[str, Any], *, https: bool) -> dict[str, str]:
    """
    Headers of every answer: nothing is loaded from elsewhere, framed, guessed, remembered or told on.

    Args:
        state: of the request: its nonce, and in ``pictures_from`` the one origin a page shows a picture of.
    """
    nonce = state["nonce"]
    policy = {
        "default-src": "'none'",
        "style-src": f"'nonce-{nonce}'",
        "script-src": f"'nonce-{nonce}'",
        "img-src": " ".join(("data:", state.get("pictures_from", ""))).strip(),
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    headers = {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Cache-Control": "no-store",
        "X-Robots-Tag": "noindex, nofollow",
    }
    return headers | ({"Strict-Transport-Security": "max-age=31536000"} if https else {})


def where(error: BaseException) -> str:
    """The kind of an error and the place it came from; its words may quote what somebody sent."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"
