"""What is ahead, in the report: one sentence and one picture, never a figure that is not there, never a name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from qunflow.language import LANGUAGES, Catalogue, catalogue
from qunflow.report.model import ReportData, Section
from qunflow.report.sections.outlook import churn_outlook, stay_outlook
from qunflow.report.sections.survival_curve import CurvePoint, curve_svg
from qunflow.store.figures import Figure

SVG = "{http://www.w3.org/2000/svg}"
Build = Callable[..., Section]


def words_of(picture: str) -> list[str]:
    """Every text a reader sees."""
    return [element.text or "" for element in ElementTree.fromstring(picture).iter(f"{SVG}text")]


def only(data: ReportData, *figures: Figure) -> ReportData:
    return replace(data, figures=figures)


def state(data: ReportData, name: str, key: str, found: int, needed: int | None = None) -> Figure:
    return Figure("n", "retention", name, data.last_day, found, "count", "history", {"state": key}, found, needed)


def test_the_forecast_is_one_sentence_with_its_range(full: ReportData, zh: Catalogue) -> None:
    """The farthest day, the share and how sure it is, in plain words."""
    section = stay_outlook(full, zh)

    assert section.sentence == "照最近几批人的走法，入群 90 天后大约还剩 55%，十次里有八次落在 46% 到 63% 之间。"
    assert words_of(section.picture)[-6:] == ["1 天", "7 天", "14 天", "30 天", "60 天", "90 天"]


def test_what_was_seen_is_solid_and_what_is_expected_dashed_in_its_band(full: ReportData, zh: Catalogue) -> None:
    """The solid line ends where the dashed one begins; only the expected days have a band and hollow dots."""
    root = ElementTree.fromstring(stay_outlook(full, zh).picture)
    dashed, solid = root.findall(f"{SVG}polyline")
    (band,) = root.findall(f"{SVG}polygon")

    assert dashed.get("stroke-dasharray")
    assert not solid.get("stroke-dasharray")
    assert solid.get("points", "").split()[-1] == dashed.get("points", "").split()[0]
    assert len(solid.get("points", "").split()) == 6
    assert len(band.get("points", "").split()) == 2 * len(dashed.get("points", "").split()) == 6
    assert [dot.get("fill") == "#ffffff" for dot in root.findall(f"{SVG}circle")] == [False] * 5 + [True] * 2


def test_a_day_that_has_not_come_due_is_not_drawn(full: ReportData, zh: Catalogue) -> None:
    """A mean without a value leaves no dot and no label; it is not taken for nothing."""
    blank = [
        replace(figure, value=None) if (figure.name, figure.dimensions.get("day")) == ("stay_reached", "30") else figure
        for figure in full.figures
    ]
    root = ElementTree.fromstring(stay_outlook(replace(full, figures=blank), zh).picture)

    assert len(root.findall(f"{SVG}circle")) == 6
    assert "30 天" not in words_of(stay_outlook(replace(full, figures=blank), zh).picture)


def test_an_expected_day_that_some_have_reached_is_not_drawn_twice(full: ReportData, zh: Catalogue) -> None:
    """Of a day older cohorts have reached the picture shows what was seen; what is expected of all is in the table."""
    early = Figure("n", "retention", "stay_forecast", full.last_day, 0.72, "rate", "history", {"day": "30"}, None, 812)
    bounds = [
        replace(early, name=f"stay_forecast_{end}", value=value) for end, value in (("low", 0.69), ("high", 0.75))
    ]
    section = stay_outlook(replace(full, figures=[*full.figures, early, *bounds]), zh)

    assert words_of(section.picture).count("30 天") == 1
    assert "72%" not in words_of(section.picture)
    assert "72%" in [row[1].main for table in section.tables for row in table.rows]


def test_high_risk_is_counted_and_nobody_is_named(full: ReportData, zh: Catalogue) -> None:
    """So many members may leave, so many of them will: a sentence, three bars, no more."""
    section = churn_outlook(full, zh)

    assert section.sentence == "12 位成员这周可能离开；照以往看，其中大约 4 位真的会走。"
    assert [word for word in words_of(section.picture) if "走" in word] == [
        "很可能走 12", "估计走 4 位", "有点像要走 80", "估计走 6 位", "不像要走 469", "估计走 5 位"
    ]  # fmt: skip


def test_a_week_without_high_risk_is_calm(full: ReportData, zh: Catalogue) -> None:
    """Nobody in the high band: the sentence tells how many will go all the same."""
    calm = [replace(f, value=0, numerator=0) if f.dimensions.get("band") == "high" else f for f in full.figures]

    assert churn_outlook(replace(full, figures=calm), zh).sentence == (
        "这周没有特别像要走的人；照以往看，全社群大约会走 11 位。"
    )


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(
    ("build", "name", "key"),
    [
        *((stay_outlook, "stay_forecast_state", key) for key in ("few_people", "few_days", "few_leavers", "told")),
        *((churn_outlook, "churn_state", key) for key in ("few_weeks", "few_leavers", "few_leavers_held_out")),
        *((churn_outlook, "churn_state", key) for key in ("not_better", "out_of_true")),
    ],
)
def test_without_a_figure_there_is_a_reason(full: ReportData, build: Build, name: str, key: str, lang: str) -> None:
    """Too little data, or a risk that is no better than the base rate: why, in words, and no picture."""
    section = build(only(full, state(full, name, key, 4, 50)), catalogue(lang))

    assert section.sentence
    assert (section.picture, section.tables) == ("", ())
    if key.startswith("few"):
        assert "4" in section.sentence
        assert "50" in section.sentence


def test_risks_of_an_older_day_are_not_told_as_todays(full: ReportData, zh: Catalogue) -> None:
    """Yesterday's bands stay behind when today's check says no."""
    today = state(full, "churn_state", "not_better", 561)
    yesterday = [replace(figure, as_of=full.first_day) for figure in full.figures]

    section = churn_outlook(only(full, *yesterday, today), zh)

    assert "不比按平均退群率猜更准" in section.sentence
    assert section.picture == ""


def test_the_axis_never_runs_words_into_each_other() -> None:
    """Early days lie close: a label that would touch the one before it is left out."""
    points = [CurvePoint(day, 1 - day / 100) for day in range(1, 31)]
    picture = curve_svg(points, [], title="t", names=("a", "b"), axis=[f"第 {p.day} 天" for p in points])
    places = sorted(
        float(element.get("x", "0"))
        for element in ElementTree.fromstring(picture).iter(f"{SVG}text")
        if (element.text or "").startswith("第")
    )

    assert len(places) > 3
    assert all(later - before >= 25 for before, later in pairwise(places))
