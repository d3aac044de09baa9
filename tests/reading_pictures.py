"""
``python -m tests.reading_pictures`` draws the pictures of docs/explanation/reading-the-numbers.md.

They are drawn by the charts of the report from made-up numbers, so that the page shows what people will see.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from qunflow.report import svg
from qunflow.report.charts import Bar, HeatMean, HeatRow, Part, bars_svg, heatmap_svg
from qunflow.report.sections.cohort_lines import CohortLine, lines_svg
from qunflow.report.sections.survival_curve import CurvePoint, curve_svg

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "explanation" / "images"
WEEKS = (
    ("02-16", 80, (0.96, 0.90, 0.80, 0.74)),
    ("02-23", 100, (0.95, 0.91, 0.86, None)),
    ("03-02", 100, (0.94, 0.88, 0.80, None)),
    ("03-09", 12, (1.0, None, None, None)),
)
DAYS = ("1 日", "3 日", "7 日", "14 日")


def pictures() -> Mapping[str, str]:
    """File name → SVG on a light ground, as pages may be dark."""
    drawn = {"heat": _heat(), "cohorts": _cohorts(), "curve": _curve(), "health": _health(), "leaving": _leaving()}
    drawn |= {"layers": _layers(), "churn": _churn()}
    return {f"reading-{name}.svg": svg.on_light_ground(picture) + "\n" for name, picture in drawn.items()}


def _heat() -> str:
    rows = [HeatRow(name, size, cells) for name, size, cells in WEEKS]
    means = []
    for place in range(len(DAYS)):
        due = [(size, share) for _, size, cells in WEEKS if (share := cells[place]) is not None]
        whole = sum(size for size, _ in due)
        means.append(HeatMean(sum(size * share for size, share in due) / whole, f"{len(due)} 批"))
    return heatmap_svg(rows, columns=DAYS, title="在群率", corner="同批入群", means=means, means_label="到期合计")


def _cohorts() -> str:
    days = (1, 3, 7, 14)
    lines = [
        CohortLine(
            f"{name}（{size} 人）",
            tuple((day, share) for day, share in zip(days, cells, strict=True) if share is not None),
        )
        for name, size, cells in WEEKS[:3]
    ]
    return lines_svg(lines, title="几批人放在一起看", axis="{day} 天")


def _curve() -> str:
    seen = [CurvePoint(day, share) for day, share in ((1, 0.95), (3, 0.89), (7, 0.82), (14, 0.78), (30, 0.72))]
    ahead = [CurvePoint(60, 0.65, 0.61, 0.69), CurvePoint(90, 0.61, 0.55, 0.67)]
    axis = [f"{point.day} 天" for point in (*seen, *ahead)]
    return curve_svg(seen, ahead, title="往后还剩多少", names=("已看到", "估计"), axis=axis)


def _health() -> str:
    names, tones = ("留得住", "有人动", "不天天退", "有新人"), ("good", "soft", "wait", "mute")
    groups = (("春熙路1群", (34, 26, 13, 12)), ("玉林2群", (8, 12, 4, 6)))
    bars = [
        Bar(group, tuple(Part(*one) for one in zip(names, points, tones, strict=True)), str(sum(points)), 100)
        for group, points in groups
    ]
    return bars_svg(bars, title="健康分")


def _leaving() -> str:
    bars = [
        Bar("03-07 12:00 秒杀开抢", (Part("平常", 2, "mute"), Part("实际多出", 7, "bad")), "9 / 2"),
        Bar("03-06 12:00 秒杀开抢", (Part("平常", 2, "mute"), Part("实际多出", 1, "bad")), "3 / 2", 9),
    ]
    return bars_svg(bars, title="推送后退群")


def _layers() -> str:
    names, tones = ("核心", "常客", "偶尔", "潜水"), ("good", "soft", "wait", "mute")
    parts = tuple(Part(*one) for one in zip(names, (12, 20, 40, 28), tones, strict=True))
    return bars_svg([Bar("春熙路1群", parts, "160", 160)], title="谁在撑着群")


def _churn() -> str:
    rows = (("风险高 12", 12, "bad", 4), ("风险中 80", 80, "wait", 6), ("风险低 469", 469, "good", 5))
    bars = [Bar(name, (Part("", people, tone),), f"估计走 {leave} 位") for name, people, tone, leave in rows]
    return bars_svg(bars, title="离开风险")


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for file_name, content in pictures().items():
        (FOLDER / file_name).write_text(content, encoding="utf-8")
