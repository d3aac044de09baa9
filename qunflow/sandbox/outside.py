"""
The way from the simulated people to the product: forms, orders, short links, check-ins, hand-send cards.

Loopback only. A product that is down or answers an error is a fact of life here: the result says so, nothing raises.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from qunflow.sandbox.options import Hooks
from qunflow.sandbox.wire import encoded

CALLBACK_TIMEOUT_S = 5.0
ECHO_TIMEOUT_S = 1.0
HOOK_TIMEOUT_S = 10.0
# Less than servers keep an idle connection (uvicorn 5 s): one that may be half closed is never used again.
KEPT_S = 2.0
ACTOR_COOKIE = "qf_actor"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a person saw after opening an address; status 0 means nothing answered."""

    status: int
    location: str = ""
    body: Any = None


class Outside:
    """One HTTP client for everything the people do; never follows a redirect."""

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks
        self._client: aiohttp.ClientSession | None = None
        self.failures = 0

    async def close(self) -> None:
        """Give back the connections."""
        if self._client is not None:
            await self._client.close()

    async def post_callback(self, address: str, body: bytes) -> bool:
        """Push a callback; true when it was taken with HTTP 200."""
        headers = {"Content-Type": "text/xml"}
        return (await self._ask("POST", address, data=body, headers=headers, timeout=CALLBACK_TIMEOUT_S)).status == 200

    async def open_echo(self, address: str) -> Seen:
        """Ask a callback address to prove itself, which it has a second for; the body is its text."""
        return await self._ask("GET", address, timeout=ECHO_TIMEOUT_S, as_text=True)

    async def post_hook(self, path: str, body: object) -> bool:
        """Push a signed form entry or order; true when it was taken. Without a configured product nothing happens."""
        if not self._hooks.base_url:
            return False
        raw = encoded(body)
        mark = hmac.new(self._hooks.secret.encode(), raw, hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json", "X-Qunflow-Signature": f"sha256={mark}"}
        seen = await self._ask("POST", f"{self._hooks.base_url}{path}", data=raw, headers=headers)
        return 200 <= seen.status < 300

    async def open_link(self, address: str, who: str) -> Seen:
        """Tap a link as one person."""
        return await self._ask("GET", address, headers={"Cookie": f"{ACTOR_COOKIE}={who}"})

    async def check_in(self, address: str, who: str) -> Seen:
        """Press the button of a check-in page as one person."""
        return await self._ask("POST", address, headers={"Cookie": f"{ACTOR_COOKIE}={who}"})

    async def open_card(self, address: str) -> Seen:
        """Read a hand-send card as data."""
        return await self._ask("GET", address, headers={"Accept": "application/json"})

    async def finish_card(self, address: str, reply_count: int) -> Seen:
        """Tap 已发 on a hand-send card."""
        headers = {"Accept": "application/json"}
        return await self._ask("POST", f"{address}/done", json={"reply_count": reply_count}, headers=headers)

    async def _ask(
        self, method: str, address: str, timeout: float = HOOK_TIMEOUT_S, *, as_text: bool = False, **request: Any
    ) -> Seen:
        if not is_loopback(address):
            return Seen(0)
        if self._client is None:
            self._client = _new_client()
        patience = aiohttp.ClientTimeout(total=timeout)
        try:
            async with self._client.request(
                method, address, timeout=patience, allow_redirects=False, **request
            ) as answer:
                body = await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError):
            self.failures += 1
            return Seen(0)
        self.failures += answer.status >= 400
        shown = body.decode(errors="replace") if as_text else _json(answer.content_type, body)
        return Seen(answer.status, answer.headers.get("location", ""), shown)


def _new_client() -> aiohttp.ClientSession:
    """Plain aiohttp, a tenth of httpx's cost a push; the people share it, hence no cookies of its own."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(keepalive_timeout=KEPT_S), cookie_jar=aiohttp.DummyCookieJar()
    )


def is_loopback(address: str) -> bool:
    """Whether an address stays on this machine; nothing else is ever opened."""
    host = urlsplit(address).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _json(content_type: str, body: bytes) -> Any:
    if "json" not in content_type:
        return None
    try:
        return json.loads(body)
    except ValueError:
        return None
