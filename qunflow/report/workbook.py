"""
Retention as one Excel workbook: the same figures as the report's, as numbers somebody can go on with.

Sheets: how to read it, heat-maps, cohorts side by side, the survival curve with its forecast, the group board, and what
was revised. An empty cell has not come due or is not known; 0 is a 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from qunflow.community.finality import Reason
from qunflow.report import select, wording
from qunflow.report.grading import legend, letter_of
from qunflow.report.headline import completeness
from qunflow.report.model import GroupLine, ReportData, Words
from qunflow.report.revisions import fate
from qunflow.report.sections.cohorts import chosen_cohorts, reached
from qunflow.report.sections.groups import alarms
from qunflow.report.spreadsheet import Block, Points, Rate, Sheet, Value
from qunflow.report.tables import dimensions_told
from qunflow.retention.comparing import Difference, differences
from qunflow.store.figures import Figure

RATES = ("stay_rate", "active_rate")
CURVE = ("stay_reached", "stay_forecast", "stay_forecast_low", "stay_forecast_high")
BOARD = ("group", "kind", "owner", "members", "health", "leave_rate", "leave_streak", "alarms", "grade")
REVISION = ("figure", "about_what", "revised_day", "old", "new", "reason", "outcome", "told_at", "run")
DIFFERENCE = (
    "figure", "later", "later_people", "later_size", "earlier", "earlier_people", "earlier_size",
    "difference", "low", "high", "verdict",
)  # fmt: skip


def retention_sheets(data: ReportData, words: Words) -> tuple[Sheet, ...]:
    """The workbook of one community; a sheet without anything says so."""
    makers = (_about, _heat, _compared, _curve, _board, _revisions)
    return tuple(make(data, words) for make in makers)


def difference_row(one: Difference, figure: str, words: Words) -> list[Value]:
    """One difference as the columns ``DIFFERENCE``."""
    later, earlier = one.later, one.earlier
    return [
        figure,
        *(later.cohort, later.people, later.size),
        *(earlier.cohort, earlier.people, earlier.size),
        *(Points(one.share), Points(one.low), Points(one.high)),
        words.text(f"compare.short.{one.verdict}"),
    ]


def heads(names: Sequence[str], words: Words) -> list[str]:
    """The headings of columns by their names."""
    return [words.text(f"compare.book.{name}") for name in names]


def _about(data: ReportData, words: Words) -> Sheet:
    made_at = data.made_at.astimezone(ZoneInfo(data.zone))
    rows: list[Sequence[Value]] = [
        (words.text("report.period", first=data.first_day, last=data.last_day),),
        (words.text("report.made_at", at=f"{made_at:%Y-%m-%d %H:%M}", zone=data.zone),),
        (f"{words.text('report.completeness')}: {completeness(data, words)}",),
        (legend(words),),
        *((words.text(f"compare.book.rule_{rule}"),) for rule in ("blank", "mean", "few", "range", "final", "page")),
    ]
    title = words.text("report.title", brand=data.brand, community=data.community)
    return Sheet(words.text("compare.book.about"), (Block(title, (), rows),))


def _heat(data: ReportData, words: Words) -> Sheet:
    blocks = []
    for name in RATES:
        figures = [f for f in select.of_last_day(data.figures, name) if f.dimensions.get("cohort")]
        if figures:
            blocks += [_rates(name, figures, words), _people(name, figures, words)]
    return Sheet(words.text("compare.book.heat"), blocks or [_nothing(words.text("report.stay.empty"))])


def _rates(name: str, figures: Sequence[Figure], words: Words) -> Block:
    cohorts, days = _axes(figures)
    cells = {(f.dimensions["cohort"], f.dimensions["day"]): f for f in figures}
    rows: list[list[Value]] = [
        [cohort, _size(cohort, figures), *(_rate(select.amount(cells.get((cohort, day)))) for day in days)]
        for cohort in cohorts
    ]
    due = [[f for f in figures if f.dimensions["day"] == day and f.value is not None] for day in days]
    sizes = [sum(f.denominator or 0 for f in column) for column in due]
    hits = [sum(f.numerator or 0 for f in column) for column in due]
    mean = [Rate(part / whole) if whole else None for part, whole in zip(hits, sizes, strict=True)]
    rows.append([words.text("compare.mean_label"), None, *mean])
    rows.append([words.text("compare.book.over_people"), None, *sizes])
    rows.append([words.text("compare.book.over_cohorts"), None, *(len(column) for column in due)])
    title = wording.known(words, "figure", name)
    return Block(title, _heat_heads(days, words), rows, shaded=(0, 2, len(cohorts)))


def _people(name: str, figures: Sequence[Figure], words: Words) -> Block:
    cohorts, days = _axes(figures)
    counted = {(f.dimensions["cohort"], f.dimensions["day"]): f.numerator for f in figures if f.value is not None}
    rows = [[cohort, _size(cohort, figures), *(counted.get((cohort, day)) for day in days)] for cohort in cohorts]
    title = words.text("compare.book.people_of", figure=wording.known(words, "figure", name))
    return Block(title, _heat_heads(days, words), rows)


def _axes(figures: Sequence[Figure]) -> tuple[list[str], list[str]]:
    cohorts = sorted({f.dimensions["cohort"] for f in figures})
    return cohorts, sorted({f.dimensions["day"] for f in figures}, key=int)


def _size(cohort: str, figures: Sequence[Figure]) -> int | None:
    return max((f.denominator for f in figures if f.dimensions["cohort"] == cohort and f.denominator), default=None)


def _rate(value: float | None) -> Rate | None:
    return None if value is None else Rate(value)


def _heat_heads(days: Sequence[str], words: Words) -> list[str]:
    named = [words.text("report.dimension.day", value=day) for day in days]
    return [words.text("report.heat.corner"), words.text("compare.book.size"), *named]


def _compared(data: ReportData, words: Words) -> Sheet:
    rows = []
    for name, kind in zip(RATES, ("stay", "classic"), strict=True):
        figures = [
            f for f in select.of_last_day(data.figures, name) if f.value is not None and "cohort" in f.dimensions
        ]
        for one in differences(reached(figures), chosen_cohorts(figures, data.cohorts)):
            rows.append(difference_row(one, words.text(f"compare.of.{kind}", day=one.later.day), words))
    blocks = [Block("", heads(DIFFERENCE, words), rows)] if rows else [_nothing(words.text("compare.empty"))]
    return Sheet(words.text("compare.book.compared"), blocks)


def _curve(data: ReportData, words: Words) -> Sheet:
    states = select.of_last_day(data.figures, "stay_forecast_state")
    newest = [f for f in data.figures if states and f.as_of == states[0].as_of and f.name in CURVE]
    values = {(f.name, int(f.dimensions["day"])): select.amount(f) for f in newest}
    days = sorted({day for _, day in values})
    rows: list[list[Value]] = [[day, *(_rate(values.get((name, day))) for name in CURVE)] for day in days]
    if not rows:
        return Sheet(words.text("compare.book.curve"), [_nothing(words.text("outlook.forecast.empty"))])
    head = heads(("day", "seen", "ahead", "ahead_low", "ahead_high"), words)
    note = [(words.text("compare.book.rule_forecast"),)]
    return Sheet(words.text("compare.book.curve"), [Block("", head, rows), Block("", (), note)])


def _board(data: ReportData, words: Words) -> Sheet:
    rows = [_group(data, group, words) for group in data.groups]
    blocks = [Block("", heads(BOARD, words), rows)] if rows else [_nothing(words.text("report.groups.empty"))]
    return Sheet(words.text("compare.book.board"), blocks)


def _group(data: ReportData, group: GroupLine, words: Words) -> list[Value]:
    health, leaving = _newest(data, group, "group_health"), _newest(data, group, "leave_rate")
    return [
        group.name,
        wording.known(words, "kind", group.kind),
        group.owner,
        group.members,
        select.people(health),
        _rate(select.amount(leaving)),
        select.people(_newest(data, group, "leave_streak_days")),
        words.text("report.semicolon").join(alarms(data, group, words)) or None,
        letter_of(health.grade, health.grade_before) if health else None,
    ]


def _newest(data: ReportData, group: GroupLine, name: str) -> Figure | None:
    fitting = [f for f in select.latest(data.figures, name) if f.dimensions.get("group") in group.refs]
    return max(fitting, key=lambda figure: figure.as_of, default=None)


def _revisions(data: ReportData, words: Words) -> Sheet:
    zone, told = ZoneInfo(data.zone), [one for one in data.changes if one.stage.startswith("retention")]
    rows: list[list[Value]] = [
        [
            wording.known(words, "figure", one.name),
            dimensions_told(data, one.dimensions, words),
            one.as_of,
            _shown(one.old, one.unit),
            _shown(one.new, one.unit),
            words.text(f"figures.reason.{one.reason}"),
            fate(one, words) or words.text("figures.applied"),
            one.told_at.astimezone(zone).replace(tzinfo=None, microsecond=0),
            one.run_id,
        ]
        for one in told
        if one.reason is not Reason.DAY_WENT_ON
    ]
    completed = words.text("figures.revisions_day", count=len(told) - len(rows))
    blocks = [Block("", heads(REVISION, words), rows)] if rows else [_nothing(words.text("figures.no_revisions"))]
    return Sheet(
        words.text("compare.book.revisions"), [*blocks, _nothing(completed)] if len(told) > len(rows) else blocks
    )


def _shown(value: str | float | None, unit: str) -> Value:
    return Rate(float(value)) if unit == "rate" and value is not None else value


def _nothing(said: str) -> Block:
    return Block("", (), [(said,)])
