"""
Calls to WeCom with a valid access token: fetched once for all threads, renewed once when the platform takes it back.

Which calls there are is left to ``client``, what processes share to ``tokens``.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import httpx

from qunflow.connectors.http import Answer, Http
from qunflow.connectors.pacer import Pacer, Rate
from qunflow.connectors.wecom.answers import (
    TOKEN_REFUSED,
    TRY_LATER,
    AuthRefused,
    Backoff,
    Body,
    Kind,
    TokenRefused,
    body_of,
)
from qunflow.connectors.wecom.pace import Pace
from qunflow.connectors.wecom.tokens import Token, TokenFile, token_of
from qunflow.errors import ChannelUnavailable

# WeCom answers 45033 to too many parallel calls of one interface, without publishing the number.
PARALLEL_CALLS = 4
_PAGES = 10_000
# Page 90454 of 2023-08-28: for each corp and interface.
CALL_RATES = (Rate(10_000, 60), Rate(150_000, 3_600))
# The longest file WeCom keeps, and some room for the head of a film.
FILE_BYTES = 21_000_000

Result = TypeVar("Result")
Witness: TypeAlias = Callable[[str, bytes], None]


class Session:
    """
    One application of one corp.

    Args:
        base_url: the platform's address.
        corp_id: the corp.
        secret: the application's secret.
        transport: replaces the network in tests.
        timeout_s: for connecting, and for each wait for bytes.
        token_file: where processes share the token; without it each process has its own.
        rates: how often each call may be made.
        pacer: where the calls are counted; without it this object counts alone.
        witness: is shown every answer as it came, with its path; tokens too.
        first_pages: of every list only the first page is read.
    """

    def __init__(
        self,
        base_url: str,
        corp_id: str,
        secret: str,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        timeout_s: float = 10.0,
        token_file: Path | None = None,
        rates: Sequence[Rate] = CALL_RATES,
        pacer: Pacer | None = None,
        witness: Witness | None = None,
        first_pages: bool = False,
    ) -> None:
        self._http = Http(base_url, platform="WeCom", transport=transport, timeout_s=timeout_s)
        self._credentials = {"corpid": corp_id, "corpsecret": secret}
        self._token = Token()
        self._shared = TokenFile(token_file, base_url, corp_id, secret) if token_file else None
        self._renewing = asyncio.Lock()
        self._gates: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(PARALLEL_CALLS))
        self._pace = Pace(pacer or Pacer(), base_url, f"{base_url} {corp_id}", rates)
        self._backoff = Backoff()
        self._witness = witness
        self._first_pages = first_pages

    async def call(
        self,
        path: str,
        *,
        kind: Kind,
        json: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        files: Mapping[str, Any] | None = None,
    ) -> Body:
        """
        One call below ``/cgi-bin/``; a refused token is renewed and the call repeated, once.

        WeCom says 40001 of some tokens it took back, as of a wrong secret; only asking for a token tells them apart.

        Raises:
            AnswerLost, ChannelUnavailable, ChannelRefused, ConfigurationError: see ``answers``.
        """
        return await self._with_token(lambda token: self._once(path, token, kind, json, query, files))

    async def file(self, path: str, query: Mapping[str, str]) -> bytes:
        """The file a reading call gives, at most 20 MB. Raises as ``call`` does."""
        return await self._with_token(lambda token: self._file_once(path, token, query))

    async def pages(
        self, path: str, json: Mapping[str, Any] | None = None, query: Mapping[str, str] | None = None
    ) -> AsyncIterator[Body]:
        """
        Every answer of a paged reading, until the cursor is empty; with ``json`` by POST, else by GET.

        Raises:
            ChannelUnavailable: the platform gave the same cursor twice, or does not come to an end.
        """
        cursor, seen = "", {""}
        for _ in range(_PAGES):
            leafed = {"cursor": cursor} if cursor else {}
            if json is None:
                body = await self.call(path, kind="read", query={**(query or {}), **leafed})
            else:
                body = await self.call(path, kind="read", json={**json, **leafed})
            yield body
            cursor = str(body.get("next_cursor") or "")
            if not cursor or self._first_pages:
                return
            if cursor in seen:
                break
            seen.add(cursor)
        raise ChannelUnavailable(f"WeCom's pages of {path} do not end", TRY_LATER, 5.0)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def _with_token(self, once: Callable[[str], Awaitable[Result]]) -> Result:
        token = await self._valid_token()
        try:
            return await once(token)
        except (TokenRefused, AuthRefused) as error:
            if error.code not in TOKEN_REFUSED:
                raise
            fresh = await self._valid_token(refused=token)
        return await once(fresh)

    async def _file_once(self, path: str, token: str, query: Mapping[str, str]) -> bytes:
        asked = {**query, "access_token": token}
        answer = await self._in_turn("GET", path, "read", query=asked, most_bytes=FILE_BYTES)
        if answer.status == 200 and answer.is_file:
            return answer.body
        with self._backoff.of(path):
            body_of(answer, path, "read")
        raise ChannelUnavailable(f"WeCom gave no file in its answer to {path}", TRY_LATER, 5.0)

    async def _once(
        self,
        path: str,
        token: str,
        kind: Kind,
        json: Mapping[str, Any] | None,
        query: Mapping[str, str] | None,
        files: Mapping[str, Any] | None,
    ) -> Body:
        method = "GET" if json is None and files is None else "POST"
        asked = {**(query or {}), "access_token": token}
        answer = await self._in_turn(method, path, kind, query=asked, json=json, files=files)
        with self._backoff.of(path):
            return body_of(answer, path, kind)

    async def _in_turn(self, method: str, path: str, kind: Kind, **parts: Any) -> Answer:
        async with self._gates[path]:
            await self._pace.take(path, parts.get("json"))
            return await self._send(method, path, kind, **parts)

    async def _send(self, method: str, path: str, kind: Kind, **parts: Any) -> Answer:
        try:
            answer = await self._http.send(method, f"/cgi-bin/{path}", **parts)
        except ChannelUnavailable as error:
            if kind == "read":
                raise ChannelUnavailable(error.problem, TRY_LATER, error.retry_after_s) from None
            raise
        if self._witness:
            self._witness(path, answer.body)
        return answer

    async def _valid_token(self, refused: str = "") -> str:
        # All calls run on one loop, so this lock makes one refresh serve every thread that waits for it.
        async with self._renewing:
            if not self._token.is_good(refused):
                shared = self._shared
                self._token = await (shared.renewed(refused, self._fetch) if shared else self._fetch(self._token))
            return self._token.text

    async def _fetch(self, held: Token) -> Token:
        answer = await self._send("GET", "gettoken", "read", query=self._credentials)
        body = body_of(answer, "gettoken", "read")
        text, lifetime_s = body.get("access_token"), str(body.get("expires_in"))
        if not isinstance(text, str) or not text or not lifetime_s.isdecimal():
            raise ChannelUnavailable("WeCom gave no access token", TRY_LATER, 5.0)
        return token_of(text, int(lifetime_s), held)


def listed(body: Body, key: str, path: str) -> list[Any]:
    """A list of an answer; absent or null is empty. Raises: ChannelUnavailable when it is something else."""
    value = body.get(key) or []
    if not isinstance(value, list):
        raise ChannelUnavailable(f"WeCom gave no list {key!r} in {path}", TRY_LATER, 5.0)
    return value
