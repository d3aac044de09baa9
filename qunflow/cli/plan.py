"""
``qunflow plan``: the days to come, slot by slot, and whether the platform's quota lasts for all of them.
"""

from __future__ import annotations

import json as jsonlib
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

from cyclopts import Parameter

from qunflow.cli.opening import opened
from qunflow.cli.options import JsonOption, WorkspaceOption

if TYPE_CHECKING:
    from qunflow.delivery.forecast import Ahead, Outlook
    from qunflow.language import Catalogue
    from qunflow.runtime import Runtime
    from qunflow.runtime.plan_ahead import PlanAhead

FromOption = Annotated[date | None, Parameter(name="--from", help="从哪一天，默认明天 (first day)")]
ToOption = Annotated[date | None, Parameter(name="--to", help="到哪一天，默认七天 (last day)")]
CommunityOption = Annotated[str, Parameter(help="社群的 key，默认第一个 (community)")]
RefreshOption = Annotated[bool, Parameter(negative="", help="先问平台有没有人自己群发过 (ask first)")]

_WEEK = timedelta(days=6)
_WHOLE = ("day", "hour", "left", "way")
_SHOWN_CHARS = 24


def plan(
    *,
    workspace: WorkspaceOption = None,
    from_: FromOption = None,
    to: ToOption = None,
    community: CommunityOption = "",
    refresh: RefreshOption = False,
    json: JsonOption = False,
) -> int:
    """看后面几天发什么、额度够不够 (the days to come against the quota); 有发不出去的时退出码为 1."""
    from qunflow.clock import local_day
    from qunflow.runtime.plan_ahead import plan_ahead

    with opened(workspace) as here:
        place = here.workspace.community(community)
        first = from_ or local_day(here.clock.now(), place.zone_info) + timedelta(days=1)
        if refresh:
            _look_beside(here)
        found = plan_ahead(here, place, first, to or first + _WEEK)
        if json:
            rows = [_row(one, place.zone_info) for one in found.slots]
            print(jsonlib.dumps(rows, ensure_ascii=False, indent=1))
        else:
            _print(found, here.language, place.zone_info, place.name)
    return 1 if found.refused else 0


def _look_beside(here: Runtime) -> None:
    from qunflow.delivery.beside import notice
    from qunflow.store.members import sync_groups

    # In a new workspace nobody has written the groups down yet: what reached them would be nobody's.
    here.store.write(partial(sync_groups, workspace=here.workspace))
    notice(here.ports, here.clock.now())


def _row(one: Ahead, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "slot_key": one.slot_key,
        "chat_id": one.chat_id,
        "owner": one.owner,
        "day": one.day.isoformat(),
        "hour": f"{one.at.astimezone(zone):%H:%M}",
        "way": one.way,
        "text": one.text,
        "group": one.group,
        "stage": one.stage,
        "sender": one.sender,
        "missing": list(one.missing),
        "left": one.left,
        "refused": one.refused,
    }


def _print(found: PlanAhead, words: Catalogue, zone: ZoneInfo, name: str) -> None:
    from rich.console import Console

    console = Console()
    console.print(_calendar(found.slots, words, zone, name))
    console.print(_left(found.outlooks, words))
    for year in found.unknown_years:
        console.print(words.text("plan.unknown_year", year=year))
    for one in found.refused:
        console.print(
            words.text("plan.refused", day=one.day.isoformat(), slot=one.slot_key, group=one.group, why=one.refused)
        )
    tasks = sum(one.left is not None for one in found.slots)
    console.print(
        words.text("plan.problem" if found.refused else "plan.enough", tasks=tasks, refused=len(found.refused))
    )


def _calendar(slots: tuple[Ahead, ...], words: Catalogue, zone: ZoneInfo, name: str) -> Any:
    from rich.box import SIMPLE
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=name, box=SIMPLE, padding=(0, 1, 0, 0))
    for column in ("day", "hour", "slot", "group", "way", "sender", "left", "text"):
        # What is long gives way on a narrow screen; a day and an hour that are cut say nothing.
        table.add_column(words.text(f"plan.column_{column}"), overflow="fold", no_wrap=column in _WHOLE)
    for one in slots:
        cells = (
            f"{one.day:%m-%d}",
            f"{one.at.astimezone(zone):%H:%M}",
            one.slot_key,
            one.group,
            words.text(f"delivery.way_{one.way}"),
            one.sender,
            "" if one.left is None else str(one.left),
            _beginning(one.text),
        )
        table.add_row(*(escape(cell) for cell in cells), style="red" if one.refused else None)
    return table


def _beginning(text: str) -> str:
    line = text.replace("\n", " ")
    return line if len(line) <= _SHOWN_CHARS else f"{line[:_SHOWN_CHARS]}…"


def _left(outlooks: tuple[Outlook, ...], words: Catalogue) -> Any:
    from rich.table import Table

    table = Table(title=words.text("plan.quota"))
    for column in ("group", "period", "used", "planned", "left"):
        table.add_column(words.text(f"plan.column_{column}"))
    for one in outlooks:
        table.add_row(one.group, one.period.label, str(one.used), str(one.planned), str(one.left))
    return table
