"""
Mistakes a person makes at the command line: each is told in words with the next step, and leaves nothing half-done.
"""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from qunflow.settings.environment import load_environment
from qunflow.store.migrate import upgrade

ROOT = Path(__file__).resolve().parents[2]
SECRETS = {
    "QUNFLOW_WECOM_CORP_ID": "wwtest",
    "QUNFLOW_WECOM_SECRET": "s3cret",
    "QUNFLOW_WECOM_AGENT_ID": "1000002",
    "QUNFLOW_WECOM_BASE_URL": "http://127.0.0.1:9",
}


def run(
    *words: str, workspace: Path | None = None, most_bytes: int = 0, **variables: str
) -> subprocess.CompletedProcess[str]:
    """A command as `./run` starts it; with `most_bytes` no file may grow beyond that, as on a full disk."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))

    before: Callable[[], None] | None = limit if most_bytes else None
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("QUNFLOW_", "PREFECT_"))}
    place = {"QUNFLOW_WORKSPACE": str(workspace)} if workspace else {}
    program = (
        [str(Path(sys.executable).parent / "qunflow")] if words[0] == "qunflow" else [sys.executable, "-m", "flows"]
    )
    return subprocess.run(
        [*program, *words[1:]], cwd=ROOT, env={**inherited, **place, **variables}, text=True,
        capture_output=True, timeout=120, preexec_fn=before, check=False,
    )  # fmt: skip


@pytest.fixture
def brand(tmp_path: Path) -> Path:
    """A demo workspace with a database and every secret, its channel out of reach."""
    folder = tmp_path / "brand"
    assert run("qunflow", "init", str(folder), "--demo").returncode == 0
    with (folder / ".env").open("a") as file:
        file.writelines(f"{name}={value}\n" for name, value in SECRETS.items())
    upgrade(load_environment(folder).database_url)
    return folder


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("stage", "retentoin"), 4, "valid: acquisition"),
        (("stage", "retention", "--frob"), 2, "--frob"),
        (("demo", "--days", "0"), 2, "valid: 1 to 28"),
        (("demo", "--lang", "fr"), 2, "valid: zh, en"),
    ],
)
def test_a_mistyped_command_is_told_before_anything_is_made(
    tmp_path: Path, words: tuple[str, ...], code: int, told: str
) -> None:
    """What is valid is named, no folder is made, no traceback shown."""
    out = ("--out", str(tmp_path / "season")) if words[0] == "demo" else ()

    done = run("flows", *words, *out)

    assert (done.returncode, told in done.stderr, "Traceback" in done.stderr) == (code, True, False), done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("break_it", "code", "told"),
    [
        (lambda brand: (brand / "qunflow.yaml").write_text("brand: [oops"), 2, "qunflow.yaml:1:"),
        (lambda brand: (brand / ".env").write_text(""), 2, "QUNFLOW_MASTER_KEY is not set"),
        (lambda brand: (brand / "state/qunflow.sqlite3").unlink(), 3, "run `qunflow db upgrade`"),
        (lambda brand: (brand / "state/qunflow.sqlite3").write_text("no database" * 99), 1, "is not a database"),
    ],
)
def test_a_broken_workspace_is_told_before_a_server_is_started(
    brand: Path, break_it: Callable[[Path], object], code: int, told: str
) -> None:
    """Nobody waits for Prefect to be told of a mistake in a file."""
    break_it(brand)

    done = run("flows", "stage", "retention", workspace=brand)

    assert (done.returncode, told in done.stderr, "Traceback" in done.stderr) == (code, True, False), done.stderr
    assert not (brand / "run").exists()


def test_a_day_that_is_none_is_told(brand: Path) -> None:
    """A mistyped date names the option and what was found."""
    from flows.commands.stage import _filled
    from qunflow.errors import BadInput
    from qunflow.settings.params import StageParams

    with pytest.raises(BadInput, match=r"--day '2026-13-01': month must be in 1\.\.12"):
        _filled(StageParams, {"day": "2026-13-01"})


def test_a_full_disk_leaves_no_half_workspace(tmp_path: Path) -> None:
    """After room was made `init` starts anew: an empty .env without a master key would be taken for one to keep."""
    full = run("qunflow", "init", str(tmp_path / "x"), most_bytes=100)
    again = run("qunflow", "init", str(tmp_path / "x"))

    assert (full.returncode, "free some space" in full.stderr, "Traceback" in full.stderr) == (2, True, False)
    assert again.returncode == 0
    assert load_environment(tmp_path / "x").master_key_bytes()


def test_a_full_disk_keeps_the_earlier_report(brand: Path) -> None:
    """The report that was there stays whole, and the message names the file."""
    (brand / "report.html").write_text("earlier")

    done = run("qunflow", "report", workspace=brand, most_bytes=4_000)

    assert (done.returncode, "report.html" in done.stderr, "Traceback" in done.stderr) == (1, True, False), done.stderr
    assert (brand / "report.html").read_text() == "earlier"
    assert [one.name for one in brand.iterdir() if one.name.endswith(".tmp")] == []


def test_a_taken_port_is_named(brand: Path) -> None:
    """`qunflow web` says which address is taken instead of a log of its server."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run("qunflow", "web", "--port", port, workspace=brand)

    assert (done.returncode, f"127.0.0.1:{port}" in done.stderr, "--port" in done.stderr) == (2, True, True)
    assert "Traceback" not in done.stderr


def test_the_doctor_sees_a_wrong_master_key(brand: Path) -> None:
    """A key of another workspace is told by `doctor`, not only by the first stage, and neither key is shown."""
    key = next(line for line in (brand / ".env").read_text().splitlines() if line.startswith("QUNFLOW_MASTER_KEY"))
    run("qunflow", "deliver", "--once", workspace=brand)
    other = "A" * 43 + "="

    right = run("qunflow", "doctor", "--json", workspace=brand)
    wrong = run("qunflow", "doctor", "--json", workspace=brand, QUNFLOW_MASTER_KEY=other)

    said = "QUNFLOW_MASTER_KEY is not the key"
    assert (said in right.stdout, said in wrong.stdout) == (False, True), wrong.stdout
    assert not any(secret in wrong.stdout + wrong.stderr for secret in (other, key.partition("=")[2], "s3cret"))


def test_a_step_that_is_tried_again_says_why(caplog: pytest.LogCaptureFixture) -> None:
    """Half a minute of silence looks like a hang; a refusal for good is not announced as a retry."""
    from types import SimpleNamespace

    from qunflow.errors import ChannelRefused, ChannelUnavailable
    from tasks.step import may_help

    failures = (ChannelUnavailable("nobody answers at 127.0.0.1:9"), ChannelRefused("no"))

    assert [may_help(None, None, SimpleNamespace(data=one)) for one in failures] == [True, False]
    assert [one.getMessage() for one in caplog.records] == ["nobody answers at 127.0.0.1:9: trying again"]
