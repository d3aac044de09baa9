"""
The folded tables under each picture: every figure with what it is made of.

Three columns only, because a phone has no room for more: the figure and its dimensions, the value and its fraction,
the day, the source and whether the figure is final.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from zoneinfo import ZoneInfo

from qunflow.acquisition.funnel import PULLED_IN
from qunflow.acquisition.leads import UNKNOWN_CHANNEL
from qunflow.clock import local_day
from qunflow.community.finality import is_final
from qunflow.report import wording
from qunflow.report.grading import mark_of
from qunflow.report.model import Cell, ReportData, Table, Words
from qunflow.store.figures import Figure


def figures_table(data: ReportData, figures: Iterable[Figure], words: Words) -> Table:
    """Every figure handed in, one row each, in its order."""
    rows = tuple(_figure_row(data, figure, words) for figure in figures)
    head = tuple(words.text(f"report.table.{key}") for key in ("figure", "value", "as_of"))
    return Table(words.text("report.table.all_figures", count=len(rows)), head, rows)


def _figure_row(data: ReportData, figure: Figure, words: Words) -> tuple[Cell, ...]:
    dimensions = dimensions_told(data, figure.dimensions, words)
    return (
        Cell(wording.known(words, "figure", figure.name), dimensions),
        Cell(
            wording.told(figure, words),
            wording.fraction(figure),
            tone="mute" if figure.value is None else "",
            mark=mark_of(figure, words),
        ),
        day_and_source(data, figure, words),
    )


def day_and_source(data: ReportData, figure: Figure, words: Words) -> Cell:
    """Of which day a figure is, where it is known from, and whether it may still change."""
    today = local_day(data.made_at, ZoneInfo(data.zone))
    state = "final" if is_final(figure.as_of, today, data.final_after_days) else "open"
    source = wording.known(words, "source", figure.source)
    return Cell(wording.short_day(figure.as_of), f"{source} · {words.text(f'figures.state.{state}')}")


def dimensions_told(data: ReportData, dimensions: Mapping[str, str], words: Words) -> str:
    """All dimensions of a figure in the operator's words."""
    return " · ".join(dimension_name(data, key, value, words) for key, value in dimensions.items())


def dimension_name(data: ReportData, key: str, value: str, words: Words) -> str:
    """A dimension in the operator's words: the group's real name, the channel's name, the day of a window."""
    if key == "group":
        return group_name(data, value)
    if key == "channel":
        return channel_name(data, value, words)
    if key == "campaign":
        return data.campaign_names.get(value, value)
    if key in ("tier", "rule", "how", "part", "band", "state", "kind"):
        return wording.known(words, key, value)
    if key in ("day", "cohort", "offset", "days"):
        return words.text(f"report.dimension.{key}", value=wording.short_day(value))
    return value


def group_name(data: ReportData, ref: str) -> str:
    """The real name of a group by any of the keys figures may call it by."""
    return next((group.name for group in data.groups if ref in group.refs), ref)


def channel_name(data: ReportData, key: str, words: Words) -> str:
    """The name of a channel; arrivals nobody can place are said to be so."""
    if key in ("", UNKNOWN_CHANNEL):
        return words.text("report.no_channel")
    return words.text("report.pulled_in") if key == PULLED_IN else data.channel_names.get(key, key)
