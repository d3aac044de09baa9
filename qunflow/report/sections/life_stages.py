"""Where each group stands in its life: one sentence each, and a heat-map of the days."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from qunflow.report import select, svg
from qunflow.report.charts import WIDTH
from qunflow.report.grading import mark_of_all
from qunflow.report.model import GroupLine, ReportData, Section, Words
from qunflow.report.sections.care_tables import care_table, word
from qunflow.report.sections.groups import alarms
from qunflow.report.tables import group_name
from qunflow.store.figures import Figure

NAMES = ("life_stage", "life_stage_why", "advice", "advice_into", "active_share", "advert_share", "alarm_chance")
# The warmer, the more it needs somebody; in this order the groups are listed.
COLOURS = {"dead": svg.RED, "adverts": svg.AMBER, "new": svg.STEPS[1], "talking": svg.TEAL}
GROUPS_SHOWN, NAMES_SHOWN = 40, 3
_TOP, _HEIGHT = 26.0, 44.0


@dataclass(frozen=True, slots=True)
class _Row:
    """A group with the words recorded of it on the newest day, by the name of the figure, and what rings."""

    group: GroupLine
    told: Mapping[str, str]
    ringing: tuple[str, ...]

    @property
    def urgency(self) -> tuple[int, int, str]:
        return -len(self.ringing), list(COLOURS).index(self.told["life_stage"]), self.group.name


def life_stages(data: ReportData, words: Words) -> Section:
    """The board of life stages, those that need somebody first on top; of very many groups only those."""
    title = words.text("care.board.title")
    newest = select.of_last_day(data.figures, *NAMES)
    rows = sorted(_rows(data, newest, words), key=lambda row: row.urgency)
    if not rows:
        return Section("life_stages", title, words.text("care.board.empty"))
    shown = rows[:GROUPS_SHOWN]
    return Section(
        "life_stages",
        title,
        _sentence(rows, words),
        _picture(data, [row.group for row in shown], words, title),
        words.text("care.board.note"),
        lines=tuple(_line(data, row, words) for row in shown),
        tables=(care_table(data, newest, words),),
        mark=mark_of_all(newest, words),
    )


def _rows(data: ReportData, newest: Sequence[Figure], words: Words) -> list[_Row]:
    by_ref: dict[str, dict[str, str]] = defaultdict(dict)
    for figure in newest:
        if figure.unit == "text" and figure.value is not None:
            by_ref[figure.dimensions.get("group", "")][figure.name] = str(figure.value)
    known = ((group, next((by_ref[ref] for ref in group.refs if ref in by_ref), {})) for group in data.groups)
    return [_Row(group, told, tuple(alarms(data, group, words))) for group, told in known if "life_stage" in told]


def _sentence(rows: Sequence[_Row], words: Words) -> str:
    counts = Counter(row.told["life_stage"] for row in rows)
    told = words.text("report.comma").join(
        words.text("care.board.stage_count", stage=word(words, "stage", stage), count=counts[stage])
        for stage in COLOURS
        if counts[stage]
    )
    names = words.text("report.comma").join([row.group.name for row in rows if row.ringing][:NAMES_SHOWN])
    which = "alarm" if names else "calm"
    return words.text(f"care.board.sentence_{which}", groups=len(rows), stages=told, names=names)


def _line(data: ReportData, row: _Row, words: Words) -> str:
    advice = row.told.get("advice", "keep")
    # A group that talks and loses people is not to go on as it does.
    advice = "look" if row.ringing and advice == "keep" else advice
    return words.text(
        "care.board.line_alarm" if row.ringing else "care.board.line",
        group=row.group.name,
        alarms=words.text("report.comma").join(row.ringing),
        stage=word(words, "stage", row.told["life_stage"]),
        why=word(words, "why", row.told.get("life_stage_why", "")),
        advice=words.text(f"care.advice_{advice}", into=group_name(data, row.told.get("advice_into", ""))),
    )


def _picture(data: ReportData, groups: Sequence[GroupLine], words: Words, title: str) -> str:
    days = [data.first_day + timedelta(days=nth) for nth in range((data.last_day - data.first_day).days + 1)]
    stage_on = {(f.dimensions.get("group", ""), f.as_of): str(f.value) for f in data.figures if f.name == "life_stage"}
    parts: list[str] = []
    x = 0.0
    for stage, colour in COLOURS.items():
        name = word(words, "stage", stage)
        parts += [svg.rect(x, 3, 10, 10, colour, radius=2), svg.text(x + 14, 12, name, size=11, fill=svg.MUTED)]
        x += 28 + svg.width_of(name, 11)
    for place, group in enumerate(groups):
        row = [next((stage_on[ref, day] for ref in group.refs if (ref, day) in stage_on), "") for day in days]
        parts += _row(group.name, days, row, _TOP + place * _HEIGHT, words)
    return svg.document(WIDTH, _TOP + len(groups) * _HEIGHT, title, parts)


def _row(name: str, days: Sequence[date], stages: Sequence[str], y: float, words: Words) -> list[str]:
    parts = [svg.text(0, y + 13, svg.shortened(name, 13, WIDTH), size=13)]
    step = WIDTH / len(days)
    for place, (day, stage) in enumerate(zip(days, stages, strict=True)):
        hint = f"{name} {day:%m-%d} {word(words, 'stage', stage) if stage else words.text('report.unknown')}"
        box = (place * step + 1, y + 20, step - 2, 18.0)
        parts.append(svg.rect(*box, COLOURS[stage], hint=hint) if stage in COLOURS else svg.dashed(*box, hint))
    return parts
