"""``qunflow team``: links and codes for those in the settings, and for nobody else."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from qunflow.cli import main
from qunflow.settings.scaffold import write_workspace

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Runs ``qunflow team …`` in a workspace with one approver."""
    for name in [name for name in os.environ if name.startswith("QUNFLOW_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("QUNFLOW_WECOM_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("QUNFLOW_WECOM_CORP_ID", "ww1")
    monkeypatch.setenv("QUNFLOW_WECOM_SECRET", "s3cret")
    monkeypatch.setenv("QUNFLOW_WECOM_AGENT_ID", "1000002")
    monkeypatch.setenv("QUNFLOW_WEB_URL", "https://go.example.com")
    folder = tmp_path / "brand"
    write_workspace(folder, None, date(2026, 3, 2))
    settings = folder / "qunflow.yaml"
    alone = "team:\n  - {userid: li, name: 小李, roles: [approver, operator]}\n"
    settings.write_text(re.sub(r"team:\n(?:  - .*\n)+", alone, settings.read_text("utf-8")), "utf-8")
    shutil.copy(sqlite_template, folder / "state" / "qunflow.sqlite3")

    def run_team(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            main(["team", *words, "-w", str(folder)])
        said = capsys.readouterr()
        return int(end.value.code or 0), said.out.strip(), said.err

    return run_team


def test_the_team_is_listed_with_its_roles(run: Run) -> None:
    """In words a person reads."""
    code, out, _ = run("list")
    assert (code, "小李" in out, "审核、执行" in out) == (0, True, True)


def test_a_link_is_told_once_and_can_be_taken_back(run: Run) -> None:
    """A full address, another one each time."""
    first, second = run("link", "li")[1], run("link", "li")[1]
    assert re.fullmatch(r"https://go\.example\.com/in/[A-Za-z0-9_-]{43}", first)
    assert first != second
    assert "2" in run("revoke", "li")[1]


def test_a_code_can_be_typed(run: Run) -> None:
    """Nine letters and figures that are not mistaken for each other."""
    assert re.fullmatch(r"[2-9A-HJKMNP-TV-Z]{9}", run("code", "li")[1])


def test_somebody_who_is_not_in_the_team_gets_nothing(run: Run) -> None:
    """The error names who there is."""
    code, out, err = run("link", "wang")
    assert (code != 0, out, "there are: li" in err) == (True, "", True)
