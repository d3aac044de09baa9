"""
WeCom callbacks: the address check and the events.

Signature first, then decryption, then XML; every failure gets one and the same answer. What is kept is the decrypted
XML as it came, named by its hash, because events have no number of their own; what it means is read by acquisition.

Source: WeCom developer centre, pages 90238 and 90968 (read 2026-11-21).
"""

from __future__ import annotations

import hashlib

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from qunflow.connectors.wecom.crypto import CallbackCrypto
from qunflow.errors import BadInput
from qunflow.web.bodies import read_body
from qunflow.web.envelope import read_fields
from qunflow.web.keeping import keep
from qunflow.web.ports import ports_of
from qunflow.web.refusals import Refusal

router = APIRouter()


@router.get("/wecom/callback")
async def check_address(request: Request) -> Response:
    """Answer the check WeCom makes when the address is saved: the decrypted echo, nothing else."""
    echo = _opened(request, request.query_params.get("echostr", ""))
    return PlainTextResponse(echo)


@router.post("/wecom/callback")
async def receive_event(request: Request) -> Response:
    """Keep an event, then answer 200 with nothing; a repetition is answered the same."""
    message = _opened(request, _encrypted(await read_body(request)))
    _fields(message)
    key = hashlib.sha256(message).hexdigest()
    await keep(request, "wecom", key, message)
    return PlainTextResponse("")


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
