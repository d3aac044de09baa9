"""Conversion: who was offered something, who looked, who paid, and how much."""

from __future__ import annotations

from qunflow.report import select, wording
from qunflow.report.charts import FunnelRow, funnel_svg
from qunflow.report.grading import mark_of_all
from qunflow.report.model import ReportData, Section, Words
from qunflow.report.tables import figures_table

STEPS = ("offer_delivered", "clicks", "payers")
NAMES = (
    *STEPS,
    "warmup_responses",
    "warmup_response_rate",
    "click_rate",
    "conversion_rate",
    "revenue_fen",
    "refunds_fen",
    "average_order_value",
    "buyers",
)


def conversion(data: ReportData, words: Words) -> Section:
    """Campaigns below each other: offered, clicked, paid, with the money at the edge."""
    title = words.text("report.conversion.title")
    figures = select.latest(data.figures, *NAMES)
    tables = (figures_table(data, figures, words),) if figures else ()
    campaigns = sorted({f.dimensions.get("campaign", "") for f in figures if f.name in (*STEPS, "revenue_fen")})
    if not campaigns:
        return Section("conversion", title, words.text("report.conversion.empty"), tables=tables)
    names = tuple(words.text(f"report.conversion.step.{step}") for step in STEPS)
    rows = [_row(data, campaign, words) for campaign in campaigns]
    rows.sort(key=lambda row: -max((step or 0 for step in row.steps), default=0))
    picture = funnel_svg(rows, steps=names, title=title, not_due=words.text("report.not_due"))
    sentence, mark = _sentence(data, campaigns, words), mark_of_all(figures, words)
    return Section("conversion", title, sentence, picture, _note(data, words), tables=tables, mark=mark)


def _row(data: ReportData, campaign: str, words: Words) -> FunnelRow:
    steps = tuple(select.people(select.one(data.figures, step, campaign=campaign)) for step in STEPS)
    rate = wording.share_with_n(select.one(data.figures, "conversion_rate", campaign=campaign), words)
    name = data.campaign_names.get(campaign, campaign)
    return FunnelRow(name, steps, words.text("report.conversion.rate", rate=rate))


def _sum(data: ReportData, name: str) -> float:
    return sum(select.amount(f) or 0.0 for f in select.latest(data.figures, name))


def _sentence(data: ReportData, campaigns: list[str], words: Words) -> str:
    if all(figure.value is None for figure in select.latest(data.figures, *STEPS, "revenue_fen")):
        return words.text("report.conversion.sentence_waiting", campaigns=len(campaigns))
    payers, revenue = _sum(data, "payers"), _sum(data, "revenue_fen")
    if not payers:
        return words.text("report.conversion.sentence_early", campaigns=len(campaigns))
    return words.text(
        "report.conversion.sentence",
        campaigns=len(campaigns),
        payers=wording.count(payers, words),
        revenue=wording.money(revenue, words),
        refunds=wording.money(_sum(data, "refunds_fen"), words),
    )


def _note(data: ReportData, words: Words) -> str:
    told = []
    for figure in select.latest(data.figures, "average_order_value"):
        if figure.value is not None:
            name = data.campaign_names.get(figure.dimensions.get("campaign", ""), figure.dimensions.get("campaign", ""))
            money = wording.money(select.amount(figure), words)
            told.append(words.text("report.conversion.average", campaign=name, money=money))
    for figure in select.of_last_day(data.figures, "buyers"):
        tier = wording.known(words, "tier", figure.dimensions.get("tier", ""))
        told.append(words.text("report.conversion.buyers", tier=tier, people=wording.told(figure, words)))
    return words.text("report.semicolon").join(told)
