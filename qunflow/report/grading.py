"""
The small letter beside a figure: how complete the data of its day are, with its meaning in words.

A figure nobody graded carries a dash, never nothing: who reads it must know that it was not forgotten. What the grades
are made of is ``qunflow.community.completeness``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from qunflow.community.completeness import GRADES
from qunflow.report.model import Mark, Words
from qunflow.store.figure_grades import NAME, Grades
from qunflow.store.figures import Figure

UNGRADED = "–"


def mark(grade: str | None, words: Words) -> Mark:
    """The mark of a grade; a dash where there is none."""
    letter = grade or UNGRADED
    return Mark(letter, words.text("figures.mark", letter=letter, meaning=meaning(grade, words)))


def meaning(grade: str | None, words: Words) -> str:
    """What a grade says."""
    return words.text(f"figures.grade.{grade or 'none'}")


def mark_of(figure: Figure | None, words: Words) -> Mark | None:
    """The mark of one figure; a grade carries none of itself."""
    return None if figure is None or figure.name == NAME else mark(figure.grade, words)


def mark_of_all(figures: Iterable[Figure], words: Words) -> Mark | None:
    """One mark for what is drawn from several figures: the worst, and a dash where one of them is not graded."""
    found = {figure.grade for figure in figures if figure.name != NAME}
    if not found:
        return None
    return mark(None if None in found else max(str(one) for one in found), words)


def legend(words: Words) -> str:
    """What the letters mean, in one sentence."""
    return words.text("figures.legend", **{key: words.text(f"figures.grade.{key}") for key in (*GRADES, "none")})


@dataclass(frozen=True, slots=True)
class Graded:
    """
    What a run's Markdown says of its figures' data.

    Args:
        day: the day of the figures; ``grades`` are known of it, as far as it is over.
        behind: the latest day with a grade that the figures stand on, with its ``letter``; ``day`` where there is none.
    """

    day: date
    grades: Grades
    behind: date
    letter: str | None

    def head(self, words: Words) -> str:
        """One line for the top: the grade, and why figures of today have none."""
        letter = self.letter or UNGRADED
        told = words.text("figures.head", day=self.behind, letter=letter, meaning=meaning(self.letter, words))
        return told if self.behind == self.day else f"{told}{words.text('figures.day_running')}"

    def beside(self, **dimensions: str) -> str:
        """The letter beside a figure with these dimensions."""
        return f"〔{self.grades.of(dimensions) or UNGRADED}〕"
