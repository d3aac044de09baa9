"""The least an ASGI application can do under the sandbox's own server: read a body, answer a constant JSON."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import uvicorn

BODY = b'{"errcode":0,"errmsg":"ok"}'
HEADERS = [(b"content-type", b"application/json; charset=UTF-8"), (b"content-length", str(len(BODY)).encode())]
Message = MutableMapping[str, Any]


async def application(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Answer every request alike."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})


if __name__ == "__main__":
    settings: dict[str, Any] = {"host": "127.0.0.1", "log_level": "warning", "access_log": False, "lifespan": "off"}
    uvicorn.run(application, port=int(sys.argv[1]), **settings)
