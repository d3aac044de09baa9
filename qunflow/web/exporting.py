"""
Lists to take along, for those who may look into the audit log: one at a time, written by another process.

This process answers callbacks; a large list would keep it from doing so. What takes longer than a browser waits is left
to the command line.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from datetime import date
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool

from qunflow.store.exporting.lists import NAMES
from qunflow.store.exporting.ordering import Order
from qunflow.store.exporting.writing import FORMATS
from qunflow.web.forms import form_of
from qunflow.web.pages import page
from qunflow.web.ports import Exporter, ports_of
from qunflow.web.refusals import Refusal
from qunflow.web.session import allowed

# A browser, and the proxy before it, wait a minute.
PATIENCE_S = 50.0
# No list but a workbook as of the last day asked for, whatever format is chosen.
BOOK, BOOK_ENDING = "retention", ".xlsx"

router = APIRouter()
_busy = threading.Lock()


@router.get("/export")
def show(request: Request) -> Response:
    """The lists there are."""
    person = allowed(request, "audit")
    ports = ports_of(request)
    communities = ports.workspace.communities
    return page(
        request,
        "export",
        person=person,
        names=(*NAMES, BOOK),
        formats=FORMATS,
        communities=communities,
        zone=communities[0].zone,
    )


@router.post("/export")
async def take(request: Request) -> Response:
    """One list as a file; gone here once it is sent."""
    form = await form_of(request)
    return await run_in_threadpool(_taken, request, form)


def _taken(request: Request, form: dict[str, str]) -> Response:
    person = allowed(request, "audit")
    exporter = ports_of(request).exporter
    if exporter is None:
        raise Refusal(503, "export_not_here")
    name, ending = form.get("list", ""), form.get("format", "")
    if name not in (*NAMES, BOOK) or ending not in FORMATS:
        raise Refusal(422, "bad_field", field="format" if name in (*NAMES, BOOK) else "list")
    since, until = _span(form)
    if name == BOOK:
        ending, since = BOOK_ENDING, None
    folder = Path(tempfile.mkdtemp(prefix="qunflow-export-"))
    order = Order(name, folder / f"{name}{ending}", person.userid, form.get("community", ""), since, until)
    try:
        _one_at_a_time(exporter, order)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    clean = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
    return FileResponse(order.path, filename=order.path.name, background=clean)


def _one_at_a_time(exporter: Exporter, order: Order) -> None:
    if not _busy.acquire(blocking=False):
        raise Refusal(503, "export_busy", retry_after_s=10)
    try:
        if not exporter(order, PATIENCE_S):
            raise Refusal(422, "export_failed")
    except TimeoutError as error:
        raise Refusal(503, "export_too_long") from error
    finally:
        _busy.release()


def _span(form: dict[str, str]) -> tuple[date | None, date | None]:
    return _day(form, "since"), _day(form, "until")


def _day(form: dict[str, str], name: str) -> date | None:
    given = form.get(name, "").strip()
    try:
        return date.fromisoformat(given) if given else None
    except ValueError as error:
        raise Refusal(422, "bad_field", field=name) from error
