"""``qunflow ledger``: what an operator reads and puts right, in words and as JSON, with exit codes."""

from __future__ import annotations

import json
import os
import shutil
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from qunflow.cli import main
from qunflow.settings.scaffold import write_workspace
from qunflow.settings.workspace import load_workspace
from qunflow.store import audit, coupons, ledger
from qunflow.store.engine import Store
from qunflow.store.vault import Vault
from qunflow.weekly_activity.points import checkin_points, points_account

MASTER_KEY = bytes(range(32))
AT = datetime(2026, 3, 2, 4, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A demo workspace with one member who has checked in."""
    for name in [name for name in os.environ if name.startswith("QUNFLOW_")]:
        monkeypatch.delenv(name)
    found = tmp_path / "brand"
    write_workspace(found, None, AT.date())
    (found / "state").mkdir(exist_ok=True)
    shutil.copy(sqlite_template, found / "state" / "qunflow.sqlite3")
    known = {
        "MASTER_KEY": b64encode(MASTER_KEY).decode(),
        "WECOM_CORP_ID": "ww1",
        "WECOM_SECRET": "s",
        "WECOM_BASE_URL": "http://127.0.0.1:9",
    }
    for name, value in known.items():
        monkeypatch.setenv(f"QUNFLOW_{name}", value)
    monkeypatch.setenv("QUNFLOW_WORKSPACE", str(found))
    store = Store.open(f"sqlite:///{found}/state/qunflow.sqlite3")
    vault = Vault(store, MASTER_KEY)
    with store.writing() as conn:
        person = vault.persons_for(conn, "phone", ["1"], AT)["1"]
        one = checkin_points(place(found), "week", person, AT.date(), 5)
        ledger.book(conn, one.event_key, one.community, "points", one.reason, one.postings, one.person_of, AT)
    store.close()
    return found


def place(folder: Path) -> str:
    """The key of the first community."""
    return load_workspace(folder).communities[0].key


def run(*words: str) -> int:
    """The exit code of one command."""
    with pytest.raises(SystemExit) as left:
        main(["ledger", *words])
    return int(left.value.code or 0)


def told(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, object]]:
    """What a command prints as JSON."""
    capsys.readouterr()
    assert run(*words, "--json") == 0
    rows: list[dict[str, object]] = json.loads(capsys.readouterr().out)
    return rows


def test_a_statement_is_read_in_words_and_by_machines(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Local time, what for, how much, what is left; the same as JSON; and nothing for a stranger."""
    assert run("statement", "1") == 0
    shown = capsys.readouterr().out
    for words in ("2026-03-02 12:00", "积分", "打卡", "+5"):
        assert words in shown
    (row,) = told(capsys, "statement", "1")
    assert (row["amount"], row["left"], row["reason"], row["booked_at"]) == (5, 5, "checkin", AT.isoformat())
    assert told(capsys, "balance", "1") == [{"community": place(folder), "unit": "points", "left": 5}]
    assert run("statement", "99") == 0
    assert "还没有记账" in capsys.readouterr().out


def test_a_reversal_is_booked_once_and_says_who(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The second time, and an unknown key, fail in words; the account is empty and the audit log names the operator."""
    key = str(told(capsys, "statement", "1")[0]["event_key"])
    assert run("reverse", key, "--reason", "记错了周", "--by", "zhou") == 0
    assert "已冲正" in capsys.readouterr().out
    assert run("reverse", key, "--reason", "记错了周") == 1
    assert "冲正过了" in capsys.readouterr().out
    assert run("reverse", "nothing", "--reason", "x") == 1
    assert [row["reason"] for row in told(capsys, "statement", "1")] == ["checkin", "reversal"]
    store = Store.open(f"sqlite:///{folder}/state/qunflow.sqlite3")
    with store.reading() as conn:
        assert ledger.balance(conn, points_account(place(folder), 1)) == 0
        assert [(one.actor, one.subject) for one in audit.entries(conn)] == [("zhou", key)]
    store.close()


def test_a_coupon_is_used_once_and_whoever_guesses_is_locked_out(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Used, used before, five wrong codes, locked; and what nobody used in time is booked as expired once."""
    store = Store.open(f"sqlite:///{folder}/state/qunflow.sqlite3")
    now = datetime.now(UTC)
    orders = [
        coupons.CouponOrder(key, "welcome3", place(folder), None, now + timedelta(days=days))
        for key, days in (("good", 9), ("late", -1))
    ]
    with store.writing() as conn:
        code = coupons.issue(conn, orders, now)["good"]
    store.close()
    assert [run("redeem", one, "--by", "till") for one in (code, code, *["WRONG"] * 5, "WRONG")] == [0, *[1] * 7]
    said = capsys.readouterr().out.splitlines()
    assert [said[0], said[1], said[2], said[-1]] == [
        "已核销",
        "这张券用过了",
        "没有这张券，请再看一遍券码",
        "错的次数太多，请一小时后再试",
    ]
    assert [run("expire"), run("expire")] == [0, 0]
    assert capsys.readouterr().out.splitlines() == ["已把 1 张券记成过期", "已把 0 张券记成过期"]


def test_a_lot_is_put_on_the_shelf_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same lot number again adds nothing, and without one nothing is booked."""
    words = ("stock", "--prize", "cup", "--in", "7", "--event", "lot-1")
    assert run(*words) == 0
    assert "cup 入库 7 件" in capsys.readouterr().out
    assert run(*words) == 0
    assert "入过库了" in capsys.readouterr().out
    assert told(capsys, "stock") == [{"prize": "cup", "left": 7}]
    assert run("stock", "--prize", "cup", "--in", "7") > 1
    assert "--event" in capsys.readouterr().err
