"""What is done about retention, as people read it: a sentence and a picture each, and nothing that is not known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qunflow.language import LANGUAGES, Catalogue, catalogue
from qunflow.report.model import ReportData, Section
from qunflow.report.sections.activity_layers import activity_layers
from qunflow.report.sections.leave_alarms import leave_alarms
from qunflow.report.sections.life_stages import COLOURS, life_stages
from qunflow.report.sections.reactions import told_back

BUILDERS = (life_stages, leave_alarms, activity_layers, told_back)


def test_each_group_has_a_sentence_and_its_days(full: ReportData, zh: Catalogue) -> None:
    """The ringing group first, then the dead one; every day of the heat-map in the colour of its stage or empty."""
    board = life_stages(full, zh)

    assert board.sentence == "3 个群：没动静 1 个、广告泛滥 1 个、在聊 1 个；先看小满邻里·玉林2群。"
    assert [line.split("：")[0] for line in board.lines] == [
        "小满邻里·玉林2群",
        "小满会员·老友群",
        "小满邻里·春熙路1群",
    ]
    assert "建议并到“小满邻里·春熙路1群”" in board.lines[1]
    assert board.lines[0].endswith(
        "连着几天有人退；广告泛滥，广告比群友说的还多；先救一救，少发一半广告，每天一个大家接得上的话题，连看两周。"
    )
    assert board.picture.count("stroke-dasharray") == 3 * 7 - 4
    assert board.picture.count(COLOURS["dead"]) == 2


def test_the_push_before_the_leaves_is_one_sentence(full: ReportData, zh: Catalogue) -> None:
    """In local time, with what is usual, and whether it is chance; statistics are folded away."""
    told = leave_alarms(full, zh)

    assert told.sentence == (
        "小满邻里·玉林2群：03-07 20:00 的推送（秒杀开抢）后 24 小时走了 9 人，平常约 1.8 人。这么多不像碰巧。"
    )
    cells = {(row[0].main, row[1].main) for row in told.tables[0].rows}
    assert ("碰巧的可能", "1.0e-05") in cells
    assert "系统外群发" in told.picture


def test_a_window_that_may_be_chance_says_so(full: ReportData, zh: Catalogue) -> None:
    """No push is accused on numbers any day could show."""
    likely = [replace(f, value=0.6) if f.name == "push_chance_corrected" else f for f in full.figures]

    assert leave_alarms(replace(full, figures=likely), zh).sentence.endswith("也可能只是碰巧。")


def test_alarms_without_a_finished_window_accuse_nothing(full: ReportData, zh: Catalogue) -> None:
    """A group rings, and there is no push to look at yet."""
    without = [f for f in full.figures if f.name != "leaves_after_push"]

    assert leave_alarms(replace(full, figures=without), zh).sentence == zh.text("care.leaving.no_push")


def test_the_loop_is_told_back(full: ReportData, zh: Catalogue) -> None:
    """The reason, the change, and what came of it."""
    told = told_back(full, zh)

    assert told.lines == ("“日签”没人理：时间不对；改成：改到 20:30。改过以后发了 3 次，5 人回应。",)
    assert told.sentence == "1 个活动没人理，1 个问到了原因，1 个已经改了。"


def test_layers_tell_who_carries_the_groups(full: ReportData, zh: Catalogue) -> None:
    """Core members of all groups, and the silent ones with the days that make them so."""
    assert activity_layers(full, zh).sentence == "36 个核心群友做了八成的动作；27 人潜水，至少 30 天没动静。"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_without_figures_each_says_what_to_do(empty: ReportData, full: ReportData, lang: str) -> None:
    """Empty in words, never a zero; full in both languages."""
    for build in BUILDERS:
        nothing, something = build(empty, catalogue(lang)), build(full, catalogue(lang))
        assert isinstance(nothing, Section)
        assert (nothing.picture, bool(nothing.sentence)) == ("", True)
        assert something.picture.startswith("<svg")
        assert "None" not in something.sentence
