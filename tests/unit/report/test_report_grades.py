"""Every figure of the report says how complete its data are, and the engineer's part what changed since it was told."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from qunflow.community.completeness import GRADES
from qunflow.community.finality import Reason
from qunflow.language import LANGUAGES, Catalogue, catalogue
from qunflow.report.grading import UNGRADED, Graded, mark, mark_of_all
from qunflow.report.headline import completeness, tiles
from qunflow.report.listing import listed
from qunflow.report.model import ReportData
from qunflow.report.page import render_html
from qunflow.report.revisions import SHOWN, revisions_table
from qunflow.report.sections import sections
from qunflow.store.figure_changes import Change
from qunflow.store.figure_grades import Grades
from qunflow.store.figures import Figure

AT = datetime(2026, 3, 8, 2, 0, tzinfo=UTC)


def graded(data: ReportData, letter: str | None, **groups: str) -> ReportData:
    """The same figures with the community's grade, or their group's."""
    letters: dict[str | None, str | None] = {None: letter}
    letters.update(groups)
    return replace(
        data, figures=[replace(f, grade=letters.get(f.dimensions.get("group"), letter)) for f in data.figures]
    )


def change(data: ReportData, new: float | None = 0.5, **other: object) -> Change:
    base = Change(
        community="neighbours",
        stage="retention",
        name="stay_rate",
        as_of=data.last_day,
        dimensions={"cohort": "2026-03-02", "day": "3"},
        unit="rate",
        kind="changed",
        old=0.75,
        old_fraction=(3, 4),
        new=new,
        new_fraction=(2, 4),
        reason=Reason.LATE_EVENTS,
        run_id=17,
        told_at=AT,
        applied=True,
        settled_at=None,
    )
    return replace(base, **other)  # type: ignore[arg-type]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("letter", [*GRADES, None])
def test_every_figure_carries_its_letter_with_its_meaning(full: ReportData, lang: str, letter: str | None) -> None:
    """As many letters as tiles, pictures, groups and figures in tables; each says what it means without colour."""
    words, data = catalogue(lang), graded(full, letter)
    page = render_html([data], words, lang=lang)
    shown = re.findall(r'<abbr class="mark" title="([^"]+)" aria-label="([^"]+)">([^<]+)</abbr>', page)
    expected = mark(letter, words)
    assert {(title, spoken, drawn) for title, spoken, drawn in shown} == {
        (expected.meaning, expected.meaning, letter or UNGRADED)
    }
    built = sections(data, words)
    rows = sum(cell.mark is not None for one in built for table in one.tables for row in table.rows for cell in row)
    cards = sum(len(one.cards) for one in built if one.key == "groups") - 1  # one group was never scored
    assert len(shown) == rows + cards + sum(one.mark is not None for one in built) + len(tiles(data, words)) - 1
    assert rows > len(full.figures) // 2


def test_a_group_s_figures_carry_the_group_s_letter(full: ReportData, zh: Catalogue) -> None:
    """Two groups of one community may be known unequally well."""
    data = graded(full, "A", g1="B", g2="D")
    (board,) = (one for one in sections(data, zh) if one.key == "groups")
    assert {card.name: card.mark.letter for card in board.cards if card.mark} == {
        "小满邻里·春熙路1群": "B",
        "小满邻里·玉林2群": "D",
        "小满会员·老友群": "A",
    }


def test_a_picture_of_several_figures_carries_the_worst_of_their_letters(full: ReportData, zh: Catalogue) -> None:
    """One ungraded figure among them leaves the picture ungraded: it may be the worst."""
    one = next(f for f in full.figures if f.name == "stay_rate")

    def letter(*grades: str | None, before: str | None = None) -> str:
        found = mark_of_all([replace(one, grade=grade, grade_before=None if grade else before) for grade in grades], zh)
        assert found is not None
        return found.letter

    assert (letter("A", "C", "B"), letter("A", None), letter("A", "A")) == ("C", UNGRADED, "A")
    assert (letter("A", None, before="A"), letter("C", None, before="B")) == ("(A)", "C")
    assert mark_of_all([], zh) is None


def test_the_head_of_the_page_says_the_grade_of_the_last_day_that_has_one(full: ReportData, zh: Catalogue) -> None:
    """Letter, day and meaning in one sentence, and what all letters mean once a page."""
    day = full.last_day - timedelta(days=1)
    whole = Figure("neighbours", "acquisition", "completeness", day, "C", "text", "roster+callbacks+statistics")
    data = replace(full, figures=[*full.figures, whole])
    assert completeness(data, zh).startswith(f"C（{day}）")
    assert render_html([data], zh).count("数字旁的小字母") == 1


def test_open_and_final_figures_say_so(full: ReportData, zh: Catalogue) -> None:
    """A figure is final after the community's number of days, and the table says which are."""
    early = replace(full, made_at=datetime(2026, 3, 11, 15, 59, tzinfo=UTC))
    late = replace(full, made_at=datetime(2026, 3, 11, 16, 0, tzinfo=UTC))
    states = [
        {
            row[2].small.rsplit(" · ", 1)[1]
            for one in sections(data, zh)
            if one.key == "stay"
            for row in one.tables[0].rows
        }
        for data in (early, late, replace(late, final_after_days=9))
    ]
    assert states == [{"未定稿"}, {"已定稿"}, {"未定稿"}]


