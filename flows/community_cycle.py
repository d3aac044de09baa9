"""
The whole chain for one logical day: acquisition, daily content, weekly activity, retention, conversion.

By hand, or to make up a past day. A stage that fails is reported and stops only what needs its work; a backfill
never sends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from flows.acquisition import acquisition
from flows.conversion import conversion
from flows.daily_content import daily_content
from flows.retention import retention
from flows.weekly_activity import weekly_activity
from qunflow import runtime
from qunflow.acquisition.params import AcquisitionParams
from qunflow.conversion.params import ConversionParams
from qunflow.daily_content.params import DailyContentParams
from qunflow.errors import PermanentError
from qunflow.retention.params import RetentionParams
from qunflow.settings.params import StageParams
from qunflow.weekly_activity.params import WeeklyActivityParams
from tasks.cycle import cycle_markdown, run_chain

CHAIN: dict[str, Callable[..., Any]] = {
    "acquisition": acquisition,
    "daily_content": daily_content,
    "weekly_activity": weekly_activity,
    "retention": retention,
    "conversion": conversion,
}
FORMS: dict[str, type[StageParams]] = {
    "acquisition": AcquisitionParams,
    "daily_content": DailyContentParams,
    "weekly_activity": WeeklyActivityParams,
    "retention": RetentionParams,
    "conversion": ConversionParams,
}


@flow(name="community-cycle", description="跑一天全流程")
def community_cycle(params: StageParams = StageParams()) -> dict[str, Any]:
    """
    Run the five stages for one logical day.

    Args:
        params: 社群、业务日期、试运行;补跑从不发送
    """
    outcomes = run_chain(CHAIN, FORMS, params)
    table = cycle_markdown(outcomes, runtime.current().language)
    create_markdown_artifact(table, key="community-cycle", description="一天全流程")
    failed = [f"{outcome.stage}: {outcome.problem}" for outcome in outcomes if outcome.problem]
    if failed:
        raise PermanentError("\n".join(failed), "mend it and run the same day again: only the difference is done")
    return {"stages": [{**outcome.summary, "seconds": round(outcome.seconds, 1)} for outcome in outcomes]}
