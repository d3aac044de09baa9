"""
The small letter beside a figure: how complete the data of its day are, with its meaning in words.

A figure nobody graded carries a dash, never nothing: who reads it must know that it was not forgotten. What the grades
are made of is ``qunflow.community.completeness``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from qunflow.community.completeness import GRADES
from qunflow.report.model import Mark, Words
from qunflow.store.figure_grades import NAME, Grades
from qunflow.store.figures import Figure

UNGRADED = "–"


def letter_of(grade: str | None, before: str | None = None) -> str:
    """The letter; in brackets that of the day before where the day has none, a dash where neither has."""
    return grade or (f"({before})" if before else UNGRADED)


def mark(grade: str | None, words: Words, before: str | None = None) -> Mark:
    """The mark of a grade, or of the day before's where there is none; a dash without either."""
    letter = letter_of(grade, before)
    if grade or not before:
        return Mark(letter, words.text("figures.mark", letter=letter, meaning=meaning(grade, words)))
    return Mark(letter, words.text("figures.mark_before", letter=before, meaning=meaning(before, words)))


def meaning(grade: str | None, words: Words) -> str:
    """What a grade says."""
    return words.text(f"figures.grade.{grade or 'none'}")


def mark_of(figure: Figure | None, words: Words) -> Mark | None:
    """The mark of one figure; a grade carries none of itself."""
    return None if figure is None or figure.name == NAME else mark(figure.grade, words, figure.grade_before)


def mark_of_all(figures: Iterable[Figure], words: Words) -> Mark | None:
    """One mark for what is drawn from several figures: that of the worst, and a dash where one has no letter at all."""
    known = [figure for figure in figures if figure.name != NAME]
    return mark_of(max(known, key=_badness, default=None), words)


def _badness(figure: Figure) -> tuple[str, bool]:
    # A dash sorts behind every letter.
    return figure.grade or figure.grade_before or UNGRADED, figure.grade is None


def legend(words: Words) -> str:
    """What the letters mean, in one sentence."""
    return words.text("figures.legend", **{key: words.text(f"figures.grade.{key}") for key in (*GRADES, "none")})


@dataclass(frozen=True, slots=True)
class Graded:
    """
    What a run's Markdown says of its figures' data.

    Args:
        day: the day of the figures; ``grades`` are known of it, once it is over, and ``before`` of the day before.
    """

    day: date
    grades: Grades
    before: Grades

    def head(self, words: Words) -> str:
        """One line for the top: the grade, or that of the day before with a word on why today has none."""
        if self.grades.community or not self.before.community:
            return _head(self.day, self.grades.community, words)
        before = _head(self.day - timedelta(days=1), self.before.community, words)
        return f"{before}{words.text('figures.day_running')}"

    def beside(self, **dimensions: str) -> str:
        """The letter beside a figure with these dimensions."""
        return f"〔{letter_of(self.grades.of(dimensions), self.before.of(dimensions))}〕"


def _head(day: date, grade: str | None, words: Words) -> str:
    return words.text("figures.head", day=day, letter=letter_of(grade), meaning=meaning(grade, words))
