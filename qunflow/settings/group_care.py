"""What is done about retention: where a group stands in its life, and who is won back, how often."""

from __future__ import annotations

from pydantic import Field

from qunflow.settings.parts import Part, Positive, Share, Whole


class LifeStageMarks(Part):
    """群生命阶段: where one stage ends and the next begins."""

    talking_share: Share = Field(0.10, title="多少人有动作算在聊", description="14 天里有动作的群友 ÷ 群人数")
    dead_share: Share = Field(0.03, title="少于多少人有动作算死群", description="14 天里有动作的群友 ÷ 群人数")
    advert_share: Share = Field(0.50, title="广告占多少算广告泛滥", description="营销消息 ÷（营销消息 + 群友发言）")
    capacity: Positive = Field(500, title="一个群最多多少人", description="合并群时看装不装得下")


class WinBack(Part):
    """召回: for whom a message is proposed; each is approved by a person and goes by the caps on contact."""

    silent_days: Positive = Field(30, title="多少天没动作算潜水")
    was_active: Positive = Field(3, title="以前至少有几次动作才召回", description="从没动过的人不打扰")
    interval_days: Positive = Field(30, title="同一个人两次召回至少隔几天")
    limit: Whole = Field(2, title="一个人最多召回几次", description="到了就不再打扰；0 表示不召回")
    left_after_days: Positive = Field(14, title="退群满几天问一次为什么", description="退群未删的人，每人只问一次")
    group_day: Whole = Field(5, title="一群一天最多提几个人")
    group_week: Whole = Field(20, title="一群七天最多提几个人")
    copy_templates: tuple[str, ...] = Field(
        ("retention/silent_member.j2", "retention/win_back_last.j2"),
        min_length=1,
        title="召回话术",
        description="第一次用第一条，依次往后，最后一次用最后一条",
    )
    left_copy: str = Field("acquisition/left_feedback.j2", title="问为什么退群的话术", description="留空表示不问")


class GroupCare(Part):
    """The part of 留存 that says what is done about it."""

    leave_streak_chance: Share = Field(
        0.01, title="连续退群不算碰巧的界线", description="按告警线的退群速度也常有的连退不响；1 表示到天数就响"
    )
    life_stage: LifeStageMarks = Field(LifeStageMarks(), title="群生命阶段")
    win_back: WinBack = Field(WinBack(), title="召回")
