"""`qunflow db` tells, upgrades and verifies, with exit codes a script can use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from qunflow.cli import main


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is a workspace as far as the database is concerned."""
    (tmp_path / "qunflow.yaml").write_text("brand: 小满生活\n", encoding="utf-8")
    for name in [name for name in os.environ if name.startswith("QUNFLOW_")]:
        monkeypatch.delenv(name)
    return tmp_path


def run(workspace: Path, command: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(["db", command, "-w", str(workspace)])
    said = capsys.readouterr()
    return int(end.value.code or 0), said.out, said.err


def test_a_new_database_is_upgraded_and_then_current(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Before: exit code 3 and the next step. After: 0, and a second upgrade changes nothing."""
    code, out, err = run(workspace, "status", capsys)
    assert (code, "空库" in out, "qunflow db upgrade" in err) == (3, True, True)
    assert run(workspace, "upgrade", capsys)[0] == 0
    assert (workspace / "state" / "qunflow.sqlite3").is_file()
    assert run(workspace, "status", capsys)[0] == 0
    code, out, _ = run(workspace, "upgrade", capsys)
    assert (code, "不用升级" in out) == (0, True)


def test_a_sound_workspace_verifies(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty but whole history and ledger pass; a database that was never made does not."""
    assert run(workspace, "verify", capsys)[0] == 3
    run(workspace, "upgrade", capsys)
    code, out, _ = run(workspace, "verify", capsys)
    assert (code, "0 个历史文件" in out) == (0, True)


def test_opening_a_store_loads_nothing_heavy() -> None:
    """A process that only reads state does not pay for pandas, DuckDB, pyarrow or Alembic."""
    program = (
        "import sys; import qunflow.store.engine, qunflow.store.migrate, qunflow.store.history, qunflow.store.vault;"
        "print(sorted({'pandas', 'duckdb', 'ibis', 'pyarrow', 'alembic', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
