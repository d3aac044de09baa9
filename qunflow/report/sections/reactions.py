"""Activities nobody reacted to: the reason that was found, what was changed, and what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from qunflow.report import select
from qunflow.report.charts import Bar, Part, bars_svg
from qunflow.report.grading import mark_of_all
from qunflow.report.model import ReportData, Section, Words
from qunflow.report.sections.care_tables import care_table, slot_title, word
from qunflow.store.figures import Figure

NAMES = ("no_reaction", "no_reaction_change", "reactions_since")
UNANSWERED = ("open", "skipped")


def told_back(data: ReportData, words: Words) -> Section:
    """What people found out and changed, told back to everybody who reads the report."""
    title = words.text("care.reactions.title")
    newest = select.of_last_day(data.figures, *NAMES)
    asked = [f for f in newest if f.name == "no_reaction"]
    if not asked:
        return Section("reactions", title, words.text("care.reactions.empty"))
    reasons = Counter(str(f.value) for f in asked)
    sentence = words.text(
        "care.reactions.sentence",
        asked=len(asked),
        answered=sum(count for reason, count in reasons.items() if reason not in UNANSWERED),
        changed=sum(f.name == "no_reaction_change" for f in newest),
    )
    bars = [
        Bar(word(words, "reason", reason), (Part("", float(count), _tone(reason)),), str(count))
        for reason, count in reasons.most_common()
    ]
    lines = tuple(_line(data, newest, one, words) for one in asked)
    picture = bars_svg(bars, title=title)
    mark, tables = mark_of_all(newest, words), (care_table(data, newest, words),)
    return Section("reactions", title, sentence, picture, lines=lines, tables=tables, mark=mark)


def _tone(reason: str) -> str:
    return "mute" if reason in UNANSWERED else "good"


def _line(data: ReportData, newest: Sequence[Figure], one: Figure, words: Words) -> str:
    reason, change = str(one.value), _same(newest, one, "no_reaction_change")
    which = reason if reason in UNANSWERED else "changed" if change is not None else "reason"
    told = words.text(
        f"care.reactions.line_{which}",
        title=slot_title(data, one.dimensions.get("slot", ""), words),
        reason=word(words, "reason", reason),
        change="" if change is None else change.value,
    )
    since = _same(newest, one, "reactions_since")
    if since is None:
        return told
    later = (
        words.text("care.reactions.since", posts=since.denominator, replies=since.numerator)
        if since.denominator
        else words.text("care.reactions.not_yet")
    )
    return f"{told} {later}" if words.lang == "en" else told + later


def _same(newest: Sequence[Figure], one: Figure, name: str) -> Figure | None:
    return next((f for f in newest if f.name == name and f.dimensions == one.dimensions), None)
