"""
Cohorts split by channel, inviter, entry, campaign, group kind or owner: one section for each the settings name.

One bar a part over all its cohorts that have come due; the highest and the lowest are told apart only as far as luck
allows, counting every pair that could have been picked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from qunflow.report import select, wording
from qunflow.report.charts import Bar, Part, bars_svg
from qunflow.report.grading import mark_of_all
from qunflow.report.model import Cell, ReportData, Section, Table, Words
from qunflow.report.sections.cohorts import USUAL_DAY, points
from qunflow.report.tables import dimension_name
from qunflow.retention.comparing import Reached, extremes
from qunflow.store.figures import Figure

NAME = "part_stay_rate"
DIMENSIONS = ("channel", "inviter", "how", "campaign", "kind", "owner")
# Only a look at the roster tells these; who left before it is in no other part.
FROM_ROSTER = ("channel", "inviter", "how")


def split_sections(data: ReportData, words: Words) -> tuple[Section, ...]:
    """A section a dimension that has figures; none where nothing is split."""
    newest = select.of_last_day(data.figures, NAME)
    found = {key: [f for f in newest if key in f.dimensions] for key in DIMENSIONS}
    return tuple(_section(data, key, figures, words) for key, figures in found.items() if figures)


def _section(data: ReportData, key: str, figures: Sequence[Figure], words: Words) -> Section:
    title = words.text("compare.parts.title", by=words.text(f"compare.parts.by_{key}"))
    due = [f for f in figures if f.dimensions["day"] == str(USUAL_DAY) and f.value is not None]
    if not due:
        return Section("parts", title, words.text("report.heat.sentence_early", day=USUAL_DAY))
    cells = _pooled(key, due, USUAL_DAY)
    bars = [_bar(data, key, cell, words) for cell in sorted(cells, key=lambda one: -one.people / one.size)]
    unknown = sum(cell.size for cell in cells if not cell.cohort)
    lines = (words.text("compare.unknown_told", people=unknown),) if unknown and key in FROM_ROSTER else ()
    note = words.text("compare.parts.note", day=USUAL_DAY)
    table, mark = _table(data, key, figures, words), mark_of_all(due, words)
    told, picture = _told(data, key, cells, words), bars_svg(bars, title=title)
    return Section("parts", title, told, picture, note, tables=(table,), lines=lines, mark=mark)


def _pooled(key: str, figures: Iterable[Figure], day: int) -> list[Reached]:
    """Each part over all its cohorts that have come due on a day; every person weighs the same."""
    sums: dict[str, tuple[int, int]] = {}
    for figure in figures:
        if figure.dimensions["day"] != str(day) or figure.value is None:
            continue
        people, size = sums.get(figure.dimensions[key], (0, 0))
        sums[figure.dimensions[key]] = people + (figure.numerator or 0), size + (figure.denominator or 0)
    return [Reached(part, day, people, size) for part, (people, size) in sums.items() if size]


def _bar(data: ReportData, key: str, cell: Reached, words: Words) -> Bar:
    rate = cell.people / cell.size
    note = words.text("compare.parts.bar", rate=wording.share(rate, words), people=cell.people, size=cell.size)
    return Bar(
        part_name(data, key, cell.cohort, words), (Part("", rate, "good" if cell.cohort else "mute"),), note, 1.0
    )


def _told(data: ReportData, key: str, cells: Sequence[Reached], words: Words) -> str:
    found = extremes([cell for cell in cells if cell.cohort])
    if found is None:
        return words.text("compare.parts.alone")
    return words.text(
        f"compare.parts.{'sure' if found.verdict in ('higher', 'lower') else 'maybe'}",
        day=USUAL_DAY,
        high=part_name(data, key, found.later.cohort, words),
        low=part_name(data, key, found.earlier.cohort, words),
        points=points(found.share),
    )


def part_name(data: ReportData, key: str, part: str, words: Words) -> str:
    """A part in the operator's words."""
    return dimension_name(data, key, part, words) if part else words.text("compare.unknown_part")


def _table(data: ReportData, key: str, figures: Sequence[Figure], words: Words) -> Table:
    """Every part on every day, its cohorts added up; the single cells are for ``qunflow retention --history``."""
    days = sorted({int(figure.dimensions["day"]) for figure in figures})
    cells = sorted((cell for day in days for cell in _pooled(key, figures, day)), key=lambda one: (one.cohort, one.day))
    rows = tuple(
        (
            Cell(part_name(data, key, cell.cohort, words), words.text("report.dimension.day", value=cell.day)),
            Cell(wording.share(cell.people / cell.size, words), f"{cell.people} / {cell.size}"),
        )
        for cell in cells
    )
    head = (words.text(f"compare.parts.by_{key}"), words.text("report.figure.stay_rate"))
    return Table(words.text("report.table.all_figures", count=len(rows)), head, rows)
