"""
What the web counts, for a monitoring system: requests, commits, and how much of the inbox waits.

Numbers only, never what anybody sent. Shown to this machine, and elsewhere to whoever has the key; a proxy in front
makes every caller look like this machine, so a forwarded request always needs the key.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from qunflow.store.inbox import Backlog, backlogs
from qunflow.web.callers import is_this_machine
from qunflow.web.ports import ports_of
from qunflow.web.refusals import Refusal
from qunflow.web.signatures import is_bearer

LATENCIES_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)

router = APIRouter()


class Metrics:
    """The counts of one application since it started; safe to share between threads."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "qunflow_http_requests", "Answered requests", ["method", "route", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "qunflow_http_request_seconds", "Seconds to answer", ["route"], buckets=LATENCIES_S, registry=self.registry
        )
        self._batches = Histogram(
            "qunflow_inbox_commit_rows", "Rows in one commit", buckets=BATCHES, registry=self.registry
        )
        self._drift = Counter(
            "qunflow_form_drift", "Entries that do not look like their mapping", ["form"], registry=self.registry
        )

    def answered(self, method: str, route: str, status: int, took_s: float) -> None:
        """Count an answer; no label is anybody's choice: made-up addresses are counted together, and so are methods."""
        told = method if route and method in METHODS else ""
        self._requests.labels(told, route or "none", str(status)).inc()
        self._seconds.labels(route or "none").observe(took_s)

    def committed(self, rows: int) -> None:
        """Count a commit to the inbox."""
        self._batches.observe(rows)

    def drifted(self, form: str) -> None:
        """Count an entry with fields nobody mapped, or without one that is mapped."""
        self._drift.labels(form).inc()

    def text(self, waiting: int, behind: Iterable[Backlog], now: datetime) -> bytes:
        """Everything in the text format, together with what the inbox says just now."""
        return generate_latest(self.registry) + generate_latest(_inbox(waiting, list(behind), now))


def metrics_of(request: Request) -> Metrics:
    """The counts of the application a request belongs to."""
    found: Metrics = request.app.state.metrics
    return found


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """The counts in the Prometheus text format."""
    ports = ports_of(request)
    if not is_this_machine(request) and not is_bearer(request, ports.hook_secret, "metrics"):
        raise Refusal(403, "metrics_closed")
    with ports.store.reading() as conn:
        behind = backlogs(conn)
    text = metrics_of(request).text(request.app.state.inbox.waiting, behind, ports.clock.now())
    return Response(text, media_type=CONTENT_TYPE_LATEST)


def _inbox(waiting: int, behind: Sequence[Backlog], now: datetime) -> CollectorRegistry:
    registry = CollectorRegistry()
    Gauge("qunflow_inbox_waiting_rows", "Rows that wait for a commit", registry=registry).set(waiting)
    rows = Gauge("qunflow_inbox_unapplied_rows", "Rows nothing was made of yet", ["source"], registry=registry)
    oldest = Gauge(
        "qunflow_inbox_oldest_unapplied_seconds", "Age of the oldest unapplied row", ["source"], registry=registry
    )
    for one in behind:
        rows.labels(one.source).set(one.rows)
        oldest.labels(one.source).set(max(0.0, (now - one.since).total_seconds()))
    return registry
