"""Groups of other platforms: no chat id, perhaps a robot; every mistake with its place."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from qunflow.settings.checked import SettingsError
from qunflow.settings.scaffold import write_workspace
from qunflow.settings.workspace import Workspace, load_workspace

CHAT = 'chat_id: "wrDemoBenefit01"'


def with_chat_line(tmp_path: Path, instead: str) -> Workspace:
    """The demo's settings with other words for the chat id of its first group."""
    directory = write_workspace(tmp_path / "demo", None, date(2026, 3, 2))
    file = directory / "qunflow.yaml"
    text = file.read_text(encoding="utf-8")
    assert CHAT in text
    file.write_text(text.replace(CHAT, instead, 1), encoding="utf-8")
    return load_workspace(directory)


def test_a_group_of_another_platform_needs_no_chat_id(tmp_path: Path) -> None:
    """A QQ group is reached by hand; a group without a word about it is WeCom's."""
    first, *others = with_chat_line(tmp_path, "platform: qq").communities[0].groups
    assert (first.platform, first.chat_id) == ("qq", "")
    assert {one.platform for one in others} == {"wecom"}


@pytest.mark.parametrize(
    ("instead", "problem", "step"),
    [
        ("platform: wecom", "has no chat_id", "name its platform"),
        ("platform: qqq", "found 'qqq'", "valid: wecom, wechat, qq"),
        (f"{CHAT}\n        robot: opps", "unknown robot 'opps'", "valid"),
    ],
)
def test_a_mistake_about_a_group_s_platform_has_its_place(
    tmp_path: Path, instead: str, problem: str, step: str
) -> None:
    """A group of WeCom without chat id, a platform and a robot nobody knows."""
    with pytest.raises(SettingsError) as caught:
        with_chat_line(tmp_path, instead)
    said = str(caught.value)
    assert "qunflow.yaml:" in said
    assert problem in said
    assert step in said
