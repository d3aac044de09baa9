"""
Retention 留存: who is still there, who still moves, and which group needs a person's eye.

Reads what is new and writes figures; then to-dos for the team, and messages to silent members that a person has to
approve. A rehearsal measures all the same, and asks nobody.
"""

from __future__ import annotations

from typing import Any

from prefect import flow

from data_checks.retention import INPUT, OUTPUT
from qunflow.retention.params import RetentionParams
from tasks import retention as measuring
from tasks import retention_care as caring
from tasks import retention_outlook as ahead
from tasks.checks import check
from tasks.retention_parts import look_at_parts
from tasks.retention_publishing import require_grade
from tasks.stage_run import stage_run


@flow(name="retention", description="留存:在群率、活跃率、群健康度、告警")
def retention(params: RetentionParams = RetentionParams()) -> dict[str, Any]:
    """
    Measure one community as of one day.

    Args:
        params: 社群、业务日期、同批口径、算作活跃的动作
    """
    with stage_run("retention", params) as run:
        if run.already_done:
            return run.summary()
        plan = measuring.plan_measurement(run, params)
        near = caring.look_closer(run, plan)
        measured = caring.judge_alarms(measuring.measure(run, plan), near)
        check(measuring.dirt_frame(measured.day.seen), INPUT, run.run_id)
        found = measuring.all_figures(measured.day)
        check(measuring.figures_frame(found), OUTPUT, run.run_id)
        require_grade(run, run.day)
        changed = measuring.keep_figures(run, plan, found)
        withheld = measuring.keep_again(run, measured)
        measuring.publish_report(measured)
        run.rows_in, run.rows_out = measured.day.seen.events, len(found)
        run.notes |= measuring.notes_of(measured, changed, withheld) | caring.act(run, measured.day.board, near)
        run.notes |= ahead.look_ahead(run, measured.day)
        run.notes |= look_at_parts(run, measured.day)
        return run.summary()
