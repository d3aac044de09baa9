"""Retention: of those who joined together, who is still there, and who still does something."""

from __future__ import annotations

from qunflow.report import select, wording
from qunflow.report.charts import HeatMean, HeatRow, heatmap_svg
from qunflow.report.grading import mark_of_all
from qunflow.report.model import ReportData, Section, Words
from qunflow.report.tables import figures_table
from qunflow.store.figures import Figure

COHORTS_SHOWN = 12
ALSO = {
    "stay_rate": ("mean_stay_rate", "cohort_size"),
    "active_rate": ("mean_active_rate", "activity_matrix"),
}


def stay(data: ReportData, words: Words) -> Section:
    """The stay heat-map: still in the group on day 1, 3, 7, 14, 30."""
    return _heat_section(data, words, key="stay", name="stay_rate")


def activity(data: ReportData, words: Words) -> Section:
    """The activity heat-map: did something on day 1, 3, 7, 14, 30."""
    return _heat_section(data, words, key="activity", name="active_rate")


def _heat_section(data: ReportData, words: Words, *, key: str, name: str) -> Section:
    title = words.text(f"report.{key}.title")
    figures = select.latest(data.figures, name)
    if not figures:
        return Section(key, title, words.text(f"report.{key}.empty"))
    days = sorted({figure.dimensions.get("day", "") for figure in figures}, key=_as_number)
    picture = heatmap_svg(
        heat_rows(data, figures, days),
        columns=[words.text("report.dimension.day", value=day) for day in days],
        title=title,
        not_due=words.text("report.not_due"),
        corner=words.text("report.heat.corner"),
        means=heat_means(figures, days, words),
        means_label=words.text("compare.mean_label"),
    )
    table = figures_table(data, [*sorted(figures, key=_place), *select.latest(data.figures, *ALSO[name])], words)
    note = words.text(f"report.{key}.note")
    sentence, mark = _sentence(key, figures, days, words), mark_of_all(figures, words)
    return Section(key, title, sentence, picture, note, tables=(table,), mark=mark)


def heat_rows(data: ReportData, figures: list[Figure], days: list[str]) -> list[HeatRow]:
    """The newest cohorts, oldest on top; a cell without a figure is as blank as one that is not due."""
    cells = {(f.dimensions.get("cohort", ""), f.dimensions.get("day", "")): f for f in figures}
    cohorts = sorted({cohort for cohort, _ in cells})[-COHORTS_SHOWN:]
    sizes = {f.dimensions.get("cohort", ""): select.people(f) or 0 for f in select.latest(data.figures, "cohort_size")}
    return [
        HeatRow(
            wording.short_day(cohort),
            sizes.get(cohort) or max((f.denominator or 0 for (c, _), f in cells.items() if c == cohort), default=0),
            tuple(select.amount(cells.get((cohort, day))) for day in days),
        )
        for cohort in cohorts
    ]


def heat_means(figures: list[Figure], days: list[str], words: Words) -> list[HeatMean]:
    """Per day all people of the cohorts that have come due, and how many cohorts these are, shown or not."""
    found = []
    for day in days:
        due = [f for f in figures if f.dimensions.get("day") == day and f.value is not None and f.denominator]
        size = sum(f.denominator or 0 for f in due)
        rate = sum(f.numerator or 0 for f in due) / size if size else None
        found.append(HeatMean(rate, words.text("compare.mean_note", cohorts=len(due))))
    return found


def _sentence(key: str, figures: list[Figure], days: list[str], words: Words) -> str:
    """The newest cohort that has reached day 7, against the one before; days that nobody reached say so."""
    day = "7" if "7" in days else days[-1]
    due = sorted(
        (f for f in figures if f.dimensions.get("day") == day and f.value is not None),
        key=lambda f: f.dimensions.get("cohort", ""),
    )
    if not due:
        return words.text("report.heat.sentence_early", day=day)
    newest = due[-1]
    told = {
        "day": day,
        "cohort": wording.short_day(newest.dimensions.get("cohort", "")),
        "rate": wording.share_with_n(newest, words),
    }
    if len(due) < 2:
        return words.text(f"report.{key}.sentence", **told)
    before = wording.share_with_n(due[-2], words)
    return words.text(f"report.{key}.sentence_compared", before=before, **told)


def _place(figure: Figure) -> tuple[str, tuple[int, str]]:
    return figure.dimensions.get("cohort", ""), _as_number(figure.dimensions.get("day", ""))


def _as_number(day: str) -> tuple[int, str]:
    return (int(day), "") if day.isdigit() else (10**6, day)
