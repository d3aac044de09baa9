"""Cohorts split in the report: a bar a part, honest about who is not known and about picking the two ends."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from qunflow.language import LANGUAGES, Catalogue, catalogue
from qunflow.report.model import ReportData
from qunflow.report.page import render_html
from qunflow.report.sections.parts import split_sections
from qunflow.retention.comparing import Reached, extremes
from qunflow.settings.workspace import SplitBy
from qunflow.store.figures import Figure
from qunflow.store.retention_dimensions import DIMENSIONS


def cell(data: ReportData, part: str, cohort: str, people: int | None, size: int, key: str = "channel") -> Figure:
    about = {key: part, "cohort": cohort, "day": "7"}
    value = None if people is None else people / size
    return Figure(
        "n", "retention_parts", "part_stay_rate", data.last_day, value, "rate", "history", about, people, size
    )


def test_each_part_is_one_bar_over_the_cohorts_that_have_come_due(full: ReportData, zh: Catalogue) -> None:
    """People weigh alike; a blank cell counts for nothing; names are the operator's; the unknown are told."""
    cells = [cell(full, "poster-a", "2026-02-16", 90, 100), cell(full, "poster-a", "2026-02-23", 40, 50)]
    cells += [cell(full, "checkout", "2026-02-16", 70, 100), cell(full, "checkout", "2026-02-23", None, 60)]
    cells.append(cell(full, "", "2026-02-16", 5, 20))

    (section,) = split_sections(replace(full, figures=cells), zh)

    assert section.sentence == "第 7 天在群率，电梯海报比收银台立牌高 16.7 个百分点，不像只是波动。"
    assert section.picture.index("电梯海报") < section.picture.index("收银台立牌") < section.picture.index("不明")
    assert "86.7% · 130/150" in section.picture
    assert section.lines[0].startswith("不明的有 20 人")


def test_parts_too_small_are_drawn_and_not_compared(full: ReportData, zh: Catalogue) -> None:
    """Twenty-nine people decide nothing."""
    cells = [
        cell(full, "pulled_in", "2026-02-16", 29, 29, "how"),
        cell(full, "self_joined", "2026-02-16", 1, 40, "how"),
    ]

    (section,) = split_sections(replace(full, figures=cells), zh)

    assert section.title == "留存：按主动还是被动入群分开看"
    assert section.sentence == zh.text("compare.parts.alone")
    assert "被动入群" in section.picture
    assert section.lines == ()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_report_has_such_a_section_only_where_something_was_split(full: ReportData, lang: str) -> None:
    """Nothing is asked of somebody who split nothing; days that have not come due say so."""
    words = catalogue(lang)
    assert split_sections(full, words) == ()
    early = replace(full, figures=[*full.figures, cell(full, "owner_lin", "2026-03-02", None, 9, "owner")])
    assert words.text("compare.parts.by_owner") in render_html([early], words, lang=lang)


def test_the_ends_of_many_parts_need_more_than_the_ends_of_two() -> None:
    """What settles two parts may be luck among ten."""
    ends = [Reached("high", 7, 50, 60), Reached("low", 7, 38, 60)]
    middle = [Reached(f"{number}", 7, 45, 60) for number in range(8)]

    alone, among = extremes(ends), extremes([*ends, *middle])

    assert alone is not None
    assert among is not None
    assert (alone.verdict, among.verdict) == ("higher", "maybe_higher")


def test_the_settings_know_what_the_store_can_split_by() -> None:
    """One list, said twice because settings come before the store."""
    assert set(get_args(SplitBy)) == set(DIMENSIONS)
