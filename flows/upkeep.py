"""
Name-list upkeep (名单同步): read groups and members once more, see what became of what was sent, and look ahead
whether the quota lasts.

Writes state and history only; nothing goes out but reminders that are due.
"""

from __future__ import annotations

from typing import Any

from prefect import flow

from qunflow.settings.params import StageParams
from tasks.acquisition import follow_roster
from tasks.delivery import settle
from tasks.plan_ahead import look_ahead
from tasks.stage_run import stage_run


@flow(name="upkeep", description="名单同步")
def upkeep(params: StageParams = StageParams()) -> dict[str, Any]:
    """
    Bring the roster and the outcomes of sends up to date.

    Args:
        params: 社群、业务日期、试运行
    """
    with stage_run("upkeep", params) as run:
        if not run.already_done:
            roster = follow_roster(run)
            run.rows_in, run.rows_out = roster.seen, roster.changed
            if not run.dry_run:
                settle(run)
            run.notes |= look_ahead(run)
    return run.summary()
