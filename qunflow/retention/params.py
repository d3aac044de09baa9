"""The form of the retention flow."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from qunflow.settings.params import StageParams


class RetentionParams(StageParams):
    """What one run of retention is asked to measure; what is left empty comes from the community's settings."""

    period: Literal["", "day", "week", "month"] = Field(
        "", title="同批口径", description="按天、周（周一起）或月算一批；留空按社群设置"
    )
    active_kinds: tuple[str, ...] = Field(
        (), title="算作活跃的动作", description="如 message、checkin、click；留空按社群设置"
    )
