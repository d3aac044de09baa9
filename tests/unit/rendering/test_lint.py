"""The lint finds what the platform would refuse and what people should not read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from qunflow.errors import ConfigurationError
from qunflow.language import catalogue
from qunflow.rendering import lint
from qunflow.rendering.lint import BannedWord, banned_words


@dataclass(frozen=True)
class Message:
    text: str = "中午十二点见"
    attachments: Sequence[Mapping[str, Any]] = ()


def rules(message: Message, way: str = "mass_task") -> list[tuple[str, str]]:
    return [(finding.rule, finding.severity) for finding in lint(message, way)]


IMAGE = {"msgtype": "image", "image": {"media_id": "m"}}
LINK = {"title": "秒杀", "url": "https://q.example.com/s/x"}


@pytest.mark.parametrize(
    ("message", "found"),
    [
        (Message(), []),
        (Message("  "), [("empty", "critical")]),
        (Message("", [IMAGE]), []),
        (Message("群" * 1333), []),
        (Message("群" * 1334), [("too_long", "critical")]),
        (Message("a" * 4000), []),
        (Message(attachments=[IMAGE] * 9), []),
        (Message(attachments=[IMAGE] * 10), [("too_many_attachments", "critical")]),
        (Message(attachments=[{"msgtype": "link", "link": LINK}]), []),
        (Message(attachments=[{"msgtype": "link", "link": {"title": "x"}}]), [("attachment_incomplete", "critical")]),
        (
            Message(attachments=[{"msgtype": "link", "link": LINK | {"title": "群" * 43}}]),
            [("attachment_too_long", "critical")],
        ),
        (
            Message(attachments=[{"msgtype": "link", "link": LINK | {"desc": "群" * 171}}]),
            [("attachment_too_long", "critical")],
        ),
        (Message(attachments=[{"msgtype": "gif", "gif": {}}]), [("unknown_attachment", "critical")]),
        (Message(attachments=[{"msgtype": "file"}]), [("unknown_attachment", "critical")]),
        (Message("还剩 {{ left }} 份"), [("unfilled", "critical")] * 2),
        (Message("还剩 None 份"), [("unfilled", "critical")]),
        (Message("还剩 {left} 份"), [("unfilled", "critical")]),
        (Message("还剩 ${left} 份"), [("unfilled", "critical")]),
        (Message("还剩 %(left)s 份"), [("unfilled", "critical")]),
        (Message("奖品：【待填】"), [("unfilled", "critical")]),
        (Message("奖品：【福利】"), []),
        (Message("全\u200b网最低"), [("banned_word", "critical")]),
        (Message("全网最低"), [("banned_word", "critical")]),
        (Message("仅剩三份"), [("banned_word", "warning")]),
        (Message("打卡领红包 https://q.example.com/c/1"), [("reward_on_outside_link", "warning")]),
        (Message("打卡:https://q.example.com/c/1"), []),
    ],
)
def test_what_is_wrong_with_a_message(message: Message, found: list[tuple[str, str]]) -> None:
    """Bytes, not characters; critical where the platform or the law says no."""
    assert rules(message) == found


def test_a_person_may_shorten_what_the_platform_may_not() -> None:
    """Too long is a warning for a hand-send card only."""
    assert rules(Message("群" * 1334), "hand_send") == [("too_long", "warning")]


def test_a_notice_to_staff_is_cut_sooner() -> None:
    """An app message holds half as much, and half a notice is better than none."""
    assert rules(Message("a" * 2048), "staff_notice") == []
    assert rules(Message("a" * 2049), "staff_notice") == [("too_long", "warning")]


@pytest.mark.parametrize(
    ("text", "longest", "found"),
    [
        ("你" * 200, 200, []),
        ("你" * 201, 200, [("greeting_too_long", "warning")]),
        ("你" * 190 + " https://wework.qpic.cn/" + "x" * 40, 200, []),
        ("你" * 21, 20, [("greeting_too_long", "warning")]),
    ],
)
def test_a_welcome_is_short(text: str, longest: int, found: list[tuple[str, str]]) -> None:
    """Nobody scrolls through a greeting; its link does not count, and only a welcome is measured."""
    wrong = lint(Message(text), "welcome", longest_greeting=longest)
    assert [(one.rule, one.severity) for one in wrong] == found
    assert rules(Message(text), "mass_task") == []


@pytest.mark.parametrize("word", ["ABC降糖", "ａｂｃ降糖", "Abc\u2060降糖"])
def test_a_banned_word_is_found_however_it_is_spelt(word: str) -> None:
    """Capital, wide and hidden characters do not let it through."""
    banned = [BannedWord(word="abc降糖", severity="critical", rule="广告法")]
    assert [one.rule for one in lint(Message(f"我们的{word}茶"), "mass_task", banned)] == ["banned_word"]


def test_half_a_character_is_measured_and_does_not_break_the_lint() -> None:
    """A broken emoji from elsewhere is no traceback."""
    assert rules(Message("\ud83d" * 10)) == []


def test_a_finding_is_told_in_both_languages() -> None:
    """The person who approves reads what is wrong in words."""
    (finding,) = lint(Message("群" * 1334), "mass_task")
    assert "4002/4000 字节" in finding.text(catalogue("zh"))
    assert "4002/4000 bytes" in finding.text(catalogue("en"))


def test_a_workspace_adds_its_own_words(tmp_path: Path) -> None:
    """Words of both files count, and a broken file is told with its place."""
    file = tmp_path / "banned_words.yaml"
    file.write_text("words:\n  - {word: 亲, severity: critical, rule: 品牌口吻}\n", encoding="utf-8")
    assert [finding.rule for finding in lint(Message("亲,在吗"), "mass_task", banned_words([tmp_path]))] == [
        "banned_word"
    ]
    file.write_text("words:\n  - {word: 亲, severity: fatal, rule: x}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"banned_words\.yaml:2:\d+: found 'fatal'"):
        banned_words([tmp_path])
