"""
Weekly activity 每周活动: the check-in week opens on Monday, people check in every day, points and prizes follow.

On a day without an open week there is nothing to do but to read what came in, and the run completes.
"""

from __future__ import annotations

from typing import Any

from prefect import flow

from data_checks.weekly_activity import INPUT, OUTPUT
from qunflow.weekly_activity.params import WeeklyActivityParams
from tasks import weekly_activity as week
from tasks.checks import check
from tasks.stage_run import stage_run


@flow(name="weekly_activity", description="每周活动:开打卡周、记打卡、算积分、发奖")
def weekly_activity(params: WeeklyActivityParams = WeeklyActivityParams()) -> dict[str, Any]:
    """
    Run one community's check-in week for one day.

    Args:
        params: 社群、业务日期、试运行、验证码
    """
    with stage_run("weekly_activity", params) as run:
        if run.already_done:
            return run.summary()
        opened = week.open_week(run)
        taps = week.read_taps(run)
        told, rows = week.sort_taps(run, taps)
        check(rows, INPUT, run.run_id, set_aside=week.set_aside(told), source="inbox:checkin")
        kept = week.keep_taps(run, told, taps)
        booked = week.reward(run)
        check(week.standing(run), OUTPUT, run.run_id)
        messages = week.announce(run, params.approval_code)
        changed = week.report_week(run)
        run.rows_in, run.rows_out = len(taps), kept
        run.notes |= {"opened": opened, "booked": booked, "messages": messages, "figures_changed": changed}
        return run.summary()
