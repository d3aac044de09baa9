"""The report page: full, empty and immature data; safe, small, self-contained, readable in both languages."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from qunflow.language import LANGUAGES, Catalogue, catalogue
from qunflow.language import sentences as texts
from qunflow.report import select
from qunflow.report.model import CheckLine, GroupLine, PushLine, ReportData
from qunflow.report.page import render_html
from qunflow.report.sections import sections
from qunflow.report.sections.acquisition import funnel_rows
from qunflow.report.wording import completion, push_state
from qunflow.store.figures import Figure

HOSTILE = "<img src=x onerror=alert(1)>\"'&</svg>"


class Tags(HTMLParser):
    """Collects the tags of a page and checks that they close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta", "br", "img", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def tags_of(page: str) -> Tags:
    """The tags of a page, all closed."""
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    return tags


def sentence(data: ReportData, words: Catalogue, key: str) -> str:
    """The sentence of one section."""
    return next(section.sentence for section in sections(data, words) if section.key == key)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_full_report_is_small_whole_and_needs_no_network(full: ReportData, lang: str) -> None:
    """Under 500 kB, well-formed, every section with its picture or cards, nothing loaded from anywhere."""
    page = render_html([full], catalogue(lang), lang=lang)
    assert len(page.encode()) < 500_000
    tags = tags_of(page)
    assert not {"script", "link", "iframe", "img"} & {tag for tag, _ in tags.seen}
    addresses = {value for _, attrs in tags.seen for name, value in attrs.items() if name in ("src", "href", "action")}
    assert addresses == set()
    assert set(re.findall(r"https?://[^\"'\s<]+", page)) <= {"http://www.w3.org/2000/svg"}
    assert all(section.picture or section.cards for section in sections(full, catalogue(lang)))
    assert "None" not in page


@pytest.mark.parametrize("lang", LANGUAGES)
def test_an_empty_report_says_what_to_do_next(empty: ReportData, lang: str) -> None:
    """On the first day every section has a sentence and no picture, and nothing is 0 %."""
    page = render_html([empty], catalogue(lang), lang=lang)
    tags_of(page)
    assert not any(section.picture or section.cards for section in sections(empty, catalogue(lang)))
    assert "0%" not in re.sub(r"<style>.*?</style>", "", page, flags=re.S)


def test_immature_figures_are_blank_and_never_zero(full: ReportData, zh: Catalogue) -> None:
    """When nothing is due yet, pictures are drawn with 未到期 and the sentences draw no conclusion."""
    young = [replace(f, value=None, numerator=None, denominator=None) for f in full.figures if f.unit == "rate"]
    data = replace(full, figures=young)
    assert "未到期" in render_html([data], zh)
    assert "还没有哪一批" in sentence(data, zh, "stay")
    stay = next(section for section in sections(data, zh) if section.key == "stay")
    assert "0%" not in stay.picture


def test_hostile_names_are_shown_as_they_are(full: ReportData, zh: Catalogue) -> None:
    """A group, brand, channel, owner or reason that looks like markup is text everywhere."""
    group = GroupLine(HOSTILE, "benefit_group", HOSTILE, 3, ("g1",))
    push = PushLine(full.last_day, "12:00", HOSTILE, HOSTILE, "mass_task", HOSTILE, "sent", "waiting")
    data = replace(full, brand=HOSTILE, community=HOSTILE, positioning=HOSTILE, groups=(group,), pushes=(push,))
    data = replace(data, channel_names=dict.fromkeys(full.channel_names, HOSTILE))
    page = render_html([data], zh)
    tags = tags_of(page)
    assert "img" not in {tag for tag, _ in tags.seen}
    assert not any(name.startswith("on") for _, attrs in tags.seen for name in attrs)


def test_a_created_task_is_never_called_sent(full: ReportData, zh: Catalogue) -> None:
    """任务已建,等群主确认: the words for a mass task nobody has confirmed."""
    line = PushLine(full.last_day, "12:00", "flash_sale", "一群", "mass_task", "owner_zhou", "sent", "waiting")
    assert push_state(line) == "task_waiting"
    page = render_html([replace(full, pushes=(line,))], zh)
    assert "任务已建,等群主确认".replace(",", "\uff0c") in page
    assert "发送成功" not in page


@pytest.mark.parametrize(
    ("state", "outcome", "way", "told"),
    [
        ("approved", "waiting", "mass_task", "planned"),
        ("intent", "waiting", "mass_task", "unknown"),
        ("unknown", "waiting", "mass_task", "unknown"),
        ("sent", "waiting", "hand_send", "card_waiting"),
        ("reconciled", "delivered", "mass_task", "delivered"),
        ("refused", "waiting", "mass_task", "refused"),
        ("sent", "over_quota", "mass_task", "over_quota"),
        ("cancelled", "cancelled", "mass_task", "cancelled"),
        ("skipped", "waiting", "mass_task", "skipped"),
    ],
)
def test_every_state_of_a_push_has_its_words(
    full: ReportData, zh: Catalogue, state: str, outcome: str, way: str, told: str
) -> None:
    """Store states become operator's words, in both languages."""
    line = PushLine(full.last_day, "12:00", "s", "g", way, "o", state, outcome)
    assert push_state(line) == told
    assert all(catalogue(lang).has(f"report.push.{told}") for lang in LANGUAGES)


def test_completion_counts_what_is_due(full: ReportData) -> None:
    """已发出 ÷ 应发: one that still has time does not count yet, a late one counts, a withdrawn one never."""
    line = PushLine(full.last_day, "12:00", "s", "g", "mass_task", "o", "sent", "waiting")
    done = replace(line, outcome="delivered")
    late = replace(line, late=True)
    withdrawn = replace(late, state="cancelled", outcome="cancelled")
    assert completion([line, done, late, withdrawn]) == (1, 2)
    assert completion([line, withdrawn]) == (0, 0)
    assert push_state(replace(late, state="approved")) == "missed"


