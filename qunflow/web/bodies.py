"""Reading what was sent: never more than the limit, and JSON only as an object of modest depth."""

from __future__ import annotations

import json
from typing import Any

from fastapi import Request
from starlette.requests import ClientDisconnect

from qunflow.acquisition.forms import is_too_deep
from qunflow.web.guard import MAX_BODY_BYTES
from qunflow.web.refusals import Refusal


async def read_body(request: Request) -> bytes:
    """
    The raw body.

    Raises:
        Refusal: 413 as soon as more than the limit has come, whatever was announced; 400 when the sender hung up.
    """
    parts: list[bytes] = []
    size = 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > MAX_BODY_BYTES:
                raise Refusal(413, "too_large")
            parts.append(part)
    except ClientDisconnect as error:
        raise Refusal(400, "bad_request") from error
    return b"".join(parts)


def json_object(body: bytes) -> dict[str, Any]:
    """
    The body as a JSON object in UTF-8.

    Raises:
        Refusal: 400 for anything else, among it numbers that no store can keep.
    """
    try:
        read = json.loads(body.decode(), parse_constant=_no_constant)
        # A lone half of a surrogate pair passes the parser and breaks every writer afterwards.
        json.dumps(read, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "not_json") from error
    if not isinstance(read, dict) or is_too_deep(read):
        raise Refusal(400, "not_json")
    return read


def _no_constant(name: str) -> float:
    raise ValueError(name)
