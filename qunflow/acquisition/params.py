"""The form of the acquisition flow."""

from __future__ import annotations

from pydantic import Field

from qunflow.settings.params import StageParams


class AcquisitionParams(StageParams):
    """What one run of acquisition is asked to do."""

    reinvite: bool = Field(True, title="再次邀请", description="是否邀请还没入群的好友;间隔和次数按社群设置")
    groups_per_task: int = Field(
        50, ge=1, le=500, title="每批群数", description="同步名单时一批读几个群;群多时调大会少几个任务"
    )
