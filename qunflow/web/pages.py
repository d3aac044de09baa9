"""
HTML answers: trusted templates, escaped, with one style and one script that carry the nonce of their request.

Without a script every page still works: copying is the only thing that needs one.
"""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import Request
from fastapi.responses import HTMLResponse

from qunflow.rendering import pages
from qunflow.web.ports import ports_of

PAGE_PATHS = ("/g/", "/s/", "/c/", "/hand/", "/in/", "/out", "/today", "/plan", "/problems", "/stop", "/export")


def page(
    request: Request, name: str, status: int = 200, headers: Mapping[str, str] | None = None, **values: object
) -> HTMLResponse:
    """Render ``web/<name>.html.j2`` in the language of the workspace."""
    ports = ports_of(request)
    html = (
        pages()
        .get_template(f"web/{name}.html.j2")
        .render(
            lang=ports.language.lang,
            text=ports.language.text,
            brand=ports.workspace.brand,
            nonce=request.state.nonce,
            request_id=request_id(request),
            **values,
        )
    )
    return HTMLResponse(html, status, dict(headers or {}))


def wants_page(request: Request) -> bool:
    """Whether a person is looking: a page address, and no program asking for JSON."""
    if not request.url.path.startswith(PAGE_PATHS):
        return False
    return not wants_json(request)


def wants_json(request: Request) -> bool:
    """Whether the caller asked for JSON and not for a page."""
    accepted = request.headers.get("accept", "")
    return "application/json" in accepted and "text/html" not in accepted


def request_id(request: Request) -> str:
    """The number under which this request is found in the log."""
    found: str = request.state.request_id
    return found
