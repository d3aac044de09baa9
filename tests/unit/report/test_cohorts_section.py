"""Cohorts side by side in the report: lines end where a cohort has got to, honest words, cohorts of choice."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from qunflow.language import LANGUAGES, Catalogue, catalogue
from qunflow.report.model import ReportData
from qunflow.report.sections.cohort_lines import LOOKS, CohortLine, lines_svg
from qunflow.report.sections.cohorts import side_by_side
from qunflow.store.figures import Figure

SVG = "{http://www.w3.org/2000/svg}"


def cell(data: ReportData, cohort: str, day: int, people: int | None, size: int) -> Figure:
    value = None if people is None else people / size
    about = {"cohort": cohort, "day": str(day)}
    return Figure("n", "retention", "stay_rate", data.last_day, value, "rate", "history", about, people, size)


def only(data: ReportData, *figures: Figure, cohorts: tuple[str, ...] = ()) -> ReportData:
    return replace(data, figures=figures, cohorts=cohorts)


def test_six_points_among_a_hundred_may_be_luck(full: ReportData, zh: Catalogue) -> None:
    """The sentence names the two, the day and the points, and does not claim more than can be known."""
    data = only(full, cell(full, "2026-06-29", 7, 86, 100), cell(full, "2026-07-06", 7, 80, 100))

    section = side_by_side(data, zh)

    assert section.sentence == "07-06 这批比 06-29 那批，第 7 天在群率低 6 个百分点，可能只是波动。"
    assert [cell.main for cell in section.tables[0].rows[0]] == [
        "07-06 比 06-29",
        "-6.0 个百分点",
        "低，可能是波动",
    ]


def test_a_cell_that_has_not_come_due_is_not_drawn_and_not_compared(full: ReportData, zh: Catalogue) -> None:
    """The younger line is shorter by a day; the difference is told of the day both have reached."""
    young, old = "2026-07-06", "2026-06-29"
    cells = [cell(full, old, 1, 95, 100), cell(full, old, 7, 90, 100)]
    cells += [cell(full, young, 1, 90, 100), cell(full, young, 7, None, 100)]

    section = side_by_side(only(full, *cells), zh)

    lines = ElementTree.fromstring(section.picture).findall(f"{SVG}polyline")
    assert [len(line.get("points", "").split()) for line in lines] == [3, 2]
    assert "第 1 天" in section.sentence
    assert len(section.tables[0].rows) == 1


def test_cohorts_may_be_chosen(full: ReportData, zh: Catalogue) -> None:
    """Any two instead of the newest three; one that is not there is left out."""
    names = ("2026-01-05", "2026-01-12", "2026-01-19", "2026-01-26")
    cells = [cell(full, name, 1, 90 - 10 * place, 100) for place, name in enumerate(names)]

    newest = side_by_side(only(full, *cells), zh)
    chosen = side_by_side(only(full, *cells, cohorts=(names[3], names[0], "2020-01-06")), zh)

    assert [row[0].main for row in newest.tables[0].rows] == ["01-19 比 01-12", "01-26 比 01-19"]
    assert chosen.sentence.startswith("01-26 这批比 01-05 那批，第 1 天在群率低 30 个百分点，不像")
    assert len(newest.lines) == 1
    assert chosen.lines == ()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_one_cohort_alone_says_what_is_missing(full: ReportData, lang: str) -> None:
    """No picture of one line, no table of nothing."""
    words = catalogue(lang)
    section = side_by_side(only(full, cell(full, "2026-07-06", 7, 80, 100)), words)

    assert (section.sentence, section.picture, section.tables) == (words.text("compare.empty"), "", ())


def test_more_cohorts_than_can_be_told_apart_leave_the_newest() -> None:
    """Each line has a look of its own; a hostile name stays words."""
    lines = [CohortLine(f"<b>{number}", ((1, 0.9), (7, 0.5))) for number in range(7)]

    root = ElementTree.fromstring(lines_svg(lines, title="t", axis="{day} 天"))

    looks = [(one.get("stroke"), one.get("stroke-dasharray")) for one in root.findall(f"{SVG}polyline")]
    assert len(set(looks)) == len(LOOKS)
    assert "<b>6" in [element.text for element in root.iter(f"{SVG}text")]
