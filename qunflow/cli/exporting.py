"""
``qunflow export``: a list as CSV, Excel or Parquet.

It needs the database, the history and the workspace only: no platform secret and no network. Each export is in the
audit log.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from qunflow.cli.opening import actor
from qunflow.cli.options import WorkspaceOption
from qunflow.clock import SystemClock
from qunflow.errors import BadInput

if TYPE_CHECKING:
    from qunflow.store.exporting.ordering import Order, Source
    from qunflow.web.ports import Exporter

Name = Literal["figures", "members", "groups", "leads", "orders", "outbox", "quarantine", "events", "retention"]
NameArgument = Annotated[Name, Parameter(help="导出什么 (which list)")]
OutOption = Annotated[Path, Parameter(help="写到哪里：.csv、.xlsx 或 .parquet (where to)")]
DayOption = Annotated[date | None, Parameter(help="只要这一天 (one day)")]
SinceOption = Annotated[date | None, Parameter(help="从哪天起 (first day)")]
UntilOption = Annotated[date | None, Parameter(help="到哪天为止，含当天 (last day)")]
CommunityOption = Annotated[str, Parameter(help="只要一个社群的 key (one community)")]
ByOption = Annotated[str, Parameter(help="谁导出的，写进审计记录，默认登录名 (who)")]
LanguageOption = Annotated[Literal["zh", "en"] | None, Parameter(help="表头语言，默认 QUNFLOW_LANG (language)")]


def export(
    name: NameArgument,
    *,
    out: OutOption,
    workspace: WorkspaceOption = None,
    day: DayOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    community: CommunityOption = "",
    language: LanguageOption = None,
    by: ByOption = "",
) -> int:
    """导出一张表：人只有编号，公式不会被执行 (people as numbers; no text is ever a formula)."""
    from qunflow.store.exporting.ordering import Order, fulfil

    if day is not None and (since is not None or until is not None):
        raise BadInput("--day is given together with --since or --until", "give one day, or the ends of a span")
    if name == "retention":
        _require_as_of(out, since)
        return _retention_book(workspace, out, day or until, community, language, by or actor())
    with _opened(workspace, language) as source:
        order = Order(name, out, by or actor(), community, day or since, day or until)
        rows = fulfil(order, source, SystemClock().now())
        print(source.words.text("exporting.written", rows=f"{rows:,}", path=out))
    return 0


def _require_as_of(out: Path, since: date | None) -> None:
    if since is not None:
        raise BadInput("retention is told as of one day", "give --day or --until, or nothing for the newest")
    if out.suffix.lower() != ".xlsx":
        raise BadInput(f"{out.name} is no workbook", "name a file that ends in .xlsx")


def _retention_book(
    workspace: Path | None, out: Path, day: date | None, community: str, language: str | None, by: str
) -> int:
    """The workbook of one community, noted in the audit log like every export."""
    from qunflow.cli.report import opened_source
    from qunflow.language import catalogue
    from qunflow.report import write_retention_book
    from qunflow.store import audit

    with opened_source(workspace) as source:
        known = [one.key for one in source.workspace.communities]
        if not community and len(known) != 1:
            raise BadInput(f"the workspace has {len(known)} communities", f"name one: --community {', '.join(known)}")
        key, words = community or known[0], catalogue(language or source.lang)
        written: list[int] = []

        def note(rows: int) -> None:
            written.append(rows)
            detail = {"rows": rows, "format": ".xlsx", "community": key, "since": "", "until": str(day or "")}
            act = partial(audit.record, actor=by, action="export", subject="retention", detail=detail)
            source.store.write(partial(act, at=source.clock.now()))

        write_retention_book(source, out, key, lang=words.lang, day=day, note=note)
        print(words.text("exporting.written", rows=f"{written[0]:,}", path=out))
    return 0


def in_another_process(home: Path) -> Exporter:
    """What the page exports with: this command for the workspace in ``home``, with the lowest claim on the machine."""

    def write(order: Order, patience_s: float) -> bool:
        words = [order.name, f"--out={order.path}", f"--workspace={home}", f"--by={order.by}"]
        given = {"community": order.community, "since": order.since, "until": order.until}
        words += [f"--{name}={value}" for name, value in given.items() if value]
        kind = ["nice", "-n", "10"] if shutil.which("nice") else []
        command = [*kind, sys.executable, "-m", "qunflow.cli", "export", *words]
        try:
            done = subprocess.run(command, check=False, capture_output=True, timeout=patience_s)  # noqa: S603 - ours
        except subprocess.TimeoutExpired as error:
            raise TimeoutError(f"{order.name} took longer than {patience_s:.0f} s") from error
        return done.returncode == 0

    return write


@contextmanager
def _opened(directory: Path | None, language: str | None) -> Iterator[Source]:
    from qunflow.delivery.reasons import in_words
    from qunflow.language import catalogue
    from qunflow.settings.environment import load_environment, workspace_directory
    from qunflow.settings.workspace import load_workspace
    from qunflow.store.engine import Store
    from qunflow.store.exporting.ordering import Source
    from qunflow.store.history import History
    from qunflow.store.migrate import require_current

    home = workspace_directory(directory)
    workspace, environment = load_workspace(home), load_environment(home)
    words, store = catalogue(language or environment.lang), Store.open(environment.database_url)
    try:
        require_current(store)
        history = History(environment.history_dir, store)
        yield Source(store, history, workspace, words, partial(in_words, words.text))
    finally:
        store.close()
