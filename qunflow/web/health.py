"""
Whether the web can do its work: its database answers and is of its version, and the way into the inbox is not blocked.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from qunflow.errors import QunflowError
from qunflow.store.migrate import require_current
from qunflow.web.ports import ports_of

router = APIRouter()


@router.get("/healthz")
def health(request: Request) -> Response:
    """200 when callbacks can be kept, 503 when they cannot."""
    ports = ports_of(request)
    try:
        require_current(ports.store)
    except QunflowError as error:
        return JSONResponse({"status": "failing", "store": type(error).__name__}, 503)
    if request.app.state.inbox.is_full:
        return JSONResponse({"status": "failing", "store": "ok", "inbox": "full"}, 503)
    now = ports.clock.now()
    return JSONResponse({"status": "ok", "store": "ok", "now": now.isoformat()})
