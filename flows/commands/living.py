"""
Days lived in this process: the stages as top-level flows in the morning, the resident sender through the day.

Stages are not subflows here: each costs a second of waiting more, which a real day does not notice and a
simulated week does.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from flows.commands import season as seasons
from flows.commands.approver import approve_what_waits, operator_phone
from flows.commands.season import Season
from qunflow.clock import instant_of
from qunflow.runtime.stage import StageOutcome

if TYPE_CHECKING:
    from qunflow.runtime import Runtime

HAND_OVER_S = 20.0
# Whoever pressed Ctrl-C is waiting.
CUT_SHORT_S = 2.0


def point_at(folder: Path, prefect_url: str, prefect_home: Path) -> None:
    """Tell this process its workspace and its Prefect server; must come before Prefect is imported."""
    os.environ["QUNFLOW_WORKSPACE"] = str(folder)
    os.environ["PREFECT_API_URL"] = f"{prefect_url}/api"
    os.environ["PREFECT_HOME"] = str(prefect_home)
    # The run's log belongs on the Prefect page; the terminal shows progress.
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")


@contextmanager
def without_heartbeats() -> Iterator[None]:
    """On leaving a flow Prefect waits up to a second for its heartbeat thread: too long for a simulated day."""
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        yield


def live_day(season: Season, day: date, told: Callable[[str], None]) -> list[StageOutcome]:
    """Live one day: the chain in the morning, a look at the plan, the sender at every step, the roster at night."""
    from qunflow import runtime
    from qunflow.delivery.resident import tick
    from qunflow.runtime.greetings import welcome_composer

    here = runtime.current()
    compose = welcome_composer(here)
    seasons.advance(season, instant_of(day, seasons.MORNING, seasons.ZONE))
    outcomes = run_stages(day, told)
    with operator_phone(here) as phone:
        approve_what_waits(phone, day)
    for moment in seasons.moments(day, due_on(here, day)):
        seasons.advance(season, moment)
        tick(here.ports, now=moment, compose=compose)
    seasons.advance(season, instant_of(day, seasons.NIGHT, seasons.ZONE))
    return outcomes


def due_on(here: Runtime, day: date) -> list[datetime]:
    """When the messages planned for a day fall due."""
    from qunflow.delivery import outbox

    with here.store.reading() as conn:
        return outbox.due_instants(conn, day)


def run_stages(day: date, told: Callable[[str], None]) -> list[StageOutcome]:
    """The chain of one day, live, each stage a top-level flow."""
    from flows.community_cycle import CHAIN, FORMS
    from qunflow.settings.params import StageParams
    from tasks.cycle import run_chain

    params = StageParams(day=day.isoformat(), dry_run=False)
    return run_chain(CHAIN, FORMS, params, told=told)


@contextmanager
def handed_over() -> Iterator[None]:
    """Hand over whatever happens: at exit Prefect would wait for minutes for a server that was stopped."""
    try:
        yield
    except BaseException:
        hand_over_to_prefect(CUT_SHORT_S)
        raise
    hand_over_to_prefect(HAND_OVER_S)


def hand_over_to_prefect(patience_s: float) -> None:
    """Give the server the last logs and events while it is still there; at exit they would wait for it in vain."""
    if "prefect" not in sys.modules:
        return
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    for worker in (APILogWorker, EventsWorker):
        worker.drain_all(timeout=patience_s, at_exit=False)