def test_a_funnel_with_a_channel_that_is_not_due_has_no_false_sum(full: ReportData, zh: Catalogue) -> None:
    """The row of all channels leaves a step open when one of them is open: a partial sum would look like a loss."""
    rows = funnel_rows(full, zh)
    assert rows[0].steps == (482, 410, 275, None)


def test_small_samples_show_their_people(full: ReportData, zh: Catalogue) -> None:
    """A rate over fewer than 30 people is followed by how many of how many."""
    few = next(f for f in full.figures if f.name == "join_rate" and f.dimensions["channel"] == "")
    assert few.denominator == 11
    assert "54.5%\uff086/11\uff09" in render_html([full], zh)


def test_an_alarm_that_has_passed_is_not_repeated(full: ReportData, zh: Catalogue) -> None:
    """Only alarms of the newest day ring; the group that needs somebody stands first."""
    board = next(section for section in sections(full, zh) if section.key == "groups")
    assert (board.cards[0].name, len(board.cards[0].alarms)) == ("小满邻里·玉林2群", 1)
    assert sum(len(card.alarms) for card in board.cards) == 1
    assert "其中老成员 7/180" in board.cards[0].facts


def test_the_newest_figure_wins(full: ReportData, zh: Catalogue) -> None:
    """Of two figures with the same name and dimensions the later day is shown, whatever their order."""
    old = next(f for f in full.figures if f.name == "enrolled")
    older = replace(old, as_of=old.as_of - timedelta(days=1), value=99_999)
    for figures in ([*full.figures, older], [older, *full.figures]):
        assert "131 人" in sentence(replace(full, figures=figures), zh, "weekly")


def test_every_figure_is_in_a_folded_table(full: ReportData, zh: Catalogue) -> None:
    """Nobody has to trust a picture: value and fraction of each shown figure are below it."""
    shown = {row[0].main for section in sections(full, zh) for table in section.tables for row in table.rows}
    for name in {f.name for f in full.figures}:
        assert zh.text(f"report.figure.{name}") in shown


def test_an_unknown_figure_or_rule_is_shown_by_its_own_name(full: ReportData, zh: Catalogue) -> None:
    """A stage that records something new does not break the report."""
    base = next(f for f in full.figures if f.name == "alarm")
    new = replace(base, dimensions={"group": "g2", "rule": "brand_new_rule"})
    assert "brand_new_rule" in render_html([replace(full, figures=[*full.figures, new])], zh)


@pytest.mark.parametrize(("lang", "told"), [("zh", "没有人在群里又入群"), ("en", "nobody joins while in")])
def test_a_check_is_told_once_in_the_reader_s_words(full: ReportData, lang: str, told: str) -> None:
    """A check that failed on several days is one row, in the words its author gave it, with what it saw last."""
    said = {"zh": "没有人在群里又入群", "en": "nobody joins while in"}
    days = [full.last_day - timedelta(days=back) for back in range(3)]
    failed = [
        CheckLine("retention", "in", "max(x)", "warning", False, True, 0, day, said, f"seen {day}") for day in days
    ]
    page = render_html([replace(full, checks=failed)], catalogue(lang), lang=lang)
    assert page.count(told) == 1
    assert f"seen {full.last_day}" in page
    assert "max(x)" not in page


def test_money_that_is_not_due_is_blank(full: ReportData, zh: Catalogue) -> None:
    """Before the offer opens there is no ¥0: nothing is known yet."""
    figures = [replace(f, value=None) if f.stage == "conversion" else f for f in full.figures]
    page = render_html([replace(full, figures=figures)], zh)
    assert "¥0" not in page
    assert "还没到开售日" in page


def test_two_communities_make_one_page(full: ReportData, empty: ReportData, zh: Catalogue) -> None:
    """A workspace with several communities gets one part each."""
    page = render_html([full, empty], zh)
    assert len([tag for tag, _ in tags_of(page).seen if tag == "main"]) == 2


@pytest.mark.parametrize("area", ["report", "web"])
def test_both_languages_have_every_sentence_with_the_same_blanks(area: str) -> None:
    """A text that exists in one language exists in the other, with the same placeholders."""
    zh, en = (texts(area, lang) for lang in LANGUAGES)
    assert set(zh) == set(en)
    blanks = re.compile(r"\{(\w+)\}")
    assert {key for key in zh if set(blanks.findall(zh[key])) != set(blanks.findall(en[key]))} == set()


def test_money_is_in_yuan_and_refunds_stand_apart(full: ReportData, zh: Catalogue) -> None:
    """Revenue is what was paid; refunds are listed, not deducted."""
    told = sentence(full, zh, "conversion")
    assert "¥1,405.30" in told
    assert "¥59.80" in told


def test_the_same_data_gives_the_same_page(full: ReportData, zh: Catalogue) -> None:
    """Two renderings are equal byte for byte, also when the figures come in another order."""
    turned: list[Figure] = list(reversed(full.figures))
    assert render_html([full], zh) == render_html([replace(full, figures=turned)], zh)


def test_days_in_a_table_follow_each_other_as_numbers(full: ReportData) -> None:
    """Day 3 comes before day 14, and the order of the figures given does not matter."""
    means = [
        Figure("n", "retention", "mean_stay_rate", full.last_day, 0.5, "rate", "history", {"day": day})
        for day in ("14", "1", "30", "7", "3")
    ]

    assert [one.dimensions["day"] for one in select.latest(means, "mean_stay_rate")] == ["1", "3", "7", "14", "30"]
