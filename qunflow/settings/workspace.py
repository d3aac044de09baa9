"""
The workspace file ``qunflow.yaml``: one brand, its communities, and the framework each of them stands on.

The models say what may be written; ``load_workspace`` reads the file and tells every mistake with its place.
Money is in fen, shares are between 0 and 1, days are local dates of the community's zone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, time
from pathlib import Path
from typing import Annotated, Literal, TypeVar, get_args
from zoneinfo import ZoneInfo

from pydantic import Field

from qunflow.errors import ConfigurationError
from qunflow.settings.channels import Channels
from qunflow.settings.checked import checked
from qunflow.settings.group_care import GroupCare
from qunflow.settings.parts import ClockTime, Part, Positive, Share, Slug, Text, UserId, Whole, Zone
from qunflow.settings.paths import playbook_names, template_paths
from qunflow.settings.words import did_you_mean
from qunflow.settings.yaml import read_yaml

FILE_NAME = "qunflow.yaml"

CommunityType = Literal["购物", "资源", "成长"]
GroupKind = Literal["benefit_group", "member_group", "circulation_group", "camp_group"]
Platform = Literal["wecom", "wechat", "qq", "dingtalk", "feishu", "other"]
SplitBy = Literal["channel", "inviter", "entry", "campaign", "group_kind", "owner"]
ActiveKind = Literal["message", "action", "checkin", "click", "order", "reply"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
QuotaMode = Literal["month_days", "week_7", "day_1", "month_4"]


class QuietHours(Part):
    """When no marketing goes out; it may span midnight."""

    start: ClockTime = Field(time(21, 0), title="开始", description='免打扰开始，例如 "21:00"')
    end: ClockTime = Field(time(8, 0), title="结束", description='免打扰结束，例如 "08:00"')
    rest_day_end: ClockTime | None = Field(
        None, title="休息日结束", description='周末和节假日几点以后才发，例如 "09:30"；留空与平日相同'
    )

    def of_day(self, *, rest: bool) -> QuietHours:
        """The hours as they hold on a working day or on a day of rest."""
        return self if self.rest_day_end is None or not rest else self.model_copy(update={"end": self.rest_day_end})

    def covers(self, at: time) -> bool:
        """Whether a wall-clock time lies inside; the end itself is outside."""
        if self.start <= self.end:
            return self.start <= at < self.end
        return at >= self.start or at < self.end


class Quota(Part):
    """How many mass messages the platform allows one customer or group."""

    mode: QuotaMode = Field("month_days", title="群发额度口径", description="month_days：每月可发天数次（现行）")
    reserve: Whole = Field(0, title="留给转化的条数", description="每个额度周期里，别的环节不能用掉的条数")


class Caps(Part):
    """How much one person or one group may hear from all of Qunflow, whatever the platform allows; 0 is no cap."""

    person_per_day: Whole = Field(1, title="一人一天最多几条营销", description="0 表示不限；客服类消息不算")
    person_per_week: Whole = Field(3, title="一人七天最多几条营销", description="0 表示不限")
    group_per_day: Whole = Field(16, title="一群一天最多几条", description="发多了群会被折叠；0 表示不限")


class Holiday(Part):
    """A day that is other than the public calendar says."""

    on: date = Field(title="日期")
    off: bool = Field(title="休息", strict=True, description="true 休息，false 上班")
    name: str = Field("", max_length=40, title="名称")


class AcquisitionChannel(Part):
    """Where people come from, and what it costs."""

    key: Slug = Field(title="渠道 key", description="小写字母、数字和连字符；写进活码的 state")
    name: Text = Field(title="渠道名称")
    cost_fen: Whole = Field(0, title="投放花费(分)", description="这个渠道一共花了多少钱，单位：分")


class Acquisition(Part):
    """拉新: welcome, live code and re-invitation."""

    reinvite_interval_days: Positive = Field(7, title="邀请间隔(天)", description="同一个人两次邀请至少隔几天")
    reinvite_limit: Whole = Field(3, title="最多邀请次数", description="到了就不再打扰")
    rotate_at: Positive = Field(190, title="换群人数", description="群里到多少人就换下一个群")
    welcome_coupon: str = Field("", title="入群欢迎券", description="coupons 里某张券的 key；留空表示不送券")
    welcome: str = Field("acquisition/welcome_contact.j2", title="欢迎语模板")
    welcome_at_most: Positive = Field(200, title="欢迎语最多几个字", description="超过就提醒，链接不算")
    reinvitations: tuple[str, ...] = Field(
        (
            "acquisition/reinvite_a.j2",
            "acquisition/reinvite_b.j2",
            "acquisition/reinvite_c.j2",
            "acquisition/reinvite_d.j2",
            "acquisition/reinvite_e.j2",
        ),
        min_length=2,
        title="再邀请话术",
        description="第一条首次用，最后一条最后一次用，中间的轮着用",
    )
    channels: tuple[AcquisitionChannel, ...] = Field((), title="拉新渠道")
    completeness_stops: Literal["never", "B", "C", "D"] = Field(
        "never",
        title="数据完整度多差就停",
        description="never 只提醒；D 表示昨天的数据是 D 就停下当天的拉新，C、B 更严",
    )

    def channel(self, key: str) -> AcquisitionChannel | None:
        """The channel with this key, or None."""
        return next((channel for channel in self.channels if channel.key == key), None)


class Retention(GroupCare):
    """留存: what counts as active, and what alarms."""

    period: Literal["day", "week", "month"] = Field("week", title="同批口径", description="按天、周或月入群算一批")
    active_kinds: tuple[ActiveKind, ...] = Field(
        ("message", "checkin", "click", "order", "reply"), min_length=1, title="算作活跃的动作"
    )
    leave_alarm_new_group_d7: Share = Field(0.15, title="新群 7 日退群率告警线")
    leave_alarm_old_group_month: Share = Field(0.10, title="老群月退群率告警线")
    leave_streak_days: Positive = Field(3, title="连续退群天数告警线")
    split_by: tuple[SplitBy, ...] = Field(
        (),
        title="每批再分开看",
        description="channel 渠道、inviter 邀请人、entry 主动或被动入群、campaign 活动、group_kind 群类型、owner 群主；"
        "每写一样，留存每天多读一遍历史",
    )
    publish_from_grade: Literal["never", "A", "B", "C", "D"] = Field(
        "never",
        title="数据完整度多好才发布",
        description="never 不管；B 表示完整度是 A 或 B 才发布留存数字，更差或没评过就先扣下",
    )


class Figures(Part):
    """数字: until when they may change."""

    final_after_days: Whole = Field(
        3, title="几天后定稿", description="过了这么多天数字就定稿，之后来的差异只在旁边记一笔，不改数字"
    )


class Award(Part):
    """What a streak of check-ins earns: points, or a prize with its quantity."""

    streak_days: Positive = Field(title="连续打卡天数")
    points: Whole = Field(0, title="积分")
    prize: str = Field("", max_length=80, title="活动奖品")
    quantity: Whole = Field(0, title="奖品份数")


class WeeklyActivity(Part):
    """每周活动: the week's SOP and its rewards."""

    sop: str = Field("checkin-week", title="每周活动 SOP")
    points_per_checkin: Whole = Field(5, title="每次打卡积分")
    awards: tuple[Award, ...] = Field((), title="连续打卡奖励", description="每个活动都要有奖品")


