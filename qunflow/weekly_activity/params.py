"""The form of the weekly activity flow."""

from __future__ import annotations

from pydantic import Field

from qunflow.settings.params import StageParams


class WeeklyActivityParams(StageParams):
    """What one run of the weekly activity is asked to do."""

    approved_by: str = Field("", max_length=80, title="审核人", description="谁批准发送;留空记为启动这次流程的人")
