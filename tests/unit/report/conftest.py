"""Made-up report data: a full fortnight, and an empty first day."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta

import pytest

from qunflow.language import Catalogue, catalogue
from qunflow.report.model import CheckLine, GroupLine, PushLine, QuarantineLine, ReportData, RunLine
from qunflow.store.figures import Figure, Unit, Value

TODAY = date(2026, 3, 8)
CHANNELS = {"poster-a": "电梯海报", "checkout": "收银台立牌", "moments": "朋友圈裂变", "": ""}


def figure(
    name: str,
    value: Value,
    unit: Unit = "count",
    *,
    stage: str = "retention",
    as_of: date = TODAY,
    of: tuple[int, int] | None = None,
    **dimensions: str,
) -> Figure:
    """A figure of the made-up community; ``of`` is numerator and denominator."""
    numerator, denominator = of or (None, None)
    return Figure("neighbours", stage, name, as_of, value, unit, "history", dimensions, numerator, denominator)


def _funnel() -> list[Figure]:
    counts = {"poster-a": (212, 188, 141, 118), "checkout": (96, 90, 76, 70), "moments": (160, 121, 52, None)}
    counts[""] = (14, 11, 6, 4)
    found = []
    for channel, (leads, added, joined, stayed) in counts.items():
        of = (joined, added)
        found += [
            figure("leads", leads + 9, stage="acquisition", channel=channel),
            figure("leads_valid", leads, stage="acquisition", channel=channel),
            figure("contacts_added", added, stage="acquisition", channel=channel),
            figure("joined", joined, stage="acquisition", channel=channel),
            figure("join_rate", joined / added, "rate", stage="acquisition", of=of, channel=channel),
            figure("stayed_d7", stayed, stage="acquisition", channel=channel),
        ]
    found.append(figure("cost_per_stayed_member", 678.0, "fen", stage="acquisition", channel="poster-a"))
    return found


def _retention(chance: random.Random) -> list[Figure]:
    found = []
    for week in range(9):
        cohort = TODAY - timedelta(days=8 * 7 - week * 7 + 6)
        size = chance.randint(24, 110)
        found.append(figure("cohort_size", size, cohort=cohort.isoformat()))
        for day, stay, active in ((1, 0.97, 0.52), (3, 0.93, 0.37), (7, 0.86, 0.28), (14, 0.8, 0.22), (30, 0.7, 0.15)):
            due = cohort + timedelta(days=6 + day) <= TODAY
            for name, rate in (("stay_rate", stay), ("active_rate", active)):
                part = round(size * min(1.0, rate + chance.uniform(-0.06, 0.04)))
                value, of = (part / size, (part, size)) if due else (None, None)
                found.append(figure(name, value, "rate", of=of, cohort=cohort.isoformat(), day=str(day)))
    return found


def _days(chance: random.Random) -> list[Figure]:
    found, members = [], 561
    for back in range(6, -1, -1):
        day = TODAY - timedelta(days=back)
        joins, leaves = chance.randint(6, 19), chance.randint(1, 7)
        members += joins - leaves
        found += [
            figure("joins", joins, stage="acquisition", as_of=day),
            figure("leaves", leaves, stage="acquisition", as_of=day),
            figure("net_growth", joins - leaves, stage="acquisition", as_of=day),
            figure("unique_members", members, stage="acquisition", as_of=day),
            figure("checkins", chance.randint(30, 74), stage="weekly_activity", as_of=day, day=day.isoformat()),
            figure("checkin_rate", 0.42 + back / 50, "rate", stage="weekly_activity", as_of=day, of=(55, 131)),
        ]
    return found


def _week() -> list[Figure]:
    return [
        figure("enrolled", 131, stage="weekly_activity"),
        figure("points_granted", 1895, stage="weekly_activity"),
        figure("streak_members", 48, stage="weekly_activity", days="3"),
        figure("streak_members", 17, stage="weekly_activity", days="7"),
        figure("awards", 17, stage="weekly_activity", prize="抽纸一提"),
    ]


def _conversion() -> list[Figure]:
    stage = "conversion"
    found = []
    for campaign, delivered, clicks, payers, fen in (
        ("spring-orange", 402, 133, 41, 122_590),
        ("rice", 60, 12, 3, 17_940),
    ):
        of = (payers, delivered)
        found += [
            figure("offer_delivered", delivered, stage=stage, campaign=campaign),
            figure("clicks", clicks, stage=stage, campaign=campaign),
            figure("payers", payers, stage=stage, campaign=campaign),
            figure("conversion_rate", payers / delivered, "rate", stage=stage, of=of, campaign=campaign),
            figure("revenue_fen", fen, "fen", stage=stage, campaign=campaign),
            figure("refunds_fen", 2990, "fen", stage=stage, campaign=campaign),
            figure("average_order_value", fen / payers, "fen", stage=stage, of=(fen, payers), campaign=campaign),
        ]
    return [*found, *(figure("buyers", n, stage=stage, tier=tier) for tier, n in (("high", 37), ("low", 120)))]


def _board() -> list[Figure]:
    found = []
    for group, health, leaving, streak in (("g1", 82, 0.021, 0), ("g2", 37, 0.13, 4), ("vip", 66, 0.0, 0)):
        found += [
            figure("group_health", health, group=group),
            figure("leave_rate", leaving, "rate", of=(round(leaving * 190), 190), group=group),
            figure("leave_streak_days", streak, "days", group=group),
            figure("replies", 12 + health // 3, stage="daily_content", group=group),
        ]
    found.append(figure("alarm", 1, group="g2", rule="leave_streak_days"))
    found.append(figure("alarm", 0, of=(7, 180), group="g2", rule="leave_alarm_old_group_month"))
    found.append(figure("alarm", 1, as_of=TODAY - timedelta(days=3), group="g1", rule="leave_streak_days"))
    return found


def _outlook() -> list[Figure]:
    found = [figure("stay_forecast_state", 812, state="told"), figure("churn_state", 561, state="shown")]
    for day, share in ((1, 0.97), (3, 0.93), (7, 0.86), (14, 0.8), (30, 0.7)):
        found.append(figure("stay_reached", share, "rate", of=(round(share * 812), 812), day=str(day)))
    for day, low, share, high in ((60, 0.55, 0.61, 0.67), (90, 0.46, 0.55, 0.63)):
        for name, value in (("_low", low), ("", share), ("_high", high)):
            found.append(figure(f"stay_forecast{name}", value, "rate", day=str(day)))
    for band, people, expected in (("high", 12, 4), ("middle", 80, 6), ("low", 469, 5)):
        found.append(figure("churn_risk", people, of=(expected, people), band=band))
    return found


def _care() -> list[Figure]:
    found = [figure("silent_days", 30, "days", stage="retention_care")]
    for group, stage, why, advice in (
        ("g1", "talking", "alive", "keep"),
        ("g2", "adverts", "mostly_adverts", "revive"),
        ("vip", "dead", "nobody", "merge"),
    ):
        for name, value in (("life_stage", stage), ("life_stage_why", why), ("advice", advice)):
            found.append(figure(name, value, "text", stage="retention_care", group=group))
        for layer, people in (("core", 12), ("regular", 20), ("casual", 40)):
            found.append(figure("member_layer", people, stage="retention_care", group=group, layer=layer))
        found.append(figure("silent_members", 9, stage="retention_care", group=group))
    found.append(figure("advice_into", "g1", "text", stage="retention_care", group="vip"))
    found.append(
        figure("life_stage", "new", "text", stage="retention_care", as_of=TODAY - timedelta(days=2), group="g2")
    )
    for slot, at, leaves, chance in (
        ("benefit-daily/flash_sale", "2026-03-07T12:00+00:00", 9, 0.00001),
        ("", "2026-03-05T04:00+00:00", 3, 0.4),
    ):
        window = {"group": "g2", "slot": slot, "at": at}
        found += [
            figure("leaves_after_push", leaves, stage="retention_care", **window),
            figure("leaves_expected", 1.84, stage="retention_care", **window),
            figure("push_chance", chance, "rate", stage="retention_care", **window),
            figure("push_chance_corrected", min(1.0, chance * 60), "rate", stage="retention_care", **window),
        ]
    asked = {"slot": "benefit-daily/daily_sign", "week": "2026-W10"}
    return [
        *found,
        figure("no_reaction", "bad_time", "text", stage="retention_care", **asked),
        figure("no_reaction_change", "改到 20:30", "text", stage="retention_care", **asked),
        figure("reactions_since", 5, stage="retention_care", of=(5, 3), **asked),
    ]


def _pushes() -> list[PushLine]:
    lines = []
    for back in range(7):
        day = TODAY - timedelta(days=back)
        for name, owner, ends in (
            ("小满邻里·春熙路1群", "owner_zhou", "delivered"),
            ("小满邻里·玉林2群", "owner_lin", "waiting"),
        ):
            outcome = "delivered" if ends == "delivered" or back % 3 else "waiting"
            lines.append(PushLine(day, "12:00", "flash_sale", name, "mass_task", owner, "sent", outcome, late=back > 0))
            hand = "missed" if back == 5 else "delivered"
            lines.append(
                PushLine(day, "08:15", "daily_sign", name, "hand_send", "admin_lin", "sent", hand, late=True, replies=9)
            )
    lines.append(
        PushLine(TODAY, "12:00", "flash_sale", "小满会员·老友群", "mass_task", "owner_wu", "unknown", "waiting")
    )
    return lines


def _checks() -> list[CheckLine]:
    stages = ("acquisition", "daily_content", "weekly_activity", "retention", "conversion")
    lines = [CheckLine(s, f"{s}:in", f"规则 {n}", "critical", True, True, 0, TODAY) for s in stages for n in range(6)]
    return [*lines, CheckLine("retention", "retention:in", "退群前应有入群", "warning", False, True, 12, TODAY)]


@pytest.fixture
def full() -> ReportData:
    """A community with every section filled."""
    chance = random.Random(7)
    figures = [
        *_funnel(),
        *_retention(chance),
        *_days(chance),
        *_week(),
        *_conversion(),
        *_board(),
        *_outlook(),
        *_care(),
    ]
    return ReportData(
        brand="小满生活",
        community="小满邻里",
        kind="购物",
        positioning="给小区里要做饭的人,每天一样新鲜好价的东西,坏了就赔",
        zone="Asia/Shanghai",
        first_day=TODAY - timedelta(days=6),
        last_day=TODAY,
        made_at=datetime(2026, 3, 8, 14, 5, tzinfo=UTC),
        figures=figures,
        groups=(
            GroupLine("小满邻里·春熙路1群", "benefit_group", "owner_zhou", 203, ("g1", "1")),
            GroupLine("小满邻里·玉林2群", "benefit_group", "owner_lin", 187, ("g2", "2")),
            GroupLine("小满会员·老友群", "member_group", "owner_wu", 96, ("vip", "3")),
            GroupLine("小满邻里·新开3群", "benefit_group", "owner_zhou", 4, ("g3", "4")),
        ),
        pushes=_pushes(),
        checks=_checks(),
        quarantine=(QuarantineLine("acquisition", "手机号格式不对", 7), QuarantineLine("acquisition", "空行", 2)),
        runs=(RunLine("acquisition", TODAY, "completed", False, 120, 96), RunLine("retention", TODAY, "failed", True)),
        channel_names=CHANNELS,
        campaign_names={"spring-orange": "砂糖橘 5 斤装", "rice": "五常米 10 斤"},
        slot_titles={"flash_sale": "秒杀开抢", "daily_sign": "日签"},
    )


@pytest.fixture
def empty() -> ReportData:
    """A community on its first day: nothing recorded yet."""
    return ReportData(
        brand="小满生活",
        community="小满邻里",
        kind="购物",
        positioning="",
        zone="Asia/Shanghai",
        first_day=TODAY,
        last_day=TODAY,
        made_at=datetime(2026, 3, 8, 14, 5, tzinfo=UTC),
    )


@pytest.fixture
def zh() -> Catalogue:
    """The Chinese catalogue."""
    return catalogue("zh")