class Offer(Part):
    """A product push: one thing at one price."""

    key: Slug = Field(title="推品 key")
    name: Text = Field(title="商品名称")
    price_fen: Positive = Field(title="群内价(分)")
    old_price_fen: Positive = Field(title="平时价(分)")
    stock: Whole = Field(title="备货份数")
    url: str = Field(pattern=r"^https?://", title="下单链接", description="主机名要在 redirect_hosts 里")
    coupon: str = Field("", title="可用的券", description="coupons 里某张券的 key；可留空")


class Coupon(Part):
    """A no-threshold coupon of a fixed amount."""

    key: Slug = Field(title="券 key")
    amount_fen: Positive = Field(title="面额(分)")
    days_valid: Positive = Field(title="有效天数")


class Campaign(Part):
    """One warm-up, offer and close."""

    key: Slug = Field(title="活动 key")
    offer: str = Field(title="推品", description="offers 里某个推品的 key")
    sop: str = Field("warmup-2day", title="转化 SOP")
    warm_up_on: date = Field(title="预热开始日")
    offer_on: date = Field(title="开售日")
    closes_on: date = Field(title="截止日")
    test_first: bool = Field(False, strict=True, title="先发测试群", description="这场活动的内容都先发 test_group")

    def runs_on(self, day: date) -> bool:
        """Whether the day lies between warm-up and close."""
        return self.warm_up_on <= day <= self.closes_on


