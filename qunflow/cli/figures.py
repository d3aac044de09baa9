"""
``qunflow figures``: every figure with its grade, whether it is final, and how it changed since it was told.

It reads the database and the workspace only. What the words mean is docs/explanation/figures.md.
"""

from __future__ import annotations

import json as jsonlib
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from qunflow.cli.options import JsonOption, WorkspaceOption
from qunflow.cli.report import CommunityOption, Opened, opened_source

if TYPE_CHECKING:
    from qunflow.language import Catalogue
    from qunflow.settings.workspace import Community
    from qunflow.store.figure_changes import Change
    from qunflow.store.figures import Figure

app = App(name="figures", result_action="return_value")

NameArgument = Annotated[str, Parameter(help="数字的名称,list 里有 (the figure's name)")]
DayOption = Annotated[date | None, Parameter(help="哪一天的,默认最近一天 (the day it is about)")]
FromOption = Annotated[date | None, Parameter(name="--from", help="从哪一天的数字起 (first day)")]
ToOption = Annotated[date | None, Parameter(name="--to", help="到哪一天的数字 (last day)")]
StageOption = Annotated[str, Parameter(help="只看一个环节,例如 retention (one stage)")]
LateOption = Annotated[bool, Parameter(negative="", help="只看来晚了、没有改的 (only what came too late)")]


@app.command(name="list")
def list_(
    *,
    day: DayOption = None,
    stage: StageOption = "",
    community: CommunityOption = "",
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> int:
    """一天的全部数字:数值、完整度、定没定稿、改过几次 (the figures of a day)."""
    with opened_source(workspace) as source:
        return _tell(source, community, stage or None, None, day, json=json)


@app.command
def show(
    name: NameArgument,
    *,
    day: DayOption = None,
    community: CommunityOption = "",
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> int:
    """一个数字的每一格:数值、完整度、定没定稿、改过几次 (every cell of one figure)."""
    with opened_source(workspace) as source:
        _require_name(source, community, name)
        return _tell(source, community, None, name, day, json=json)


@app.command
def revisions(
    name: Annotated[str, Parameter(help="只看一个数字,默认全部 (one figure)")] = "",
    *,
    from_: FromOption = None,
    to: ToOption = None,
    late: LateOption = False,
    community: CommunityOption = "",
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> int:
    """说出去以后变过的数字:原来、现在、原因、哪次运行 (what changed since it was told)."""
    from qunflow.language import catalogue
    from qunflow.store import figure_changes

    with opened_source(workspace) as source:
        if name:
            _require_name(source, community, name)
        place, words = source.workspace.community(community), catalogue(source.lang)
        with source.store.reading() as conn:
            found = figure_changes.changes(conn, place.key, from_, to, name=name or None)
        shown = [one for one in found if not late or not one.applied]
        if json:
            print(jsonlib.dumps([_plain(one) for one in shown], ensure_ascii=False, indent=1))
            return 0
        rows = [_change_row(one, place, words) for one in shown]
        _print(rows, ("day", "figure", "change", "why", "told_at", "outcome"), "no_revisions", words)
    return 0


def _tell(source: Opened, community: str, stage: str | None, name: str | None, day: date | None, *, json: bool) -> int:
    from qunflow.language import catalogue
    from qunflow.report import finality
    from qunflow.report.listing import listed
    from qunflow.store import figure_changes, figures

    place, words = source.workspace.community(community), catalogue(source.lang)
    with source.store.reading() as conn:
        shown = day or figures.last_day(conn, place.key, stage, name)
        found = figures.current(conn, place.key, stage, shown, name=name) if shown else []
        changes = figure_changes.changes(conn, place.key, shown, shown, stage=stage, name=name) if shown else []
    revised = Counter(_key(one) for one in changes if one.applied)
    standing = {_key(one): one for one in changes if not one.applied and one.settled_at is None}
    plain = listed(found, finality(source), words)
    for figure, row in zip(found, plain, strict=True):
        late = standing.get(_key(figure))
        row |= {"revisions": revised[_key(figure)], "came_too_late": None if late is None else _plain(late)}
    if json:
        print(jsonlib.dumps(plain, ensure_ascii=False, indent=1))
        return 0
    rows = [_row(figure, row, words) for figure, row in zip(found, plain, strict=True)]
    _print(rows, ("day", "figure", "value", "grade", "state", "revisions"), "nothing", words)
    return 0


def _require_name(source: Opened, community: str, name: str) -> None:
    from qunflow.errors import BadInput
    from qunflow.settings.words import did_you_mean
    from qunflow.store import figures

    key = source.workspace.community(community).key
    with source.store.reading() as conn:
        known = figures.names(conn, key)
    if name not in known:
        raise BadInput(f"{key} has no figure called {name!r}", did_you_mean(name, known))


def _key(one: Figure | Change) -> tuple[Any, ...]:
    return one.stage, one.name, one.as_of, tuple(sorted(one.dimensions.items()))


def _row(figure: Figure, row: Mapping[str, Any], words: Catalogue) -> dict[str, str]:
    from qunflow.report import wording
    from qunflow.report.grading import letter_of

    late = "" if row["came_too_late"] is None else f" · {words.text('figures.came_too_late')}"
    of = wording.fraction(figure)
    return {
        "day": figure.as_of.isoformat(),
        "figure": _named(figure.name, figure.dimensions, words),
        "value": f"{wording.told(figure, words)}{f' ({of})' if of else ''}",
        "grade": f"{letter_of(figure.grade, figure.grade_before)} {row['grade_meaning']}".rstrip(),
        "state": words.text(f"figures.state.{row['state']}") + late,
        "revisions": str(row["revisions"]),
    }


def _change_row(change: Change, place: Community, words: Catalogue) -> dict[str, str]:
    from qunflow.report.revisions import change_told, fate

    run = f" · {words.text('figures.run', run=change.run_id)}" if change.run_id else ""
    return {
        "day": change.as_of.isoformat(),
        "figure": _named(change.name, change.dimensions, words),
        "change": change_told(change, words),
        "why": words.text(f"figures.reason.{change.reason}"),
        "told_at": f"{change.told_at.astimezone(place.zone_info):%Y-%m-%d %H:%M}{run}",
        "outcome": fate(change, words) or words.text("figures.applied"),
    }


def _named(name: str, dimensions: Mapping[str, str], words: Catalogue) -> str:
    from qunflow.report import wording

    cell = ", ".join(f"{key}={value}" for key, value in sorted(dimensions.items()))
    return f"{wording.known(words, 'figure', name)} {name}{f' [{cell}]' if cell else ''}"


def _plain(change: Change) -> dict[str, Any]:
    return {
        "stage": change.stage,
        "name": change.name,
        "as_of": change.as_of.isoformat(),
        "dimensions": dict(change.dimensions),
        "kind": change.kind,
        "old": change.old,
        "old_fraction": list(change.old_fraction),
        "new": change.new,
        "new_fraction": list(change.new_fraction),
        "reason": str(change.reason),
        "run_id": change.run_id,
        "told_at": change.told_at.isoformat(),
        "applied": change.applied,
        "settled_at": None if change.settled_at is None else change.settled_at.isoformat(),
    }


def _print(rows: Sequence[Mapping[str, str]], columns: Sequence[str], nothing: str, words: Catalogue) -> None:
    if not rows:
        print(words.text(f"figures.{nothing}"))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*(words.text(f"figures.column.{name}") for name in columns))
    for row in rows:
        table.add_row(*(row[name].replace("[", "\\[") for name in columns))
    Console().print(table)
