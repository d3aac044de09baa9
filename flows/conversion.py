"""
Conversion 转化: likely buyers from history, a warm-up, then an offer, and what came of it by campaign.

What came in since yesterday is taken in first: the list, the verdict on a warm-up and the numbers all rest on it.
"""

from __future__ import annotations

from typing import Any

from prefect import flow

from data_checks.conversion import INPUT, MESSAGES, NUMBERS, OUTPUT
from qunflow.conversion.params import ConversionParams
from tasks import conversion as selling
from tasks.checks import check
from tasks.conversion_messages import frame_of
from tasks.conversion_report import buyers_frame, numbers_frame
from tasks.stage_run import stage_run


@flow(name="conversion", description="转化:意向名单、预热、开售、订单、转化率")
def conversion(params: ConversionParams = ConversionParams()) -> dict[str, Any]:
    """
    Run one community's campaigns for one day.

    Args:
        params: 社群、业务日期、试运行、意向分数线、高消费线、验证码
    """
    with stage_run("conversion", params) as run:
        if run.already_done:
            return run.summary()
        incoming = selling.read_incoming(run)
        aside = selling.set_aside(run, incoming)
        check(selling.incoming_frame(run, incoming), INPUT, run.run_id, set_aside=aside, source="inbox:conversion")
        kept = selling.keep_incoming(run, incoming)
        buyers = selling.find_buyers(run, params)
        check(buyers_frame(run, buyers), OUTPUT, run.run_id)
        stands = selling.move_campaigns(run)
        listed = selling.keep_buyers(run, buyers)
        planned = selling.compose(run, stands)
        check(frame_of(planned, stands), MESSAGES, run.run_id)
        messages = selling.deliver(run, planned, params.approval_code)
        check(numbers_frame(run), NUMBERS, run.run_id)
        changed = selling.report(run, selling.count(run, buyers), stands, buyers)
        run.rows_in, run.rows_out = len(incoming), listed
        run.notes |= {"orders": kept, "messages": messages, "figures_changed": changed}
        run.notes |= {"campaigns": {stand.campaign: stand.state for stand in stands}}
        return run.summary()
