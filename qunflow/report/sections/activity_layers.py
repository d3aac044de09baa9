"""Who carries each group: core, regular, casual and silent members."""

from __future__ import annotations

from qunflow.report import select
from qunflow.report.charts import Bar, Part, bars_svg
from qunflow.report.model import GroupLine, ReportData, Section, Words
from qunflow.report.sections.care_tables import care_table, word
from qunflow.store.figures import Figure

_TONES = {"core": "good", "regular": "soft", "casual": "wait", "silent": "mute"}


def activity_layers(data: ReportData, words: Words) -> Section:
    """One stacked bar a group."""
    title = words.text("care.layers.title")
    newest = select.of_last_day(data.figures, "member_layer", "silent_members", "silent_days")
    bars = [bar for group in data.groups if (bar := _bar(newest, group, words)) is not None]
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
    picture = bars_svg(bars, title=title)
    table = care_table(data, newest, words)
    return Section("activity_layers", title, sentence, picture, words.text("care.layers.note"), tables=(table,))


def _bar(newest: list[Figure], group: GroupLine, words: Words) -> Bar | None:
    mine = [f for f in newest if f.dimensions.get("group") in group.refs and f.name != "silent_days"]
    people = {f.dimensions.get("layer", "silent"): float(f.value or 0) for f in mine}
    if not people:
        return None
    parts = tuple(Part(word(words, "layer", name), people.get(name, 0.0), tone) for name, tone in _TONES.items())
    return Bar(group.name, parts, f"{group.members:,}", full=float(group.members))
