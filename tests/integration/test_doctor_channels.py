"""`qunflow doctor` on robots and services: it opens them, and sends only when it is asked to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from qunflow.cli import main
from qunflow.settings.environment import Environment
from qunflow.settings.scaffold import write_workspace
from tests.integration.channel_servers import Told, a_platform

CANARY = "c4n4ry-0123456789"
HERE = "  wecom: {enabled: true}\n"
LINES = """\
  robots:
    - {key: ops, platform: dingtalk}
    - {key: boss, platform: feishu}
  services: [{key: hook}]
"""


@pytest.fixture(scope="module")
def running() -> Iterator[Told]:
    """One server for all tests."""
    with a_platform() as found:
        yield found


@pytest.fixture
def directory(running: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with two robots and a service on this machine."""
    running.will()
    for name in Environment.model_fields:
        monkeypatch.delenv(f"QUNFLOW_{name.upper()}", raising=False)
    made = write_workspace(tmp_path / "demo", None, date(2026, 3, 2))
    file = made / "qunflow.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace(HERE, HERE + LINES, 1), encoding="utf-8")
    for name in ("ROBOT_OPS_ADDRESS", "ROBOT_OPS_SECRET", "ROBOT_BOSS_ADDRESS"):
        monkeypatch.setenv(f"QUNFLOW_{name}", CANARY)
    monkeypatch.setenv("QUNFLOW_SERVICE_HOOK_ADDRESS", f"{running.url.replace('http', 'json')}/{CANARY}")
    for platform in ("DINGTALK", "FEISHU"):
        monkeypatch.setenv(f"QUNFLOW_{platform}_BASE_URL", running.url)
    return made


def doctor(
    directory: Path, capsys: pytest.CaptureFixture[str], *options: str
) -> tuple[list[tuple[str, str, str]], str]:
    """Item, state and what was found, of everything about channels; and everything said."""
    with pytest.raises(SystemExit):
        main(["doctor", "-w", str(directory), "--json", *options])
    said = capsys.readouterr()
    items = json.loads(said.out)["items"]
    found = [(one["item"], one["state"], one["found"]) for one in items if one["item"].startswith("channel")]
    return found, said.out + said.err


def test_nothing_is_sent_unless_asked_for(directory: Path, running: Told, capsys: pytest.CaptureFixture[str]) -> None:
    """To look whether they can be opened takes no message."""
    (found,), _ = doctor(directory, capsys)
    assert found[:2] == ("channels", "ok")
    for name in ("robots.ops", "robots.boss", "services.hook"):
        assert name in found[2]
    assert running.seen() == []


def test_a_test_message_tells_how_it_ended(directory: Path, running: Told, capsys: pytest.CaptureFixture[str]) -> None:
    """One for each channel; a refusal is told with its code, and no secret with it."""
    refused = {"status": 200, "body": '{"errcode":310000,"errmsg":"keywords not in content"}'}
    running.will(refused, {"lost": True})
    found, said = doctor(directory, capsys, "--send-test")
    assert [state for _, state, _ in found] == ["ok", "bad", "bad", "ok"]
    assert "310000" in found[1][2]
    assert "no whole answer" in found[2][2]
    assert len(running.seen()) == 3
    assert CANARY not in said


def test_a_missing_address_is_told_by_its_variable(
    directory: Path, running: Told, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And then nothing is sent at all, not even through the others."""
    monkeypatch.delenv("QUNFLOW_ROBOT_BOSS_ADDRESS")
    ((item, state, what),), _ = doctor(directory, capsys, "--send-test")
    assert (item, state) == ("channels", "bad")
    assert "QUNFLOW_ROBOT_BOSS_ADDRESS" in what
    assert running.seen() == []
