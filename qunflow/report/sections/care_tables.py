"""The words and folded tables of the sections on what is done about retention; its figures are often words."""

from __future__ import annotations

from collections.abc import Iterable

from qunflow.report import wording
from qunflow.report.grading import mark_of
from qunflow.report.model import Cell, ReportData, Table, Words
from qunflow.report.tables import day_and_source, group_name
from qunflow.store.figures import Figure

_WORDS_OF = {"life_stage": "stage", "life_stage_why": "why", "advice": "what", "no_reaction": "reason"}


def word(words: Words, kind: str, name: str) -> str:
    """The word of the catalogue for a name of an open list; a name nobody has written a word for, as it is."""
    key = f"care.{kind}.{name}" if words.has(f"care.{kind}.{name}") else f"care.{kind}_{name}"
    return words.text(key) if words.has(key) else name


def care_table(data: ReportData, figures: Iterable[Figure], words: Words) -> Table:
    """Every figure handed in with its value, its fraction and what it is about, to check a sentence by."""
    rows = tuple(
        (
            Cell(wording.known(words, "figure", figure.name), _about(data, figure, words)),
            Cell(_value(data, figure, words), wording.fraction(figure), mark=mark_of(figure, words)),
            day_and_source(data, figure, words),
        )
        for figure in figures
    )
    head = tuple(words.text(f"report.table.{key}") for key in ("figure", "value", "as_of"))
    return Table(words.text("report.table.all_figures", count=len(rows)), head, rows)


def slot_title(data: ReportData, slot_key: str, words: Words) -> str:
    """What people call a slot; what was sent beside Qunflow has none."""
    if not slot_key:
        return words.text("care.leaving.beside")
    return data.slot_titles.get(slot_key.rsplit("/", 1)[-1], slot_key)


def _value(data: ReportData, figure: Figure, words: Words) -> str:
    kind = _WORDS_OF.get(figure.name)
    if kind is not None:
        return word(words, kind, str(figure.value))
    if figure.name == "advice_into":
        return group_name(data, str(figure.value))
    small = figure.unit == "rate" and figure.value is not None and 0 < float(figure.value) < 0.001
    # A chance of one in a hundred thousand is not 0.
    return f"{float(figure.value or 0):.1e}" if small else wording.told(figure, words)


def _about(data: ReportData, figure: Figure, words: Words) -> str:
    known = {
        "group": lambda value: group_name(data, value),
        "slot": lambda value: slot_title(data, value, words),
        "layer": lambda value: word(words, "layer", value),
        "rule": lambda value: wording.known(words, "rule", value),
    }
    return " · ".join(known.get(key, str)(value) for key, value in figure.dimensions.items())
