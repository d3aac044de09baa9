"""The form of the daily content flow."""

from __future__ import annotations

from pydantic import Field

from qunflow.settings.params import StageParams


class DailyContentParams(StageParams):
    """What one run of daily content is asked to do."""

    groups: tuple[str, ...] = Field((), title="群范围", description="只排这些群(群的 key);留空表示社群里的全部群")
    slots: tuple[str, ...] = Field((), title="节点范围", description="只排这些节点(节点的 key);留空表示当天全部节点")
    approval_code: str = Field(
        "", max_length=20, title="审核验证码", description="审核人的一次性验证码；留空就等人在手机上审，审过才发"
    )
