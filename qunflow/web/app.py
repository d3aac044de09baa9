"""Builds the web application from its ports."""

from __future__ import annotations

from fastapi import FastAPI

from qunflow.web import (
    away,
    callbacks,
    checkins,
    exporting,
    hand,
    health,
    hooks,
    links,
    livecode,
    metrics,
    plan,
    plan_changes,
    problems,
    reasons,
    session,
    stopping,
    today,
)
from qunflow.web.guard import Guard
from qunflow.web.guessing import GuessLimit
from qunflow.web.keeping import inbox_of
from qunflow.web.metrics import Metrics
from qunflow.web.ports import WebPorts
from qunflow.web.refusals import answer_errors

_DESK = (session, plan, plan_changes, today, reasons, away, problems, stopping, exporting)
ROUTERS = tuple(one.router for one in (health, metrics, callbacks, hooks, livecode, links, checkins, hand, *_DESK))


def create_app(ports: WebPorts, *, guesses: GuessLimit | None = None) -> FastAPI:
    """The application: routes, guard and error answers; it holds no state but counts and what waits for a commit."""
    # No interactive documentation: it loads its scripts from elsewhere.
    app = FastAPI(title="Qunflow", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.state.ports = ports
    app.state.guesses = guesses or GuessLimit()
    app.state.metrics = Metrics()
    app.state.inbox = inbox_of(ports, app.state.metrics.committed)
    for router in ROUTERS:
        app.include_router(router)
    answer_errors(app)
    app.add_middleware(Guard, https=ports.web_url.startswith("https://"))
    return app
