"""
Commands about a workspace: make one, check it, describe it, examine the machine it runs on.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

from cyclopts import Parameter

from qunflow.cli.options import JsonOption, WorkspaceOption
from qunflow.clock import SystemClock, local_day
from qunflow.errors import ConfigurationError
from qunflow.language import LANGUAGES, Catalogue, catalogue
from qunflow.settings.environment import load_environment, unknown_variables, workspace_directory

if TYPE_CHECKING:
    from datetime import date

    from qunflow.cli.diagnosis import Diagnosis
    from qunflow.rendering.review import Tried
    from qunflow.settings.checked import Mistake

DemoOption = Annotated[bool, Parameter(negative="", help="带三个群的演示社群 (with a demo community)")]
PlaybookOption = Annotated[bool, Parameter(negative="", help="输出 SOP 文件的 Schema (that of a playbook)")]

SendTestOption = Annotated[
    bool,
    Parameter(negative="", help="给每个机器人、邮箱和服务发一条测试消息 (send a test message through each channel)"),
]


def init(directory: Path, *, demo: DemoOption = False) -> int:
    """
    新建工作区 (make a workspace).

    Args:
        directory: 新工作区的目录 (where to make it).
    """
    from qunflow.settings.scaffold import write_blank_workspace, write_workspace

    today = _today()
    made = write_workspace(directory, None, today) if demo else write_blank_workspace(directory, today)
    files = "\n".join(f"  {path.relative_to(made)}" for path in sorted(made.rglob("*")) if path.is_file())
    print(_words().text("cli.init.done", directory=made, files=files))
    return 0


def schema(*, playbook: PlaybookOption = False) -> int:
    """输出 qunflow.yaml 的 JSON Schema (print the JSON Schema)."""
    from qunflow.rendering.playbooks import playbook_schema_text
    from qunflow.settings.scaffold import schema_text

    sys.stdout.write(playbook_schema_text() if playbook else schema_text())
    return 0


def check(*, workspace: WorkspaceOption = None, json: JsonOption = False) -> int:
    """
    检查设置、SOP 和话术 (check settings, SOPs and copy).

    Ends with exit code 2 when something has to be corrected.
    """
    directory = workspace_directory(workspace)
    words = catalogue(load_environment(directory).lang)
    try:
        summary, tried = _checked(directory, words)
    except ConfigurationError as error:
        if not json:
            raise
        return _print_check("", _mistakes_in(error), [])
    mistakes = list(dict.fromkeys(mistake for one in tried for mistake in one.mistakes))
    warnings = [*_dotenv_warnings(directory, words), *_warnings(tried, words)]
    if json:
        return _print_check(summary, mistakes, warnings)
    for line in (*warnings, *(str(mistake) for mistake in mistakes)):
        print(line, file=sys.stderr)
    print(words.text("cli.check.mistakes", count=len(mistakes)) if mistakes else summary)
    return 2 if mistakes else 0


def doctor(*, workspace: WorkspaceOption = None, send_test: SendTestOption = False, json: JsonOption = False) -> int:
    """
    体检：这台机器和工作区 (examine this machine and the workspace).

    Ends with exit code 1 when something needs to be seen to.
    """
    from qunflow.cli.diagnosis import examine

    directory = workspace_directory(workspace)
    words = _words()
    found = list(examine(directory, words, send_test=send_test))
    bad = sum(diagnosis.state == "bad" for diagnosis in found)
    _print_diagnoses(found, bad) if json else _show_diagnoses(found, bad, words)
    return 1 if bad else 0


def _today() -> date:
    """The day a new workspace's dates are counted from."""
    return local_day(SystemClock().now(), ZoneInfo("Asia/Shanghai"))


def _words() -> Catalogue:
    lang = os.environ.get("QUNFLOW_LANG", "zh")
    return catalogue(lang if lang in LANGUAGES else "zh")


def _checked(directory: Path, words: Catalogue) -> tuple[str, list[Tried]]:
    from qunflow.rendering import Templates
    from qunflow.rendering.review import review
    from qunflow.settings.paths import template_paths
    from qunflow.settings.workspace import load_workspace

    settings = load_workspace(directory)
    tried = list(review(settings, Templates(template_paths(directory)), _today(), words))
    slots = sum(bool(one.playbook) for one in tried)
    counts = {"communities": len(settings.communities), "groups": len(settings.groups()), "slots": slots}
    return words.text("cli.check.ok", brand=settings.brand, **counts), tried


def _warnings(tried: Iterable[Tried], words: Catalogue) -> list[str]:
    found = [
        words.text("cli.check.warning", where=f"{one.playbook or one.key} · {one.title}", text=warning)
        for one in tried
        for warning in one.warnings
    ]
    return list(dict.fromkeys(found))


def _dotenv_warnings(directory: Path, words: Catalogue) -> list[str]:
    unknown = unknown_variables(directory / ".env")
    return [words.text("cli.check.unknown_variable", name=name, hint=hint) for name, hint in unknown]


def _mistakes_in(error: ConfigurationError) -> list[Mistake]:
    from qunflow.errors import Place
    from qunflow.settings.checked import Mistake, SettingsError

    if isinstance(error, SettingsError):
        return list(error.mistakes)
    return [Mistake(error.place or Place("", 1, 1), error.problem, error.next_step)]


def _print_check(summary: str, mistakes: list[Mistake], warnings: list[str]) -> int:
    told = [
        {
            "file": mistake.place.file,
            "line": mistake.place.line,
            "column": mistake.place.column,
            "problem": mistake.problem,
            "next_step": mistake.next_step,
        }
        for mistake in mistakes
    ]
    answer = {"ok": not mistakes, "summary": summary, "mistakes": told, "warnings": warnings}
    print(json.dumps(answer, ensure_ascii=False, indent=2))
    return 2 if mistakes else 0


def _print_diagnoses(found: list[Diagnosis], bad: int) -> None:
    items = [{"item": one.item, "state": one.state, "found": one.found, "next_step": one.next_step} for one in found]
    print(json.dumps({"ok": not bad, "items": items}, ensure_ascii=False, indent=2))


def _show_diagnoses(found: list[Diagnosis], bad: int, words: Catalogue) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    marks = {"ok": "[green]✔[/]", "warning": "[yellow]![/]", "bad": "[red]✖[/]"}
    table = Table(title=words.text("cli.doctor.title"), title_justify="left")
    table.add_column("")
    for column in ("name", "found", "next"):
        table.add_column(words.text(f"cli.doctor.columns.{column}"), overflow="fold")
    for one in found:
        name = words.text(f"cli.doctor.name.{one.item}")
        table.add_row(marks[one.state], name, escape(one.found), escape(one.next_step))
    console = Console()
    console.print(table)
    console.print(words.text("cli.doctor.summary_bad", count=bad) if bad else words.text("cli.doctor.summary_ok"))
