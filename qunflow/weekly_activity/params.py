"""The form of the weekly activity flow."""

from __future__ import annotations

from pydantic import Field

from qunflow.settings.params import StageParams


class WeeklyActivityParams(StageParams):
    """What one run of the weekly activity is asked to do."""

    approval_code: str = Field(
        "", max_length=20, title="审核验证码", description="审核人的一次性验证码；留空就等人在手机上审，审过才发"
    )
