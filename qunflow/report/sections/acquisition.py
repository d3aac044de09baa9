"""Acquisition: where people came from, and how far they got."""

from __future__ import annotations

from qunflow.report import select, wording
from qunflow.report.charts import FunnelRow, funnel_svg
from qunflow.report.grading import mark_of_all
from qunflow.report.model import ReportData, Section, Words
from qunflow.report.tables import channel_name, figures_table
from qunflow.store.figures import Figure

STEPS = ("leads_valid", "contacts_added", "joined", "stayed_d7")
NAMES = ("leads", *STEPS, "join_rate", "cost_per_stayed_member", "joins", "leaves", "joins_by", "net_growth")


def funnel(data: ReportData, words: Words) -> Section:
    """The funnel by channel: leads, contacts, joined, still in the group after 7 days."""
    title = words.text("report.funnel.title")
    rows = funnel_rows(data, words)
    table = figures_table(data, select.latest(data.figures, *NAMES), words)
    if not rows:
        return Section("funnel", title, words.text("report.funnel.empty"), tables=(table,) if table.rows else ())
    names = tuple(words.text(f"report.funnel.step.{step}") for step in STEPS)
    picture = funnel_svg(rows, steps=names, title=title, not_due=words.text("report.not_due"))
    mark = mark_of_all(select.latest(data.figures, *STEPS), words)
    return Section("funnel", title, _sentence(data, words), picture, _costs(data, words), tables=(table,), mark=mark)


def funnel_rows(data: ReportData, words: Words) -> list[FunnelRow]:
    """One row a channel, the one with most people first, under a row for all of them."""
    found = {(f.name, f.dimensions.get("channel", "")): f for f in select.latest(data.figures, *STEPS, "join_rate")}
    channels = sorted({channel for name, channel in found if name in STEPS})
    rows = [_row(data, found, channel, words) for channel in channels]
    rows.sort(key=lambda row: -max((step or 0 for step in row.steps), default=0))
    return [_all(rows, words), *rows] if len(rows) > 1 else rows


def _row(data: ReportData, found: dict[tuple[str, str], Figure], channel: str, words: Words) -> FunnelRow:
    steps = tuple(select.people(found.get((step, channel))) for step in STEPS)
    rate = found.get(("join_rate", channel))
    note = words.text("report.funnel.join_rate", rate=wording.share_with_n(rate, words)) if rate else ""
    if rate and rate.value is None and not rate.denominator and not any(steps[:2]):
        # Nobody of this channel was ever a contact: there is no rate to wait for.
        note = ""
    return FunnelRow(channel_name(data, channel, words), steps, note)


def _all(rows: list[FunnelRow], words: Words) -> FunnelRow:
    columns = zip(*(row.steps for row in rows), strict=True)
    # A sum over some of the channels would look like a loss, so one that is not due leaves the sum open.
    steps = tuple(None if None in column else sum(s for s in column if s is not None) for column in columns)
    return FunnelRow(words.text("report.funnel.all_channels"), steps)


def _sentence(data: ReportData, words: Words) -> str:
    rates = [f for f in select.latest(data.figures, "join_rate") if f.value is not None]
    joined = sum(select.people(f) or 0 for f in select.latest(data.figures, "joined"))
    leads = sum(select.people(f) or 0 for f in select.latest(data.figures, "leads_valid"))
    if not rates:
        return words.text("report.funnel.sentence_early", leads=leads, joined=joined)
    # One of two is no "best channel": those with few people are only compared when there is nothing else.
    solid = [f for f in rates if (f.denominator or 0) >= wording.SMALL_N] or rates
    best = max(solid, key=lambda f: (float(f.value or 0), f.denominator or 0))
    return words.text(
        "report.funnel.sentence",
        leads=leads,
        joined=joined,
        channel=channel_name(data, best.dimensions.get("channel", ""), words),
        rate=wording.share_with_n(best, words),
    )


def _costs(data: ReportData, words: Words) -> str:
    costs = [f for f in select.latest(data.figures, "cost_per_stayed_member") if f.value is not None]
    told = [
        words.text(
            "report.funnel.cost",
            channel=channel_name(data, f.dimensions.get("channel", ""), words),
            money=wording.money(select.amount(f), words),
        )
        for f in costs
    ]
    return words.text("report.funnel.costs", costs=words.text("report.comma").join(told)) if told else ""
