"""
One HTTP client for a platform: one owned event loop in a thread, pooled connections, bounded answers, no secrets told.

WeCom carries its token in the query string, so no address leaves this module with its values. What an answer means is
left to the connector of each platform.
"""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, TypeVar
from urllib.parse import urlsplit

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from qunflow.errors import ChannelUnavailable, ConfigurationError

Result = TypeVar("Result")

MAX_ANSWER_BYTES = 1_000_000
# A server drops an idle connection after a few seconds, and a write into a dropped connection is ambiguous.
_LIMITS = httpx.Limits(max_connections=16, keepalive_expiry=3.0)
_SECRET_VALUE = re.compile(r"(?i)(\b(?:access_token|corpsecret|corpid|secret|key|token|sign)=)[^&\s\"']*")
# Feishu's key is a part of the path.
_SECRET_PART = re.compile(r"(/hook/)[^/?\s\"']+")
_NEVER_SENT = (httpx.PoolTimeout, httpx.UnsupportedProtocol)
_NEVER_CONNECTED = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)


class AnswerLost(ChannelUnavailable):
    """A write was sent but its answer is missing or unreadable: it may have been carried out, or may yet be."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer: status and body, and whether the platform calls the body a file."""

    status: int
    body: bytes
    is_file: bool = False


def redacted(text: str) -> str:
    """The text with secret query parameters and the keys in addresses of robots replaced by three stars."""
    return _SECRET_PART.sub(r"\1***", _SECRET_VALUE.sub(r"\1***", text))


class _Redaction(logging.Filter):
    """Keeps tokens out of the log lines of the HTTP library, which print whole addresses."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redacted(record.getMessage()), None
        return True


def is_loopback(base_url: str) -> bool:
    """Whether an address can only be this machine."""
    host = urlsplit(base_url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def allowed_address(base_url: str, *, production: bool, variable: str) -> str:
    """
    The address without a trailing slash, if this machine may talk to it.

    Raises:
        ConfigurationError: production would talk to a sandbox, anything else to a real platform, or without TLS.
    """
    if production and is_loopback(base_url):
        raise ConfigurationError(
            f"{variable} is a sandbox on this machine, but QUNFLOW_ENV is production",
            f"unset {variable}, or unset QUNFLOW_ENV to work with the sandbox",
        )
    if not production and not is_loopback(base_url):
        raise ConfigurationError(
            f"{variable} is {urlsplit(base_url).hostname or 'no address'}, which is not on this machine",
            "set QUNFLOW_ENV=production to reach real people, or point the variable at `qunflow sandbox`",
        )
    if urlsplit(base_url).scheme != "https" and not is_loopback(base_url):
        raise ConfigurationError(f"{variable} does not begin with https://", "use the platform's https address")
    return base_url.rstrip("/")


class LoopThread:
    """An event loop that belongs to one client; any thread may run a coroutine on it and wait."""

    def __init__(self, name: str) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run ``work`` on the loop and give its result or its exception to the calling thread."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    def close(self) -> None:
        """Stop the loop and wait for its thread."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(timeout=5)
        self.loop.close()


class Http:
    """
    Requests to one platform.

    Args:
        base_url: scheme and host.
        platform: the platform's name for error texts.
        transport: replaces the network in tests.
        timeout_s: for connecting, and for each wait for bytes.
    """

    def __init__(
        self,
        base_url: str,
        *,
        platform: str,
        transport: httpx.AsyncBaseTransport | None = None,
        timeout_s: float = 10.0,
    ) -> None:
        for name in ("httpx", "httpcore"):
            log = logging.getLogger(name)
            if not any(isinstance(one, _Redaction) for one in log.filters):
                log.addFilter(_Redaction())
        self._platform = platform
        self._host = urlsplit(base_url).netloc.rpartition("@")[2]
        self._client = httpx.AsyncClient(
            base_url=base_url,
            timeout=timeout_s,
            transport=transport or AiohttpTransport(limits=_LIMITS, trust_env=False),
            trust_env=False,
            follow_redirects=False,
        )

    async def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str],
        json: Mapping[str, Any] | None = None,
        files: Mapping[str, Any] | None = None,
        most_bytes: int = MAX_ANSWER_BYTES,
    ) -> Answer:
        """
        Send one request and read its whole answer of at most ``most_bytes``, unpacked.

        Raises:
            ChannelUnavailable: the request never left.
            AnswerLost: it left, and no whole answer came back.
        """
        try:
            async with self._client.stream(method, path, params=query, json=json, files=files) as response:
                is_file = "Content-Disposition" in response.headers
                return Answer(response.status_code, await self._bounded(response, path, most_bytes), is_file)
        except httpx.HTTPError as error:
            raise self._explained(error, path) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise self._lost(type(error).__name__, path) from None

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _bounded(self, response: httpx.Response, path: str, most_bytes: int) -> bytes:
        body = bytearray()
        async for part in response.aiter_bytes():
            body += part
            if len(body) > most_bytes:
                raise self._lost(f"an answer over {most_bytes / 1e6:g} MB", path)
        return bytes(body)

    def _explained(self, error: httpx.HTTPError, path: str) -> ChannelUnavailable:
        # The aiohttp transport reports any broken connection as ConnectTimeout, so only the cause tells them apart.
        cause = error.__cause__
        never_left = isinstance(error, _NEVER_SENT) or isinstance(cause, _NEVER_CONNECTED)
        if cause is None and isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
            never_left = True
        if never_left:
            return ChannelUnavailable(
                f"{self._platform} cannot be reached at {self._host} for {redacted(path)}"
                f" ({type(cause or error).__name__})",
                "check the network and the platform's address; nothing was sent",
                retry_after_s=5.0,
            )
        return self._lost(type(cause or error).__name__, path)

    def _lost(self, why: str, path: str) -> AnswerLost:
        return AnswerLost(
            f"{self._platform} gave no whole answer to {redacted(path)} ({why})",
            "nothing to do: what may have happened is asked for later",
            retry_after_s=5.0,
        )
