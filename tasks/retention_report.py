"""
The stage report of retention as Markdown with pictures, for the Prefect UI.

The report people read every day is ``qunflow.report``; this one shows a single run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from qunflow.language import Catalogue
from qunflow.report.charts import Bar, HeatMean, HeatRow, Part, as_data_uri, bars_svg, heatmap_svg
from qunflow.report.grading import Graded
from qunflow.report.sections.cohort_lines import CohortLine, lines_svg
from qunflow.report.sections.cohorts import SHOWN, on_one_day, range_told, sentence
from qunflow.report.wording import short_day
from qunflow.retention.cells import Cell
from qunflow.retention.comparing import FEW, Difference, Reached, differences
from qunflow.retention.dirt import Dirt
from qunflow.retention.plan import GroupMeasure, Measurement, Plan, Reading

COHORTS_SHOWN = 12


def stage_report(found: Measurement, graded: Graded, words: Catalogue) -> str:
    """The report of one run: what was measured and read, two heat-maps, the group board, what is odd in the log."""
    plan, cohort = found.day.plan, found.day.cohort
    head = words.text(
        "retention.head",
        community=plan.scope.community,
        day=plan.scope.day,
        through=plan.complete_through,
        period=words.text(f"retention.period_{plan.period}"),
        kinds=", ".join(plan.kinds),
    )
    parts = [
        f"# {words.text('retention.title')}",
        head,
        _reading(found.reading, words),
        graded.head(words),
        *_heat("stay", cohort.stay, cohort.mean_stay, plan, graded, words),
        *_side_by_side(cohort.stay, words),
        *_heat("active", cohort.active, cohort.mean_active, plan, graded, words),
        *_board(found.day.board, graded, words),
        *_dirt(found.day.seen, words),
    ]
    return "\n\n".join(parts) + "\n"


def _reading(reading: Reading, words: Catalogue) -> str:
    """How much was read, how long it took, and which past days changed."""
    counts = {
        "read": f"{reading.rows_read:,}",
        "history": f"{reading.rows_in_history:,}",
        "seconds": f"{reading.seconds:.2f}",
    }
    if reading.whole:
        return words.text("retention.read_whole", why=words.text(f"retention.whole_{reading.whole}"), **counts)
    days = ", ".join(day.isoformat() for day in reading.reopened) or words.text("retention.none_reopened")
    return words.text("retention.read_new", days=days, **counts)


def _heat(
    name: str, cells: Sequence[Cell], means: Sequence[Cell], plan: Plan, graded: Graded, words: Catalogue
) -> list[str]:
    title = words.text(f"retention.{name}_title")
    if not cells:
        return [f"## {title}", words.text("retention.nobody_joined")]
    columns = [words.text("retention.day", day=day) for day in plan.days]
    picture = heatmap_svg(
        heat_rows(cells),
        columns=columns,
        title=title,
        not_due=words.text("retention.not_due"),
        means=[_heat_mean(mean, cells, words) for mean in means],
        means_label=words.text("compare.mean_label"),
    )
    told = " · ".join(_mean_in_words(cell, words) + graded.beside() for cell in means)
    return [f"## {title}", f"![{title}]({as_data_uri(picture)})", words.text("retention.means", means=told)]


def heat_rows(cells: Sequence[Cell]) -> list[HeatRow]:
    """The newest cohorts as rows of a heat-map, oldest on top."""
    by_cohort: dict[str, list[Cell]] = {}
    for cell in cells:
        by_cohort.setdefault(cell.cohort, []).append(cell)
    newest = sorted(by_cohort.items())[-COHORTS_SHOWN:]
    return [HeatRow(short_day(cohort), row[0].size, tuple(cell.rate for cell in row)) for cohort, row in newest]


def _heat_mean(mean: Cell, cells: Sequence[Cell], words: Catalogue) -> HeatMean:
    due = sum(cell.day == mean.day and cell.people is not None for cell in cells)
    return HeatMean(mean.rate, words.text("compare.mean_note", cohorts=due))


def _side_by_side(cells: Sequence[Cell], words: Catalogue) -> list[str]:
    """The newest cohorts as lines, one sentence, and every difference with its range."""
    due = [Reached(cell.cohort, cell.day, cell.people, cell.size) for cell in cells if cell.people is not None]
    cohorts = sorted({cell.cohort for cell in due})[-SHOWN:]
    found = differences(due, cohorts)
    title = words.text("compare.engineer_title")
    if not found:
        return [f"## {title}", words.text("compare.empty")]
    picture = lines_svg(
        [_cohort_line(cohort, due, words) for cohort in cohorts],
        title=title,
        axis=words.text("compare.axis", day="{day}"),
    )
    head = words.text("compare.engineer_columns")
    rows = "\n".join(_difference(one, words) for one in found)
    return [
        f"## {title}",
        sentence(on_one_day(found)[-1], words),
        f"![{title}]({as_data_uri(picture)})",
        words.text("compare.engineer_how", count=len(found), few=FEW),
        f"| {head} |\n|{'---|' * (head.count('|') + 1)}\n{rows}",
    ]


def _cohort_line(cohort: str, due: Sequence[Reached], words: Catalogue) -> CohortLine:
    mine = [one for one in due if one.cohort == cohort]
    label = words.text("compare.label", cohort=short_day(cohort), size=f"{mine[0].size:,}")
    return CohortLine(label, tuple((one.day, one.people / one.size) for one in mine))


def _difference(one: Difference, words: Catalogue) -> str:
    pair = words.text("compare.pair", later=short_day(one.later.cohort), earlier=short_day(one.earlier.cohort))
    of = [f"{cell.people} / {cell.size}" for cell in (one.later, one.earlier)]
    verdict = words.text(f"compare.short.{one.verdict}")
    return (
        f"| {' | '.join((pair, str(one.later.day), *of, f'{one.share * 100:+.1f}', range_told(one, words), verdict))} |"
    )


def _mean_in_words(cell: Cell, words: Catalogue) -> str:
    day = words.text("retention.day", day=cell.day)
    if cell.rate is None or cell.interval is None:
        return f"{day} {words.text('retention.not_due')}"
    low, high = cell.interval
    return f"{day} {cell.rate:.0%} ({low:.0%}–{high:.0%}, n={cell.size:,})"


def _board(board: Sequence[GroupMeasure], graded: Graded, words: Catalogue) -> list[str]:
    title = words.text("retention.board_title")
    if not board:
        return [f"## {title}", words.text("retention.no_group")]
    bars = [
        _bar(line, graded, words) for line in sorted(board, key=lambda line: line.health.score if line.health else -1)
    ]
    picture = bars_svg(bars, title=title)
    rung = [_alarms_in_words(line, words) + graded.beside(group=line.group.key) for line in board if line.ringing]
    return [f"## {title}", f"![{title}]({as_data_uri(picture)})", *(rung or [words.text("retention.no_alarm")])]


def _bar(line: GroupMeasure, graded: Graded, words: Catalogue) -> Bar:
    if line.health is None:
        return Bar(line.group.name, (), words.text("retention.empty_group"), 100)
    tones = ("good", "soft", "wait", "mute")
    parts = [
        Part(words.text(f"retention.part_{name}"), points, tone)
        for (name, points), tone in zip(asdict(line.health).items(), tones, strict=True)
    ]
    return Bar(line.group.name, tuple(parts), f"{line.health.score}{graded.beside(group=line.group.key)}", 100)


def _alarms_in_words(line: GroupMeasure, words: Catalogue) -> str:
    told = [words.text(f"retention.{alarm.rule}", people=alarm.people, among=alarm.among) for alarm in line.ringing]
    return f"- ⚠️ **{line.group.name}**: {'; '.join(told)}"


def _dirt(seen: Dirt, words: Catalogue) -> list[str]:
    counts = asdict(seen)
    events = counts.pop("events")
    odd = [f"- {words.text(f'retention.dirt_{name}')}: {count:,}" for name, count in counts.items() if count]
    title = f"## {words.text('retention.dirt_title', events=f'{events:,}')}"
    return [title, "\n".join(odd) if odd else words.text("retention.clean")]
