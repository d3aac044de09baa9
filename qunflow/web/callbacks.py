"""
WeCom callbacks: the address check and the events.

Signature first, then decryption, then XML; every failure gets one and the same answer, at the same time after it came,
so that neither words nor waiting tell how far a guess got. What is kept is the decrypted XML as it came, named by its
hash, because events have no number of their own; what it means is read by acquisition.

Source: WeCom developer centre, pages 90238 and 90968 (read 2026-11-21).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from qunflow.acquisition.envelope import read_fields
from qunflow.connectors.wecom.crypto import CallbackCrypto
from qunflow.errors import BadInput
from qunflow.web.bodies import read_body
from qunflow.web.keeping import keep
from qunflow.web.ports import ports_of
from qunflow.web.refusals import Refusal

# Longer than the longest way to a refusal takes, and nothing to a sender that has five seconds.
REFUSED_AFTER_S = 0.02

router = APIRouter()


@router.get("/wecom/callback")
async def check_address(request: Request) -> Response:
    """Answer the check WeCom makes when the address is saved: the decrypted echo, nothing else."""
    async with _refused_alike():
        echo = _opened(request, request.query_params.get("echostr", ""))
    return PlainTextResponse(echo)


@router.post("/wecom/callback")
async def receive_event(request: Request) -> Response:
    """Keep an event, then answer 200 with nothing; a repetition is answered the same."""
    body = await read_body(request)
    async with _refused_alike():
        message = _opened(request, _encrypted(body))
        _fields(message)
    await keep(request, "wecom", hashlib.sha256(message).hexdigest(), message)
    return PlainTextResponse("")


@asynccontextmanager
async def _refused_alike() -> AsyncIterator[None]:
    """Let every refusal leave at the same time after its request was read."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        yield
    except Refusal:
        await asyncio.sleep(began + REFUSED_AFTER_S - loop.time())
        raise


def _crypto(request: Request) -> CallbackCrypto:
    crypto = ports_of(request).crypto
    if crypto is None:
        raise Refusal(503, "callback_not_set_up")
    return crypto


def _opened(request: Request, encrypted: str) -> bytes:
    crypto = _crypto(request)
    given = request.query_params
    try:
        return crypto.open(
            given.get("msg_signature", ""), given.get("timestamp", ""), given.get("nonce", ""), encrypted
        )
    except (BadInput, UnicodeEncodeError) as error:
        raise Refusal(403, "callback_refused") from error


def _fields(document: bytes) -> dict[str, str | list[str]]:
    try:
        return read_fields(document)
    except BadInput as error:
        raise Refusal(403, "callback_refused") from error


def _encrypted(document: bytes) -> str:
    found = _fields(document).get("Encrypt", "")
    if not isinstance(found, str):
        raise Refusal(403, "callback_refused")
    return found
