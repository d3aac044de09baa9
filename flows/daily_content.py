"""
Daily content 每日内容: what each group hears today, by its SOP.

One mass task a group and day, the rest as hand-send cards. The flow queues and sends what is due; it never waits for
people.
"""

from __future__ import annotations

from typing import Any

from prefect import flow

from data_checks.daily_content import INPUT, OUTPUT
from qunflow.daily_content.params import DailyContentParams
from tasks import daily_content as speaking
from tasks.checks import check
from tasks.stage_run import stage_run


@flow(name="daily_content", description="每日内容:节点、话术、检查、发件箱、完成率")
def daily_content(params: DailyContentParams = DailyContentParams()) -> dict[str, Any]:
    """
    Plan and send one community's content of one day.

    Args:
        params: 社群、业务日期、试运行、群范围、节点范围、验证码
    """
    with stage_run("daily_content", params) as run:
        if run.already_done:
            return run.summary()
        written = speaking.write_slots(run, params)
        check(speaking.input_frame(run, written), INPUT, run.run_id)
        queued = speaking.queue_and_send(run, written, params.approval_code)
        check(speaking.output_frame(run, written), OUTPUT, run.run_id)
        changed = speaking.keep_completion(run, written)
        run.rows_in, run.rows_out = written.slots, queued.get("planned", 0)
        run.notes |= {"written": len(written.drafts), "broken": len(written.broken), "held": len(written.held)}
        run.notes |= {"figures_changed": changed, **queued}
        speaking.require_whole(written)
        return run.summary()
