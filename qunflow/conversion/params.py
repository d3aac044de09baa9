"""The form of the conversion flow."""

from __future__ import annotations

from pydantic import Field

from qunflow.settings.params import StageParams


class ConversionParams(StageParams):
    """What one run of conversion is asked to do."""

    least_score: int = Field(
        45, ge=1, le=100, title="意向分数线", description="近 30 天的五个条件加起来满多少分(满分 100)才列入意向名单"
    )
    high_spender_fen: int = Field(10_000, ge=0, title="高消费线(分)", description="近 30 天消费满多少算高消费,单位:分")
    approval_code: str = Field(
        "", max_length=20, title="审核验证码", description="审核人的一次性验证码；留空就等人在手机上审，审过才发"
    )
