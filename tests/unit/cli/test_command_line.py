"""The command line is instant, complete, and tells mistakes in words."""

from __future__ import annotations

import importlib
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from qunflow.cli import COMMANDS, main
from qunflow.errors import CheckFailed, ConfigurationError, QunflowError
from qunflow.language import catalogue

HEAVY = ("prefect", "great_expectations", "pandas", "numpy", "pyarrow", "duckdb", "ibis", "sqlalchemy", "fastapi")
HELP_LIMIT_S = 0.5


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "qunflow.cli", *words],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "200", **environment},
        check=False,
    )


def loaded_by(words: list[str]) -> set[str]:
    """Which heavy packages a command leaves in ``sys.modules`` of a process of its own."""
    code = (
        "import json, sys\nfrom qunflow.cli import main\n"
        f"try:\n    main({words!r})\nexcept SystemExit:\n    pass\n"
        "print('\\n' + json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1])) & set(HEAVY)


def test_help_loads_nothing_heavy() -> None:
    """`qunflow --help` needs neither Prefect, Great Expectations nor pandas, nor a database."""
    assert loaded_by(["--help"]) == set()


def test_a_new_workspace_loads_nothing_heavy(tmp_path: Path) -> None:
    """`qunflow init` works before anything else does."""
    assert loaded_by(["init", str(tmp_path / "w"), "--demo"]) == set()


def test_help_is_instant() -> None:
    """Processor time, which other work on the machine does not lengthen, stays under half a second."""

    def spent_s() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    before = spent_s()
    assert run("--help").returncode == 0
    assert spent_s() - before < HELP_LIMIT_S


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_help_names_every_command_in_the_language(lang: str) -> None:
    """Each command has its own line, in Chinese unless English is asked for."""
    shown = run("--help", QUNFLOW_LANG=lang).stdout
    for name in COMMANDS:
        assert name in shown
        assert catalogue(lang).text(f"cli.help.{name}")[:12] in shown


@pytest.mark.parametrize("target", COMMANDS.values())
def test_every_command_is_there(target: str) -> None:
    """No command of the table leads nowhere."""
    module, _, name = target.partition(":")
    assert callable(getattr(importlib.import_module(module), name))


def test_an_unknown_command_names_the_likely_one(capsys: pytest.CaptureFixture[str]) -> None:
    """A typo is answered with the valid commands and exit code 2."""
    with pytest.raises(SystemExit) as left:
        main(["chek"])
    assert left.value.code == 2
    assert "did you mean 'check'?" in capsys.readouterr().err


def test_an_unknown_option_is_told_with_exit_code_two(capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong option is a usage error, not a traceback."""
    with pytest.raises(SystemExit) as left:
        main(["schema", "--nosuch"])
    assert left.value.code == 2
    assert "--nosuch" in capsys.readouterr().err


@pytest.mark.parametrize("error", [ConfigurationError("broken", "mend it"), CheckFailed("bad data", "look")])
def test_a_known_error_is_told_in_words_with_its_exit_code(
    error: QunflowError, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Problem and next step on stderr, the error's own exit code, no traceback."""

    def fail(**_: object) -> int:
        raise error

    monkeypatch.setattr("qunflow.cli.workspace.schema", fail)
    with pytest.raises(SystemExit) as left:
        main(["schema"])
    said = capsys.readouterr().err
    assert left.value.code == error.exit_code
    assert error.problem in said and error.next_step in said and "Traceback" not in said


def test_an_interrupt_ends_quietly(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C is exit code 130."""

    def interrupted(**_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("qunflow.cli.workspace.schema", interrupted)
    with pytest.raises(SystemExit) as left:
        main(["schema"])
    assert left.value.code == 130
    assert "Traceback" not in capsys.readouterr().err


def test_a_reader_that_leaves_early_is_no_error() -> None:
    """`qunflow schema | head -1` shows no traceback."""
    code = f"{sys.executable} -m qunflow.cli schema | head -1"
    done = subprocess.run(["sh", "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "{\n" and done.stderr == ""
