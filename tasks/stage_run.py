"""
One run of one stage for one community and one day: claimed, timed, recorded, announced.

A flow wraps its body in ``stage_run``; what the body does is the stage's own business. The ``runs`` row is the
claim that makes the second start of a day end at once; the event is what starts the next stage.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

import prefect.runtime
from prefect.events import emit_event

from qunflow import runtime
from qunflow.clock import SystemClock, local_day
from qunflow.errors import ConfigurationError, OutOfBounds, QunflowError
from qunflow.runtime import Runtime
from qunflow.runtime.holding import Earlier, holding
from qunflow.runtime.stage import StageRun
from qunflow.runtime.telling import SETTINGS_NOTE, settings_of
from qunflow.settings.params import StageParams
from qunflow.settings.workspace import Community
from qunflow.store import runs

# A claim is taken over at once from a run that died here, never from one that lives; what other machines run is not
# seen, and gets its time.
_ABANDONED_AFTER: dict[Earlier, timedelta] = {
    "dead": timedelta.min,
    "alive": timedelta.max,
    "nobody": runs.ABANDONED_AFTER,
}


@contextmanager
def stage_run(stage: str, params: StageParams) -> Iterator[StageRun]:
    """
    Open, claim and close the run of ``stage`` that ``params`` asks for.

    A run that finds its day claimed has ``already_done`` set: the flow returns at once.

    Raises:
        ConfigurationError: the community does not exist, or none was named and there are several.
        OutOfBounds: the day has not begun yet in the community's zone.
    """
    run = _opened(stage, params)
    claim = params.claim == "once" and params.sends
    with _held(run, claim=claim) as earlier:
        run.run_id = _claimed(run, claim=claim, abandoned_after=_ABANDONED_AFTER[earlier])
        run.already_done = run.run_id == 0
        try:
            yield run
        except BaseException as problem:
            _finish(run, "failed", _in_words(problem))
            raise
        _finish(run, "completed", "")
    _announce(run)


def _opened(stage: str, params: StageParams) -> StageRun:
    here = runtime.current()
    community = chosen_community(here, params.community)
    now = here.clock.now()
    today = local_day(now, community.zone_info)
    day = params.logical_day(local_day(_scheduled_at(here, now), community.zone_info))
    if day > today:
        raise OutOfBounds(
            f"{stage}: {day} has not begun yet in {community.zone} (it is {today} there)",
            "run it for today or a day before, or set the machine's clock right",
        )
    return StageRun(stage, here, community, day, now, not params.sends, params.backfill, params.reopen)


def chosen_community(here: Runtime, key: str) -> Community:
    """
    The community a run is about.

    Raises:
        ConfigurationError: unknown key, or no key although the workspace has several communities.
    """
    communities = here.workspace.communities
    if key:
        return here.workspace.community(key)
    if len(communities) == 1:
        return communities[0]
    keys = ", ".join(community.key for community in communities)
    raise ConfigurationError(f"which community? the workspace has {keys}", "set `community` in the parameters")


def _scheduled_at(here: Runtime, now: datetime) -> datetime:
    """A late run still belongs to the day it was scheduled for; a simulated season knows no schedule."""
    scheduled: datetime | None = prefect.runtime.flow_run.scheduled_start_time
    return scheduled if scheduled is not None and isinstance(here.clock, SystemClock) else now


def _held(run: StageRun, *, claim: bool) -> AbstractContextManager[Earlier]:
    if not claim:
        return nullcontext("nobody")
    return holding(run.runtime.directory, f"{run.stage}/{run.community.key}/{run.day.isoformat()}")


def _claimed(run: StageRun, *, claim: bool, abandoned_after: timedelta) -> int:
    flow_run = str(prefect.runtime.flow_run.id or "")
    begin = partial(
        runs.start,
        stage=run.stage,
        community=run.community.key,
        day=run.day,
        dry_run=run.dry_run,
        at=run.now,
        claim=claim,
        prefect_run_id=flow_run,
        abandoned_after=abandoned_after,
    )
    return run.runtime.store.write(begin) or 0


def _finish(run: StageRun, state: Literal["completed", "failed"], problem: str) -> None:
    if run.already_done:
        return
    at = run.runtime.clock.now()
    notes = {**run.notes, SETTINGS_NOTE: settings_of(run.community, run.stage)}
    run.runtime.store.write(
        lambda conn: runs.finish(conn, run.run_id, state, run.rows_in, run.rows_out, notes, problem, at)
    )


def _in_words(problem: BaseException) -> str:
    # Only our own errors are known to be free of personal data.
    return str(problem) if isinstance(problem, QunflowError) else type(problem).__name__


def _announce(run: StageRun) -> None:
    """Only a live run of a single stage starts the next one: not a backfill, not a part of a whole cycle."""
    if run.already_done or run.backfill or prefect.runtime.flow_run.parent_flow_run_id:
        return
    emit_event(
        f"qunflow.{run.stage}.completed",
        resource={"prefect.resource.id": f"qunflow.community.{run.community.key}"},
        payload={"community": run.community.key, "day": run.day.isoformat(), "dry_run": run.dry_run},
    )
