"""Pushes: what was planned, what became of it, and which owner keeps the plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from qunflow.report import select, wording
from qunflow.report.charts import Bar, Part, bars_svg
from qunflow.report.model import Cell, PushLine, ReportData, Section, Table, Words
from qunflow.report.tables import figures_table

NAMES = ("delivery_rate", "slots_planned", "slots_delivered", "overdue", "lateness_p95_s")
TONES = ("good", "wait", "bad")


def pushes(data: ReportData, words: Words) -> Section:
    """Completion by owner: delivered, waiting for somebody, missed."""
    title = words.text("report.pushes.title")
    tables = _tables(data, words)
    shown = [line for line in data.pushes if wording.push_state(line) not in ("cancelled", "planned")]
    if not shown:
        return Section("pushes", title, words.text("report.pushes.empty"), tables=tables)
    picture = bars_svg(owner_bars(shown, words), title=title)
    note = words.text("report.pushes.note")
    return Section("pushes", title, _sentence(shown, words), picture, note, tables=tables)


def owner_bars(lines: Iterable[PushLine], words: Words) -> list[Bar]:
    """One bar an owner, the lowest completion first."""
    by_owner: dict[str, list[PushLine]] = {}
    for line in lines:
        by_owner.setdefault(line.sender, []).append(line)
    owners = sorted(by_owner, key=lambda owner: (_rate(by_owner[owner]), owner))
    return [_owner_bar(owner, by_owner[owner], words) for owner in owners]


def _rate(lines: list[PushLine]) -> float:
    done, due = wording.completion(lines)
    return done / due if due else 0.0


def _owner_bar(owner: str, lines: list[PushLine], words: Words) -> Bar:
    seen = Counter(wording.push_tone(wording.push_state(line)) for line in lines)
    parts = tuple(Part(words.text(f"report.pushes.part.{tone}"), seen[tone], tone) for tone in TONES)
    done, due = wording.completion(lines)
    told = wording.share(done / due if due else None, words)
    return Bar(owner, parts, words.text("report.pushes.completion", rate=told, done=done, planned=due), full=len(lines))


def _sentence(lines: list[PushLine], words: Words) -> str:
    states = Counter(wording.push_state(line) for line in lines)
    done, due = wording.completion(lines)
    told = words.text(
        "report.pushes.sentence",
        planned=due,
        done=done,
        rate=wording.share(done / due if due else None, words),
        waiting=states["task_waiting"],
    )
    return told + (words.text("report.pushes.unknown_told", count=states["unknown"]) if states["unknown"] else "")


def _tables(data: ReportData, words: Words) -> tuple[Table, ...]:
    figures = figures_table(data, select.latest(data.figures, *NAMES), words)
    by_slot = slot_table(data, words)
    return tuple(table for table in (by_slot, figures) if table.rows)


def slot_table(data: ReportData, words: Words) -> Table:
    """The pushes of the period, gathered by day, slot and state."""
    gathered = Counter((line.day, line.at, line.slot, line.way, wording.push_state(line)) for line in data.pushes)
    rows = []
    for (day, at, slot, way, state), groups in sorted(gathered.items(), key=lambda item: item[0], reverse=True):
        name = data.slot_titles.get(slot, slot)
        rows.append(
            (
                Cell(name, f"{wording.short_day(day)} {at} · {words.text(f'report.way.{way}')}"),
                Cell(words.text(f"report.push.{state}"), tone=wording.push_tone(state)),
                Cell(words.text("report.pushes.groups", count=groups)),
            )
        )
    head = tuple(words.text(f"report.pushes.column.{key}") for key in ("slot", "state", "groups"))
    return Table(words.text("report.pushes.by_slot", count=len(rows)), head, tuple(rows))
