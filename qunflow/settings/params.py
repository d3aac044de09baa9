"""
The form every stage shares: which community, which day, and whether anything may go out.

Each stage adds its own fields in ``qunflow/<stage>/params.py``; Prefect shows the titles as a form.
"""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator


class StageParams(BaseModel):
    """What one run of a stage is asked to do; an empty ``day`` means the community's local date at the start."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    community: str = Field("", title="社群", description="社群的 key；留空表示工作区里的第一个社群")
    day: str = Field("", title="业务日期", description="这次算的是哪一天的工作(YYYY-MM-DD);留空表示今天")
    dry_run: bool = Field(True, title="试运行", description="只算、只看、不发；默认打开")
    claim: Literal["again", "once"] = Field(
        "again", title="重复处理", description="again:可以再跑一遍，只补差异；once:当天已跑过就结束(定时任务用)"
    )
    backfill: bool = Field(False, title="补跑", description="补算过去的日子；补跑从不对外发送")
    reopen: bool = Field(False, title="重开定稿", description="连已经定稿的数字也改；改了什么、为什么都会记下来")

    @field_validator("day")
    @classmethod
    def _day_is_a_date(cls, text: str) -> str:
        if text:
            date.fromisoformat(text)
        return text

    @property
    def sends(self) -> bool:
        """Whether this run may let anything out."""
        return not self.dry_run and not self.backfill

    def logical_day(self, today: date) -> date:
        """The day this run is about; ``today`` is the community's local date."""
        return date.fromisoformat(self.day) if self.day else today
