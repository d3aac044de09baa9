"""``qunflow import events`` and ``qunflow retention`` as an operator meets them."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path

import pytest

from qunflow.cli import main
from qunflow.settings.scaffold import write_workspace

MAP = "actor=成员,event=事件,at=时间,group=群"
LOG = """成员,事件,时间,群
1,入群,2026-01-05 10:00,小满邻里
1,发言,2026-01-06 10:00,小满邻里
2,发言,2026-02-01 10:00,小满邻里
2,发言,不知道,小满邻里
"""


@pytest.fixture
def brand(tmp_path: Path, sqlite_template: Path) -> Path:
    """A workspace with an empty database."""
    variables = {
        "QUNFLOW_WECOM_BASE_URL": "http://127.0.0.1:9",
        "QUNFLOW_WECOM_CORP_ID": "wwtest",
        "QUNFLOW_WECOM_SECRET": "test-secret",
        "QUNFLOW_WECOM_AGENT_ID": "1000002",
    }
    folder = write_workspace(tmp_path / "brand", None, date(2026, 1, 1), variables=variables)
    shutil.copy(sqlite_template, folder / "state" / "qunflow.sqlite3")
    return folder


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A small log with one bad row, as Excel in China writes it."""
    path = tmp_path / "旧工具.csv"
    path.write_text(LOG, encoding="gbk")
    return path


def run(*tokens: object) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(token) for token in tokens])
    return int(left.value.code or 0)


def test_an_import_shows_what_it_found_and_what_it_did(
    brand: Path, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Mapping, counts and bad rows are on the screen; no id of a member is."""
    assert run("import", "events", log, "--map", MAP, "-w", brand) == 0

    told = capsys.readouterr().out
    assert "旧工具.csv（CSV, GBK）" in told
    assert "actor = 成员" in told
    assert "message 2, join 1" in told
    assert "时间看不懂：1 行" in told
    assert "新增 3 条事件，隔离 1 行" in told


def test_the_second_import_needs_no_mapping_and_changes_nothing(
    brand: Path, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The mapping is remembered, and so is the file."""
    run("import", "events", log, "--map", MAP, "-w", brand)
    capsys.readouterr()

    assert run("import", "events", log, "-w", brand, "--json") == 0

    report = json.loads(capsys.readouterr().out)
    assert report["kept"]["already"] is True
    assert report["kept"]["rows_kept"] == 3
    assert report["preview"]["origin"] == "remembered"


def test_a_preview_imports_nothing(brand: Path, log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With --preview the history stays empty."""
    assert run("import", "events", log, "--map", MAP, "--preview", "-w", brand) == 0

    assert "读到 4 行，2 个人" in capsys.readouterr().out
    assert list((brand / "history").rglob("*.parquet")) == []


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        ((), 4, "--map actor="),
        (("--map", "actor=成 员,event=事件,at=时间"), 4, "did you mean '成员'?"),
        (("--map", MAP, "--zone", "Asia/Shangai"), 2, "IANA"),
        (("--map", MAP, "--community", "nobody"), 2, "neighbours"),
    ],
)
def test_a_mistake_ends_with_a_sentence_and_a_code(
    brand: Path, log: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], code: int, told: str
) -> None:
    """Every mistake names the thing and the next step, without a traceback."""
    assert run("import", "events", log, *options, "-w", brand) == code

    assert told in capsys.readouterr().err


def test_a_log_can_be_measured_without_a_workspace(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The matrix of a file: cohorts by first event, counts by months later, in three formats."""
    mapping = ("--events", log, "--map", "actor=成员,event=事件,at=时间")

    assert run("retention", *mapping, "--period", "month", "--format", "json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["labels"], found["counts"]) == (["2026-01", "2026-02"], [[1, 0], [1]])
    assert run("retention", *mapping, "--kinds", "发言", "--period", "day", "--format", "csv") == 0
    lines = capsys.readouterr().out.splitlines()
    assert (lines[0][:14], [line.split(",")[:2] for line in lines[1:]]) == (
        "cohort,size,1,",
        [["2026-01-06", "1"], ["2026-02-01", "1"]],
    )
    assert run("retention", *mapping, "--kinds", "没有这种") == 4


MEMBERS = """客户昵称,外部联系人ID,手机号,群名称,入群时间
林小满七,wmAlice0001,13800138000,小满老友会,2026-01-05 10:00
,,12,,
"""


def test_members_are_shown_masked_brought_in_listed_and_taken_back(
    brand: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole way of a file on a phone's screen: short Chinese lines, nobody named, a number to take it back by."""
    file = tmp_path / "客户.csv"
    file.write_text(MEMBERS, encoding="gb18030")

    assert run("import", "members", file, "-w", brand) == 0
    told = capsys.readouterr().out
    assert "读到 2 行：新的 1，已有的 0，待核对 0，不能用 1" in told
    assert "手机号不对：1 行" in told
    assert "qunflow import undo 1" in told
    assert not any(secret in told for secret in ("林小满七", "13800138000", "wmAlice0001"))

    assert run("import", "list", "-w", brand) == 0
    assert "1. 成员 客户.csv：有效" in capsys.readouterr().out
    assert run("import", "undo", "客户.csv", "-w", brand) == 0
    assert "已撤回第 1 次导入" in capsys.readouterr().out
    assert run("import", "list", "-w", brand, "--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["undone_at"] is not None


def test_an_import_that_was_built_on_ends_with_1_and_says_why(
    brand: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Scripts see the exit code, people the reason in their own words."""
    groups, members = tmp_path / "群.csv", tmp_path / "客户.csv"
    groups.write_text("群名称,群ID,群主,建群时间\n小满9群,wrNine0001,owner_zhang,2026-02-01\n")
    members.write_text(MEMBERS.replace("小满老友会", "小满9群"))
    assert run("import", "groups", groups, "-w", brand) == 0
    assert run("import", "members", members, "-w", brand, "--json") == 0
    capsys.readouterr()

    assert run("import", "undo", "1", "-w", brand) == 1

    assert "在群记录：有 1 条用到了这次导入的内容" in capsys.readouterr().out
