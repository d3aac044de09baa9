"""Every mistake in qunflow.yaml is told with its place, what was found, what is valid, and what was meant."""

from __future__ import annotations

import pickle
from datetime import date
from pathlib import Path

import pytest

from qunflow.errors import ConfigurationError
from qunflow.settings.checked import SettingsError
from qunflow.settings.scaffold import write_workspace
from qunflow.settings.workspace import QuietHours, load_workspace


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return write_workspace(tmp_path / "demo", None, date(2026, 3, 2))


def mistake(directory: Path, written: str, instead: str) -> SettingsError:
    """The error after replacing one piece of the demo's settings."""
    file = directory / "qunflow.yaml"
    text = file.read_text(encoding="utf-8")
    assert written in text
    file.write_text(text.replace(written, instead, 1), encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load_workspace(directory)
    return caught.value


def position(directory: Path, piece: str) -> tuple[int, int]:
    """Line and column, from 1, of a piece of the file as it is now."""
    lines = (directory / "qunflow.yaml").read_text(encoding="utf-8").splitlines()
    found = next((number, line.index(piece)) for number, line in enumerate(lines) if piece in line)
    return found[0] + 1, found[1] + 1


MISTAKES = [
    ("unknown key", "    rules:\n", "    ruels:\n", "ruels", "unknown key 'ruels'", "did you mean 'rules'"),
    ("bad enum", "type: 购物", "type: 购物型", "购物型", "found '购物型'", "valid: 购物, 资源, 成长"),
    ("text for number", "stock: 120", "stock: many", "many", "found 'many'", "a whole number"),
    ("number in quotes", "stock: 120", 'stock: "120"', '"120"', "found '120' (text)", "without quotes"),
    ("negative amount", "price_fen: 2990", "price_fen: -1", "-1", "found -1", "1 or more"),
    ("number for text", "brand: 小满生活", "brand: 365", "365", "found 365", 'in quotes: "365"'),
    ("bad zone", "zone: Asia/Shanghai", "zone: Asia/Peking", "Asia/Peking", "Asia/Peking", "IANA zone"),
    ("bad time", 'start: "21:00"', "start: 25:00", "25:00", "found '25:00'", "time of day in quotes"),
    ("bad day", "opened_on: 2026-01-01", "opened_on: soon", "soon", "found 'soon'", "a day such as 2026-03-05"),
    ("bad slug", 'key: "poster-a"', "key: Poster A", "Poster", "'Poster A'", "small letters"),
    ("bad address", '"https://shop', '"shop', '"shop', "shop.example.com", "starts with https"),
    ("unknown SOP", "sop: benefit-daily", "sop: benefit-dayly", "benefit-dayly", "unknown SOP", "'benefit-daily'?"),
    ("unknown offer", "offer: orange-5jin", "offer: orange-5", "orange-5", "unknown offer", "'orange-5jin'?"),
    ("unknown coupon", "coupon: orange3", "coupon: orange4", "orange4", "unknown coupon", "'orange3'?"),
    ("welcome coupon", "coupon: welcome3\n", "coupon: welcom\n", "welcom", "unknown coupon", "'welcome3'?"),
    ("final days", "{final_after_days: 3}", "{final_after_days: -1}", "-1", "found -1", "0 or more"),
    ("publish grade", "from_grade: never", "from_grade: E", "E", "found 'E'", "valid: never, A, B, C, D"),
    ("form community", "community: neighbours", "community: neighbors", "neighbors", "unknown community", "neighbours"),
    (
        "host",
        "redirect_hosts: [shop.example.com]",
        "redirect_hosts: [a.example.com]",
        "",
        "no short link",
        "redirect_h",
    ),
]


@pytest.mark.parametrize(("name", "written", "instead", "at", "problem", "step"), MISTAKES, ids=lambda value: None)
def test_a_mistake_says_where_and_what_and_what_is_valid(
    directory: Path, name: str, written: str, instead: str, at: str, problem: str, step: str
) -> None:
    """One wrong piece is reported at its own line and column with the valid words."""
    before = (directory / "qunflow.yaml").read_text(encoding="utf-8")
    error = mistake(directory, written, instead)
    first = error.mistakes[0]
    assert problem in first.problem
    assert step in first.next_step
    assert str(first) in str(error)
    if at:
        head = before[: before.index(written)] + instead[: instead.index(at)]
        assert (first.place.line, first.place.column) == (head.count("\n") + 1, len(head) - head.rfind("\n")), name
    assert first.place.file.endswith("qunflow.yaml")


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(directory: Path) -> None:
    """Nobody has to run the check once for every mistake."""
    file = directory / "qunflow.yaml"
    text = file.read_text(encoding="utf-8").replace("stock: 120", "stock: many").replace("type: 购物", "type: 小卖部")
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load_workspace(directory)
    assert [found.place.line for found in caught.value.mistakes] == sorted(
        found.place.line for found in caught.value.mistakes
    )
    assert len(caught.value.mistakes) == 2


def test_a_missing_key_is_told_with_its_chinese_meaning(directory: Path) -> None:
    """Whoever left something out reads what it is for."""
    error = mistake(directory, '        name: "小满老友会"\n', "")
    assert "'name' is missing in communities[0].groups[2]" in error.problem
    assert "群名称" in error.next_step


@pytest.mark.parametrize(
    ("written", "instead", "problem"),
    [
        ("    positioning: 给小区里要做饭的人，每天一样新鲜好价的东西，坏了就赔\n", "", "no positioning"),
        ("        sop: benefit-daily\n", "", "it has no SOP"),
    ],
)
def test_the_framework_comes_before_the_group(directory: Path, written: str, instead: str, problem: str) -> None:
    """A group without positioning or SOP cannot be opened, and the group's own line says so."""
    error = mistake(directory, written, instead)
    assert error.problem.startswith("group 'g1' cannot be opened") and problem in error.problem
    assert error.place is not None and error.place.line == position(directory, "- key: g1")[0]


def test_a_group_without_rules_cannot_be_opened(directory: Path) -> None:
    """群规 come first, at least one."""
    file = directory / "qunflow.yaml"
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    start = next(number for number, line in enumerate(lines) if "rules:" in line)
    file.write_text("".join(lines[:start] + lines[start + 4 :]), encoding="utf-8")
    with pytest.raises(SettingsError, match="community 'neighbours' has no rules"):
        load_workspace(directory)


@pytest.mark.parametrize(
    ("written", "instead", "problem"),
    [
        ("offer_on: 2026-03-06", "offer_on: 2026-03-04", "no warm-up before its offer"),
        ("closes_on: 2026-03-07", "closes_on: 2026-03-05", "closes before its offer"),
        ('chat_id: "wrDemoBenefit02"', 'chat_id: "wrDemoBenefit01"', "already that of group 'g1'"),
        ("- key: g2", "- key: g1", "'g1' a second time in groups"),
    ],
)
def test_contradictions_are_found(directory: Path, written: str, instead: str, problem: str) -> None:
    """What no single field can tell is still told."""
    assert problem in mistake(directory, written, instead).problem


def test_an_error_survives_the_way_between_processes(directory: Path) -> None:
    """An error keeps its places when Prefect pickles it."""
    error = mistake(directory, "stock: 120", "stock: many")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_an_unknown_key_names_the_nearest_one(directory: Path) -> None:
    """Asking a community for something that is not there names what is."""
    workspace = load_workspace(directory)
    with pytest.raises(ConfigurationError, match="did you mean 'orange-5jin'"):
        workspace.community().offer("orange-5jn")
    with pytest.raises(ConfigurationError, match="valid: neighbours"):
        workspace.community("nobody")


@pytest.mark.parametrize(
    ("at", "quiet"), [("20:59", False), ("21:00", True), ("03:00", True), ("07:59", True), ("08:00", False)]
)
def test_quiet_hours_span_midnight(at: str, quiet: bool) -> None:
    """免打扰 21:00–08:00 begins with its first minute and ends before its last."""
    from datetime import time

    assert QuietHours().covers(time.fromisoformat(at)) is quiet
