"""
Saying no, always in one shape.

For programs: ``{"error": {"code", "message", "next_step", "request_id"}}``; for people on a phone: a page with the
same words. What was sent is never repeated, because it may hold personal data.
"""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from qunflow.errors import QunflowError, TransientError
from qunflow.web.pages import page, request_id, wants_page
from qunflow.web.ports import ports_of

log = logging.getLogger(__name__)


class Refusal(Exception):
    """
    An answer that is not a success.

    Args:
        status: the HTTP status.
        code: names the reason; its words are ``web.refusal.<code>`` and ``web.next.<code>``.
        field: the part of the input it concerns, never its value.
        retry_after_s: when it is worth trying again; 0 when that is not known.
    """

    def __init__(self, status: int, code: str, *, field: str = "", retry_after_s: int = 0) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.field = field
        self.retry_after_s = retry_after_s


HTTP_CODES = {404: "not_found", 405: "method_not_allowed"}


def refusal_response(request: Request, refusal: Refusal) -> Response:
    """The answer for a refusal, as a page for people and as JSON for programs."""
    words = ports_of(request).language
    message = words.text(f"web.refusal.{refusal.code}", field=refusal.field)
    next_step = words.text(f"web.next.{refusal.code}", field=refusal.field)
    headers = {"Retry-After": str(refusal.retry_after_s)} if refusal.retry_after_s else {}
    if wants_page(request):
        return page(request, "refusal", refusal.status, headers, message=message, next_step=next_step)
    error = {"code": refusal.code, "message": message, "next_step": next_step, "request_id": request_id(request)}
    return JSONResponse({"error": error}, refusal.status, headers)


def answer_errors(app: FastAPI) -> None:
    """Let every known kind of error be answered in the one shape; unknown ones are the guard's."""

    @app.exception_handler(Refusal)
    async def refused(request: Request, refusal: Refusal) -> Response:
        return refusal_response(request, refusal)

    @app.exception_handler(HTTPException)
    async def not_routed(request: Request, error: HTTPException) -> Response:
        code = HTTP_CODES.get(error.status_code, "bad_request")
        return refusal_response(request, Refusal(error.status_code, code))

    @app.exception_handler(QunflowError)
    async def not_kept(request: Request, error: QunflowError) -> Response:
        # Whoever sent it must try again: nothing was acknowledged, so nothing may be lost.
        log.error("request not kept", extra={"request_id": request_id(request), "error": type(error).__name__})
        wait_s = 1 if isinstance(error, TransientError) else 30
        return refusal_response(request, Refusal(503, "busy", retry_after_s=wait_s))