class Group(Part):
    """One group: a customer group of WeCom, or one of another platform, which is reached by hand or by its robot."""

    key: Slug = Field(title="群 key")
    name: Text = Field(title="群名称", description="报表里显示的真实群名")
    kind: GroupKind = Field(title="群类型", description="福利群、会员群、流通群、训练营群")
    platform: Platform = Field("wecom", title="平台", description="企业微信以外的群，由管理员手动发或用群机器人发")
    chat_id: str = Field("", max_length=64, title="客户群 ID", description="企业微信的 chat_id，wr 开头；别的平台留空")
    robot: str = Field("", title="群机器人", description="channels.robots 里某个机器人的 key；可留空")
    owner: UserId = Field(title="群主", description="群主的 userid，群发任务由他确认")
    admin: UserId = Field(title="管理员", description="手动发的内容由他发")
    sop: str = Field("", title="SOP", description="templates/playbooks/ 里的文件名，不带 .yaml")
    opened_on: date = Field(title="开群日期")
    closed_on: date | None = Field(None, title="关群日期", description="训练营群到期要关")

    def open_on(self, day: date) -> bool:
        """Whether the group is open on a local day."""
        return self.opened_on <= day and (self.closed_on is None or day <= self.closed_on)


class Community(Part):
    """All groups that serve one kind of people; the framework comes before the groups."""

    key: Slug = Field(title="社群 key")
    name: Text = Field(title="社群名称")
    type: CommunityType = Field(title="社群类型", description="购物、资源或成长；决定什么算有收获")
    zone: Zone = Field("Asia/Shanghai", title="时区")
    positioning: str = Field("", max_length=200, title="社群定位", description="给谁、给什么、凭什么留下")
    rules: tuple[Text, ...] = Field((), title="群规", description="至少一条")
    helper: UserId = Field(title="小助手", description="加好友、发欢迎语的账号 userid")
    helper_name: str = Field("小助手", max_length=20, title="小助手的称呼", description="欢迎语里的自称")
    quiet_hours: QuietHours = Field(QuietHours(), title="免打扰时段")
    quota: Quota = Field(Quota(), title="群发额度")
    caps: Caps = Field(Caps(), title="触达上限")
    holidays: tuple[Holiday, ...] = Field((), title="节假日调整", description="和国务院日历不一样的日子")
    shifts: Mapping[Weekday, UserId] = Field(
        {}, title="值班表", description="星期几由谁替管理员手动发，例如 {sat: admin_lin}；没写的日子管理员自己发"
    )
    test_group: str = Field("", title="测试群", description="某个群的 key；标了 test_first 的内容先发它，看过再放行")
    test_share: Share = Field(0.3, title="第二批占多少", description="测试群之后先放行几成的群，其余是第三批")
    acquisition: Acquisition = Field(Acquisition(), title="拉新")
    retention: Retention = Field(Retention(), title="留存")
    figures: Figures = Field(Figures(), title="数字")
    weekly_activity: WeeklyActivity = Field(WeeklyActivity(), title="每周活动")
    offers: tuple[Offer, ...] = Field((), title="推品")
    coupons: tuple[Coupon, ...] = Field((), title="优惠券")
    campaigns: tuple[Campaign, ...] = Field((), title="转化活动")
    groups: tuple[Group, ...] = Field((), title="群")

    @property
    def zone_info(self) -> ZoneInfo:
        """The zone as an object."""
        return ZoneInfo(self.zone)

    def on_shift(self, day: date) -> str:
        """Who posts for the admins on a local day; empty when they do it themselves."""
        weekdays: tuple[Weekday, ...] = get_args(Weekday)
        return self.shifts.get(weekdays[day.weekday()], "")

    def group(self, key: str) -> Group:
        """The group with this key. Raises: ConfigurationError naming the groups there are."""
        return _named(self.groups, key, "group")

    def offer(self, key: str) -> Offer:
        """The offer with this key. Raises: ConfigurationError."""
        return _named(self.offers, key, "offer")

    def coupon(self, key: str) -> Coupon:
        """The coupon with this key. Raises: ConfigurationError."""
        return _named(self.coupons, key, "coupon")

    def campaign(self, key: str) -> Campaign:
        """The campaign with this key. Raises: ConfigurationError."""
        return _named(self.campaigns, key, "campaign")

    def campaigns_on(self, day: date) -> tuple[Campaign, ...]:
        """The campaigns between warm-up and close on a local day."""
        return tuple(campaign for campaign in self.campaigns if campaign.runs_on(day))

    def groups_on(self, day: date) -> tuple[Group, ...]:
        """The groups open on a local day."""
        return tuple(group for group in self.groups if group.open_on(day))


class FormFields(Part):
    """Which field of a form holds what; empty when the form does not ask for it."""

    name: str = Field("", title="姓名字段")
    phone: str = Field("", title="手机号字段")
    external_userid: str = Field("", title="企业微信外部 ID 字段")
    channel: str = Field("", title="来源渠道字段")


