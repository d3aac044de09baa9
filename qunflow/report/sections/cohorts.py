"""Cohorts side by side: their lines, a sentence on how far the newest lies from the one before, all differences."""

from __future__ import annotations

from collections.abc import Sequence

from qunflow.report import select, wording
from qunflow.report.grading import mark_of_all
from qunflow.report.model import Cell, ReportData, Section, Table, Words
from qunflow.report.sections.cohort_lines import CohortLine, lines_svg
from qunflow.retention.comparing import Difference, Reached, differences
from qunflow.store.figures import Figure

SHOWN = 3
# The day people talk about; where two cohorts have not reached it yet, the farthest day both have.
USUAL_DAY = 7


def side_by_side(data: ReportData, words: Words) -> Section:
    """The cohorts somebody chose, else the newest that have reached any day."""
    title = words.text("compare.title")
    figures = _due(data, "stay_rate")
    chosen = chosen_cohorts(figures, data.cohorts)
    found = differences(reached(figures), chosen)
    if not found:
        return Section("cohorts", title, words.text("compare.empty"))
    shown = [figure for figure in figures if figure.dimensions["cohort"] in chosen]
    told = [sentence(one, words) for one in reversed(on_one_day(found))]
    picture = lines_svg(
        [_line(cohort, shown, words) for cohort in chosen], title=title, axis=words.text("compare.axis", day="{day}")
    )
    note, mark = words.text("compare.note", count=len(found)), mark_of_all(shown, words)
    table = _table(found, words)
    return Section("cohorts", title, told[0], picture, note, tables=(table,), lines=tuple(told[1:]), mark=mark)


def chosen_cohorts(figures: Sequence[Figure], wanted: Sequence[str]) -> tuple[str, ...]:
    """Those wanted that are there, oldest first; the newest few without a wish."""
    known = sorted({figure.dimensions["cohort"] for figure in figures})
    return tuple(cohort for cohort in known if cohort in wanted) if wanted else tuple(known[-SHOWN:])


def reached(figures: Sequence[Figure]) -> list[Reached]:
    """The figures of rates as cells of cohorts; those that do not say what they are made of are left out."""
    return [
        Reached(f.dimensions["cohort"], int(f.dimensions["day"]), f.numerator, f.denominator)
        for f in figures
        if f.numerator is not None and f.denominator
    ]


def on_one_day(found: Sequence[Difference]) -> list[Difference]:
    """Of each pair one difference: on the usual day if it has come, else on the farthest."""
    pairs: dict[tuple[str, str], list[Difference]] = {}
    for one in found:
        pairs.setdefault((one.earlier.cohort, one.later.cohort), []).append(one)
    return [next((one for one in of if one.later.day == USUAL_DAY), of[-1]) for of in pairs.values()]


def sentence(one: Difference, words: Words) -> str:
    """How far apart, and whether it may be luck."""
    return words.text(
        f"compare.{one.verdict}",
        later=wording.short_day(one.later.cohort),
        earlier=wording.short_day(one.earlier.cohort),
        day=one.later.day,
        points=points(abs(one.share)),
        people=min(one.earlier.size, one.later.size),
    )


def points(share: float) -> str:
    """A difference of shares in percentage points, without a needless decimal."""
    return f"{share * 100:.1f}".removesuffix(".0")


def range_told(one: Difference, words: Words) -> str:
    """Where the difference plausibly lies, in percentage points."""
    return words.text("compare.range", low=f"{one.low * 100:+.0f}", high=f"{one.high * 100:+.0f}")


def _due(data: ReportData, name: str) -> list[Figure]:
    """The cells as they hold on the newest day that have come due."""
    return [f for f in select.of_last_day(data.figures, name) if f.value is not None and f.dimensions.get("cohort")]


def _line(cohort: str, figures: Sequence[Figure], words: Words) -> CohortLine:
    points_of = sorted(
        (int(f.dimensions["day"]), float(f.value))
        for f in figures
        if f.dimensions["cohort"] == cohort and f.value is not None
    )
    size = max((f.denominator or 0 for f in figures if f.dimensions["cohort"] == cohort), default=0)
    label = words.text("compare.label", cohort=wording.short_day(cohort), size=f"{size:,}")
    return CohortLine(label, tuple(points_of))


def _table(found: Sequence[Difference], words: Words) -> Table:
    head = tuple(words.text(f"compare.column.{name}") for name in ("pair", "difference", "verdict"))
    return Table(words.text("compare.all", count=len(found)), head, tuple(_row(one, words) for one in found))


def _row(one: Difference, words: Words) -> tuple[Cell, ...]:
    days = words.text("report.dimension.day", value=one.later.day)
    pair = words.text(
        "compare.pair", later=wording.short_day(one.later.cohort), earlier=wording.short_day(one.earlier.cohort)
    )
    of = " · ".join(f"{cell.people} / {cell.size}" for cell in (one.later, one.earlier))
    sure = one.verdict in ("lower", "higher")
    return (
        Cell(pair, days),
        Cell(words.text("compare.points", points=f"{one.share * 100:+.1f}"), of),
        Cell(words.text(f"compare.short.{one.verdict}"), range_told(one, words), tone="" if sure else "mute"),
    )
