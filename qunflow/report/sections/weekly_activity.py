"""Weekly activity: who checks in, for how long in a row, and what they got for it."""

from __future__ import annotations

from qunflow.report import select, wording
from qunflow.report.charts import columns_svg
from qunflow.report.grading import mark_of_all
from qunflow.report.model import ReportData, Section, Words
from qunflow.report.tables import figures_table

NAMES = ("enrolled", "checkins", "checkin_rate", "streak_members", "points_granted", "awards")


def weekly(data: ReportData, words: Words) -> Section:
    """Check-ins a day, the streaks, the points and the awards of the period."""
    title = words.text("report.weekly.title")
    figures = select.latest(data.figures, *NAMES)
    points = checkin_columns(data)
    if not points:
        return Section("weekly", title, words.text("report.weekly.empty"))
    picture = columns_svg(points, title=title, not_due=words.text("report.not_due"))
    table = figures_table(data, figures, words)
    mark = mark_of_all(figures, words)
    return Section("weekly", title, _sentence(data, words), picture, _gains(data, words), tables=(table,), mark=mark)


def checkin_columns(data: ReportData) -> list[tuple[str, float | None]]:
    """Check-ins by day, the newest 14 days that have a figure."""
    days = [(f.dimensions.get("day", ""), select.amount(f)) for f in select.latest(data.figures, "checkins")]
    return [(wording.short_day(day), value) for day, value in sorted(days)][-14:]


def _sentence(data: ReportData, words: Words) -> str:
    return words.text(
        "report.weekly.sentence",
        enrolled=wording.count(select.amount(select.one(data.figures, "enrolled")), words),
        rate=wording.share_with_n(select.one(data.figures, "checkin_rate"), words),
    )


def _gains(data: ReportData, words: Words) -> str:
    told = []
    granted = select.amount(select.one(data.figures, "points_granted"))
    if granted is not None:
        told.append(words.text("report.weekly.points", points=wording.count(granted, words)))
    for figure in select.of_last_day(data.figures, "streak_members"):
        if figure.value:
            days = figure.dimensions.get("days", "")
            told.append(words.text("report.weekly.streak", days=days, people=wording.told(figure, words)))
    for figure in select.of_last_day(data.figures, "awards"):
        if figure.value:
            prize = figure.dimensions.get("prize", "")
            told.append(words.text("report.weekly.award", prize=prize, count=wording.told(figure, words)))
    return words.text("report.semicolon").join(told)