class Form(Part):
    """A form whose answers come in as leads."""

    form: Text = Field(title="表单编号")
    source: Literal["jinshuju"] = Field("jinshuju", title="表单平台")
    community: Slug = Field(title="社群", description="线索归到哪个社群")
    fields: FormFields = Field(title="字段对应")


class Delivery(Part):
    """推送: waiting, reminding and giving up."""

    reconcile_after_s: Positive = Field(600, title="多少秒后核实", description="不确定发没发出去的，多久后向平台核实")
    attempts: Positive = Field(3, title="最多试几次", description="试了这么多次还不知道结果，就交给人处理")
    remind_after_minutes: Positive = Field(10, title="多少分钟后催群主")
    remind_limit: Annotated[int, Field(strict=True, ge=0, le=3)] = Field(
        3, title="最多催几次", description="平台限制：24 小时内最多 3 次"
    )
    last_call_minutes: Positive = Field(
        10, title="手动发最后一催", description="最晚时间前几分钟最后催一次；再过一半时间还没发就升级"
    )
    morning_at: ClockTime | None = Field(
        time(7, 50), title="开工卡片", description='每天几点告诉每个人今天的卡片和任务，例如 "07:50"；留空不发'
    )


class Member(Part):
    """Somebody of the team."""

    userid: UserId = Field(title="userid", description="企业微信里的 userid")
    name: str = Field("", max_length=20, title="称呼")
    roles: tuple[Literal["author", "approver", "operator", "engineer"], ...] = Field(
        ("operator",),
        min_length=1,
        title="角色",
        description="author 写稿、approver 审核、operator 执行、engineer 工程师",
    )


class Approval(Part):
    """审核: what runs on standing approval, and how a one-person team confirms its own."""

    standing: tuple[Literal["acquisition", "daily_content", "weekly_activity", "conversion"], ...] = Field(
        (), title="长期授权的环节", description="这些环节按已定的 SOP 发，不用每天审；其余的等人审"
    )
    self_confirm_after_minutes: Whole = Field(
        10, title="自审延迟(分钟)", description="自己审自己写的，要过这么久才生效，其间可以撤回"
    )


class Workspace(Part):
    """Qunflow 工作区设置 (qunflow.yaml)"""

    brand: Text = Field(title="品牌")
    communities: tuple[Community, ...] = Field(min_length=1, title="社群")
    channels: Channels = Field(Channels(), title="连接")
    forms: tuple[Form, ...] = Field((), title="表单")
    redirect_hosts: tuple[str, ...] = Field((), title="短链可以跳去的主机名")
    delivery: Delivery = Field(Delivery(), title="推送")
    team: tuple[Member, ...] = Field((), title="团队")
    approval: Approval = Field(Approval(), title="审核")

    def member(self, userid: str) -> Member | None:
        """The member of the team with this userid, or None."""
        return next((one for one in self.team if one.userid == userid), None)

    def community(self, key: str = "") -> Community:
        """The community with this key, or the first when it is empty. Raises: ConfigurationError."""
        return _named(self.communities, key, "community") if key else self.communities[0]

    def form(self, key: str) -> Form:
        """The form with this number. Raises: ConfigurationError."""
        for form in self.forms:
            if form.form == key:
                return form
        listed = ", ".join(form.form for form in self.forms)
        raise ConfigurationError(f"unknown form {key!r}", f"valid: {listed or 'no form is set up'}")

    def groups(self) -> tuple[tuple[Community, Group], ...]:
        """Every group with its community, in the order of the file."""
        return tuple((community, group) for community in self.communities for group in community.groups)


Named = TypeVar("Named", Community, Group, Offer, Coupon, Campaign)


def _named(items: Sequence[Named], key: str, what: str) -> Named:
    for item in items:
        if item.key == key:
            return item
    raise ConfigurationError(f"unknown {what} {key!r}", did_you_mean(key, [item.key for item in items]))


def load_workspace(directory: Path) -> Workspace:
    """
    Read ``<directory>/qunflow.yaml``.

    Raises:
        ConfigurationError: with ``file:line:column``, what was found, what is valid, and what was probably meant;
            also when a group stands without positioning, rules or a SOP, or names something that does not exist.
    """
    from qunflow.settings.references import require_references

    document = read_yaml(directory / FILE_NAME)
    workspace = checked(Workspace, document)
    require_references(workspace, document, playbook_names(template_paths(directory)))
    return workspace
