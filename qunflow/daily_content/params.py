"""The form of the daily content flow."""

from __future__ import annotations

from pydantic import Field

from qunflow.settings.params import StageParams


class DailyContentParams(StageParams):
    """What one run of daily content is asked to do."""

    groups: tuple[str, ...] = Field((), title="群范围", description="只排这些群(群的 key);留空表示社群里的全部群")
    slots: tuple[str, ...] = Field((), title="节点范围", description="只排这些节点(节点的 key);留空表示当天全部节点")
    approved_by: str = Field("", max_length=80, title="审核人", description="谁批准发送;留空记为启动这次流程的人")
