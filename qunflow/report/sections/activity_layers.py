"""Who carries each group: core, regular, casual and silent members."""

from __future__ import annotations

from collections import defaultdict

from qunflow.report import select
from qunflow.report.charts import Bar, Part, bars_svg
from qunflow.report.grading import mark_of_all
from qunflow.report.model import GroupLine, ReportData, Section, Words
from qunflow.report.sections.care_tables import care_table, word
from qunflow.store.figures import Figure

GROUPS_SHOWN = 40
_TONES = {"core": "good", "regular": "soft", "casual": "wait", "silent": "mute"}


def activity_layers(data: ReportData, words: Words) -> Section:
    """One stacked bar a group."""
    title = words.text("care.layers.title")
    newest = select.of_last_day(data.figures, "member_layer", "silent_members", "silent_days")
    people = _people(newest)
    bars = [bar for group in data.groups if (bar := _bar(people, group, words)) is not None]
    if not bars:
        return Section("activity_layers", title, words.text("care.layers.empty"))
    core = sum(int(f.value or 0) for f in newest if f.dimensions.get("layer") == "core")
    silent = [f for f in newest if f.name == "silent_members"]
    sentence = words.text(
        "care.layers.sentence",
        core=core,
        silent=sum(int(f.value or 0) for f in silent),
        days=select.people(select.one(newest, "silent_days")),
    )
    picture = bars_svg(bars[:GROUPS_SHOWN], title=title)
    table = care_table(data, newest, words)
    mark, note = mark_of_all(newest, words), words.text("care.layers.note")
    return Section("activity_layers", title, sentence, picture, note, tables=(table,), mark=mark)


def _people(newest: list[Figure]) -> dict[str, dict[str, float]]:
    """Group → layer → members."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for figure in newest:
        if "group" in figure.dimensions:
            found[figure.dimensions["group"]][figure.dimensions.get("layer", "silent")] = float(figure.value or 0)
    return found


def _bar(people: dict[str, dict[str, float]], group: GroupLine, words: Words) -> Bar | None:
    mine = next((people[ref] for ref in group.refs if ref in people), None)
    if mine is None:
        return None
    parts = tuple(Part(word(words, "layer", name), mine.get(name, 0.0), tone) for name, tone in _TONES.items())
    return Bar(group.name, parts, f"{group.members:,}", full=float(group.members))
