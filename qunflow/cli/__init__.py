"""
The ``qunflow`` command line: everything that needs no flow.

Commands are named as text and imported only when they run, so that ``qunflow --help`` stays instant;
what needs Prefect is a ``./run`` command instead.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from cyclopts import App, CycloptsError

from qunflow.errors import ConfigurationError, QunflowError, disk_problem
from qunflow.language import LANGUAGES, catalogue
from qunflow.settings.words import did_you_mean

# name → where it lives; the sentence shown in --help is the text `cli.help.<name>`.
COMMANDS = {
    "init": "qunflow.cli.workspace:init",
    "check": "qunflow.cli.workspace:check",
    "schema": "qunflow.cli.workspace:schema",
    "doctor": "qunflow.cli.workspace:doctor",
    "import": "qunflow.cli.importing:app",
    "retention": "qunflow.cli.retention:app",
    "deliver": "qunflow.cli.delivery:deliver",
    "outbox": "qunflow.cli.delivery:app",
    "plan": "qunflow.cli.plan:plan",
    "team": "qunflow.cli.team:app",
    "absence": "qunflow.cli.absence:app",
    "todo": "qunflow.cli.todo:app",
    "people": "qunflow.cli.people:app",
    "ledger": "qunflow.cli.ledger:app",
    "report": "qunflow.cli.report:report",
    "figures": "qunflow.cli.figures:app",
    "export": "qunflow.cli.exporting:export",
    "web": "qunflow.cli.web:web",
    "db": "qunflow.cli.database:app",
    "sandbox": "qunflow.cli.sandbox:sandbox",
    "verify": "qunflow.cli.verify:app",
}


def build_app(lang: str) -> App:
    """The command line in a language; nothing of a command is imported yet."""
    words = catalogue(lang)
    app = App(name="qunflow", help=words.text("cli.help.qunflow"), version=_version, result_action="return_value")
    for name, target in COMMANDS.items():
        app.command(target, name=name, help=words.text(f"cli.help.{name}"))
    return app


def main(tokens: Sequence[str] | None = None) -> None:
    """
    Run one command and leave with its exit code.

    A known error is told in words on stderr with its own exit code; anything else is a defect and keeps its traceback.
    """
    words = list(sys.argv[1:] if tokens is None else tokens)
    try:
        result = _run(words)
    except QunflowError as error:
        print(f"qunflow: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except CycloptsError:
        # Cyclopts has told what is wrong with the command line.
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader of a pipe left; Python would complain again while closing stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:
        if (told := disk_problem(error)) is None:
            raise
        print(f"qunflow: {told}", file=sys.stderr)
        sys.exit(told.exit_code)
    sys.exit(result if isinstance(result, int) else 0)


def _run(words: list[str]) -> object:
    lang = os.environ.get("QUNFLOW_LANG", "zh")
    command = words[0] if words else ""
    if command and not command.startswith("-") and command not in COMMANDS:
        # Told here, because Cyclopts would import every command to find a similar one.
        raise ConfigurationError(f"unknown command {command!r}", did_you_mean(command, COMMANDS))
    return build_app(lang if lang in LANGUAGES else "zh")(words, exit_on_error=False)


def _version() -> str:
    try:
        return version("qunflow")
    except PackageNotFoundError:
        return "0 (not installed)"