def test_engineers_see_what_changed_since_it_was_told(full: ReportData, zh: Catalogue) -> None:
    """Before and now, the reason, the instant and the run; what came too late says that it changed nothing."""
    late = change(full, 0.25, applied=False, reason=Reason.BACKFILL)
    gone = change(full, kind="gone", new=None, new_fraction=(None, None), run_id=None)
    table = revisions_table(replace(full, changes=[change(full), late, gone]), zh)
    cells = [[(cell.main, cell.small) for cell in row] for row in table.rows]
    figure = ("在群率", "03-08 · 03-02 入群 · 3 日")
    assert cells == [
        [figure, ("75% → 没有这一格", ""), ("有迟到的事件", "03-08 10:00")],
        [figure, ("75% → 25%", "来晚了：已定稿，不改"), ("补跑", "03-08 10:00 · 第 17 次运行")],
        [figure, ("75% → 50%", ""), ("有迟到的事件", "03-08 10:00 · 第 17 次运行")],
    ]
    assert any(table in one.tables for one in sections(replace(full, changes=[change(full), late, gone]), zh))


def test_figures_completed_after_their_day_are_counted_and_not_listed(full: ReportData, zh: Catalogue) -> None:
    """What was told while its day went on is no news; a long list is cut and says so."""
    changes = [change(full, reason=Reason.DAY_WENT_ON)] * 7 + [change(full)] * (SHOWN + 5)
    table = revisions_table(replace(full, changes=changes), zh)
    assert len(table.rows) == SHOWN
    assert f"{SHOWN + 5} 处" in table.summary and "另有 7 处" in table.summary and str(SHOWN) in table.summary


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_reason_grade_and_state_has_its_words(lang: str) -> None:
    """Nobody meets an identifier where a sentence should be."""
    words = catalogue(lang)
    keys = [f"reason.{one}" for one in Reason] + [f"grade.{one}" for one in (*GRADES, "none")]
    assert all(words.has(f"figures.{key}") for key in [*keys, "state.open", "state.final"])


def test_the_list_of_figures_has_grade_and_state(full: ReportData, zh: Catalogue) -> None:
    """Scripts read the letter, its meaning and whether the figure may still change."""
    one = next(f for f in full.figures if f.name == "stay_rate")
    found = listed([replace(one, grade="B"), one], lambda figure: figure.grade == "B", zh)
    assert [(row["grade"], row["state"]) for row in found] == [("B", "final"), (None, "open")]
    assert str(found[0]["grade_meaning"]).startswith("三处相差")


def test_the_pages_of_a_run_say_the_grade_they_stand_on_and_the_letter_of_each_figure(zh: Catalogue) -> None:
    """While a day goes on its figures carry the letter of the day before in brackets, and the page says why."""
    day, b = date(2026, 3, 8), Grades("B", {"g1": "D"})
    running, over = Graded(day, Grades(), b), Graded(date(2026, 3, 7), b, Grades("A"))
    assert "2026-03-07 是 B" in running.head(zh) and "要等过完才评" in running.head(zh)
    assert "2026-03-07 是 B" in over.head(zh) and "要等过完才评" not in over.head(zh)
    letters = [(one.beside(), one.beside(group="g1"), one.beside(group="g2")) for one in (running, over)]
    assert letters == [("〔(B)〕", "〔(D)〕", "〔–〕"), ("〔B〕", "〔D〕", "〔–〕")]
    assert "2026-03-08 是 –（这一天还没评过）" in Graded(day, Grades(), Grades()).head(zh)


def test_a_figure_of_a_day_that_goes_on_carries_the_day_before_s_letter_in_brackets(zh: Catalogue) -> None:
    """It is said that the letter is not the day's own."""
    found = mark(None, zh, "B")
    assert (found.letter, found.meaning) == ("(B)", "这一天还没评；前一天的数据完整度 B：三处相差不超过百分之一的人")
