"""Leave alarms with what was posted before the leaves: one sentence a ringing group, seen against usual."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from qunflow.report import select
from qunflow.report.charts import Bar, Part, bars_svg
from qunflow.report.grading import mark_of_all
from qunflow.report.model import ReportData, Section, Words
from qunflow.report.sections.care_tables import care_table, slot_title
from qunflow.report.tables import group_name
from qunflow.store.figures import Figure

NAMES = (
    "leaves_after_push",
    "leaves_expected",
    "leaves_expected_low",
    "leaves_expected_high",
    "push_chance",
    "push_chance_corrected",
    "windows_looked_at",
)
# Below this chance, corrected for all pushes looked at, so many leaves are told as hardly chance.
UNUSUAL = 0.05
SHOWN = 6


def leave_alarms(data: ReportData, words: Words) -> Section:
    """After which pushes people left the groups that ring."""
    title = words.text("care.leaving.title")
    newest = select.of_last_day(data.figures, *NAMES, "alarm")
    figures = [figure for figure in newest if figure.name in NAMES]
    seen = sorted((f for f in figures if f.name == "leaves_after_push"), key=lambda f: _rank(figures, f))
    if not seen:
        rings = any(f.value for f in newest if f.name == "alarm")
        return Section("leave_alarms", title, words.text(f"care.leaving.{'no_push' if rings else 'empty'}"))
    first_of = {f.dimensions["group"]: f for f in reversed(seen)}
    told = [_sentence(data, figures, one, words) for one in seen if first_of[one.dimensions["group"]] is one][:SHOWN]
    picture = bars_svg([_bar(data, figures, one, words) for one in seen[:SHOWN]], title=title)
    table = care_table(data, figures, words)
    note = words.text("care.leaving.note")
    mark = mark_of_all(figures, words)
    return Section("leave_alarms", title, told[0], picture, note, lines=tuple(told[1:]), tables=(table,), mark=mark)


def _rank(figures: Sequence[Figure], one: Figure) -> tuple[float, str]:
    chance = _beside(figures, one, "push_chance")
    return 1.0 if chance is None else chance, one.dimensions["at"]


def _beside(figures: Sequence[Figure], one: Figure, name: str) -> float | None:
    """Another figure of the same window."""
    same = next((f for f in figures if f.name == name and f.dimensions == one.dimensions), None)
    return select.amount(same)


def _when(data: ReportData, one: Figure) -> str:
    at = datetime.fromisoformat(one.dimensions["at"]).astimezone(ZoneInfo(data.zone))
    return f"{at:%m-%d %H:%M}"


def _sentence(data: ReportData, figures: Sequence[Figure], one: Figure, words: Words) -> str:
    expected, corrected = _beside(figures, one, "leaves_expected"), _beside(figures, one, "push_chance_corrected")
    told = words.text(
        "care.leaving.sentence",
        group=group_name(data, one.dimensions["group"]),
        when=_when(data, one),
        push=slot_title(data, one.dimensions["slot"], words),
        leaves=select.people(one),
        usual=words.text("report.unknown") if expected is None else f"{expected:.1f}".removesuffix(".0"),
    )
    how = "low" if corrected is not None and corrected < UNUSUAL else "high"
    return (
        f"{told} {words.text(f'care.leaving.chance_{how}')}"
        if words.lang == "en"
        else told + words.text(f"care.leaving.chance_{how}")
    )


def _bar(data: ReportData, figures: Sequence[Figure], one: Figure, words: Words) -> Bar:
    expected = _beside(figures, one, "leaves_expected") or 0.0
    leaves = float(select.people(one) or 0)
    label = f"{_when(data, one)} {slot_title(data, one.dimensions['slot'], words)}"
    usual = Part(words.text("care.leaving.usual"), min(expected, leaves), "mute")
    more = Part(words.text("care.leaving.seen"), max(leaves - expected, 0.0), "bad")
    return Bar(label, (usual, more), f"{leaves:g} / {expected:.1f}")
