"""Figures as plain JSON objects: for spreadsheets, scripts and comparisons."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from qunflow.report.grading import meaning
from qunflow.report.model import Words
from qunflow.store.figure_grades import NAME
from qunflow.store.figures import Figure


def listed(figures: Iterable[Figure], final: Callable[[Figure], bool], words: Words) -> list[dict[str, object]]:
    """
    One object a figure; a value that is not due is ``null``, never 0.

    So is the grade of a day nobody graded; ``grade_before`` is then that of the day before, where there is one.
    """
    return [
        {
            "community": figure.community,
            "stage": figure.stage,
            "name": figure.name,
            "dimensions": dict(figure.dimensions),
            "value": figure.value,
            "numerator": figure.numerator,
            "denominator": figure.denominator,
            "as_of": figure.as_of.isoformat(),
            "unit": figure.unit,
            "source": figure.source,
            "grade": figure.grade,
            "grade_before": figure.grade_before,
            "grade_meaning": "" if figure.name == NAME else meaning(figure.grade, words),
            "state": "final" if final(figure) else "open",
        }
        for figure in figures
    ]
