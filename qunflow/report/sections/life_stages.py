"""Where each group stands in its life: one sentence each, and a heat-map of the days."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta

from qunflow.report import select, svg
from qunflow.report.charts import WIDTH
from qunflow.report.model import GroupLine, ReportData, Section, Words
from qunflow.report.sections.care_tables import care_table, word
from qunflow.report.sections.groups import alarms
from qunflow.report.tables import group_name
from qunflow.store.figures import Figure

NAMES = ("life_stage", "life_stage_why", "advice", "advice_into", "active_share", "advert_share", "alarm_chance")
# The warmer, the more it needs somebody; in this order the groups are listed.
COLOURS = {"dead": svg.RED, "adverts": svg.AMBER, "new": svg.STEPS[1], "talking": svg.TEAL}
_TOP, _HEIGHT = 26.0, 44.0


def life_stages(data: ReportData, words: Words) -> Section:
    """The board of life stages, those that need somebody first on top."""
    title = words.text("care.board.title")
    newest = select.of_last_day(data.figures, *NAMES)
    groups = [group for group in data.groups if _of(newest, group, "life_stage")]
    if not groups:
        return Section("life_stages", title, words.text("care.board.empty"))
    groups.sort(key=lambda group: _urgency(data, newest, group, words))
    return Section(
        "life_stages",
        title,
        _sentence(data, newest, groups, words),
        _picture(data, groups, words, title),
        words.text("care.board.note"),
        lines=tuple(_line(data, newest, group, words) for group in groups),
        tables=(care_table(data, newest, words),),
    )


def _of(figures: Sequence[Figure], group: GroupLine, name: str) -> str:
    """The text of a group's figure, empty when it has none."""
    found = [f for f in figures if f.name == name and f.dimensions.get("group") in group.refs]
    return str(found[0].value) if found and found[0].value is not None else ""


def _urgency(data: ReportData, newest: Sequence[Figure], group: GroupLine, words: Words) -> tuple[int, int, str]:
    return -len(alarms(data, group, words)), list(COLOURS).index(_of(newest, group, "life_stage")), group.name


def _sentence(data: ReportData, newest: Sequence[Figure], groups: Sequence[GroupLine], words: Words) -> str:
    counts = Counter(_of(newest, group, "life_stage") for group in groups)
    told = words.text("report.comma").join(
        words.text("care.board.stage_count", stage=word(words, "stage", stage), count=counts[stage])
        for stage in COLOURS
        if counts[stage]
    )
    names = words.text("report.comma").join(group.name for group in groups if alarms(data, group, words))
    which = "alarm" if names else "calm"
    return words.text(f"care.board.sentence_{which}", groups=len(groups), stages=told, names=names)


def _line(data: ReportData, newest: Sequence[Figure], group: GroupLine, words: Words) -> str:
    ringing = words.text("report.comma").join(alarms(data, group, words))
    advice = _of(newest, group, "advice")
    # A group that talks and loses people is not to go on as it does.
    advice = "look" if ringing and advice == "keep" else advice
    return words.text(
        "care.board.line_alarm" if ringing else "care.board.line",
        group=group.name,
        alarms=ringing,
        stage=word(words, "stage", _of(newest, group, "life_stage")),
        why=word(words, "why", _of(newest, group, "life_stage_why")),
        advice=words.text(f"care.advice_{advice}", into=group_name(data, _of(newest, group, "advice_into"))),
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
