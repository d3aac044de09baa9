"""
``qunflow import``: bring in what other tools kept.

Shows what a file holds before anything is written; what it does is said in ``qunflow.store.importing``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cyclopts import App, Parameter

from qunflow.cli.opening import opened
from qunflow.cli.options import JsonOption, WorkspaceOption
from qunflow.errors import BadInput, ConfigurationError
from qunflow.language import Catalogue

if TYPE_CHECKING:
    from qunflow.runtime import Runtime
    from qunflow.settings.workspace import Community
    from qunflow.store.importing.events import EventFile, ImportReport, Preview

app = App(name="import", help="导入历史事件 (bring in the events another tool kept)")

MapOption = Annotated[
    str,
    Parameter(name="--map", help="列对应:actor=成员ID,event=事件,at=时间[,group=…,channel=…,amount=…];第二次可省略"),
]
KindsOption = Annotated[str, Parameter(name="--kinds", help="事件对应:入群=join,退群=leave,…;常见中文词已认识")]
ZoneOption = Annotated[str, Parameter(name="--zone", help="没写时区的时间按哪个时区,默认社群的时区")]
CommunityOption = Annotated[str, Parameter(name="--community", help="导入到哪个社群,默认唯一或第一个")]
ActorOption = Annotated[
    str, Parameter(name="--actor-kind", help="actor 是什么:external_userid、phone、unionid;默认自动判断")
]
PreviewOption = Annotated[bool, Parameter(name="--preview", negative="", help="只看,不写")]


@app.command
def events(
    file: Path,
    *,
    columns: MapOption = "",
    kinds: KindsOption = "",
    zone: ZoneOption = "",
    community: CommunityOption = "",
    actor_kind: ActorOption = "",
    preview: PreviewOption = False,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> int:
    """
    Import joins, leaves, messages, check-ins, clicks and orders from a Parquet, CSV, Excel or JSON lines file.

    The same file a second time changes nothing; rows that cannot be used are kept in quarantine with their reason.
    """
    with opened(workspace) as here:
        chosen = here.workspace.community(community)
        described = _described(here, chosen, file, columns, kinds, zone, actor_kind)
        if preview:
            shown = _preview(here, chosen, described)
            _print_json({"preview": shown}) if json else _show(shown, here.language)
            return 0
        report = _import(here, chosen, described)
        _print_json(report) if json else _tell(report, here.language)
    return 0


def _described(
    here: Runtime, community: Community, file: Path, columns: str, kinds: str, zone: str, actor_kind: str
) -> EventFile:
    from qunflow.store.importing.events import EventFile, remembered_map
    from qunflow.store.importing.mapping import parse_kinds, parse_map

    mapping = parse_map(columns) if columns else None
    if mapping is None:
        with here.store.reading() as conn:
            mapping = remembered_map(conn, file)
    if mapping is None:
        raise BadInput(
            f"nobody has said yet what the columns of {file.name} mean",
            "add for example --map actor=成员ID,event=事件,at=时间",
        )
    return EventFile(file, mapping, parse_kinds(kinds), _zone(zone or community.zone), actor_kind)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ConfigurationError(
            f"{name!r} is no time zone", "use an IANA name such as Asia/Shanghai or UTC"
        ) from error


def _preview(here: Runtime, community: Community, file: EventFile) -> Preview:
    from qunflow.store.importing.events import preview

    _sync_groups(here)
    with here.store.reading() as conn:
        return preview(conn, file, community, here.clock.now())


def _import(here: Runtime, community: Community, file: EventFile) -> ImportReport:
    from qunflow.store.importing.events import import_events

    _sync_groups(here)
    return import_events(here.store, here.vault, here.history, file, community, here.clock.now())


def _sync_groups(here: Runtime) -> None:
    from qunflow.store.members import sync_groups

    here.store.write(lambda conn: sync_groups(conn, here.workspace))


def _print_json(found: Any) -> None:
    import json
    from dataclasses import asdict, is_dataclass

    def plain(value: Any) -> Any:
        return asdict(value) if is_dataclass(value) and not isinstance(value, type) else dict(value)

    print(json.dumps(found, default=plain, ensure_ascii=False, indent=2))


def _tell(report: ImportReport, words: Catalogue) -> None:
    _show(report.preview, words)
    key = "already" if report.already else "done"
    print(
        words.text(
            f"importing.{key}",
            kept=report.rows_kept,
            quarantined=report.rows_quarantined,
            memberships=report.memberships,
        )
    )


def _show(shown: Preview, words: Catalogue) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{shown.file_name} ({shown.described})", show_header=False, title_justify="left")
    table.add_column()
    table.add_column(overflow="fold")
    rows = {
        "columns": " · ".join(f"{field} = {column}" for field, column in shown.columns.items()),
        "rows": f"{shown.rows_read:,}",
        "actors": f"{shown.actors:,}",
        "days": f"{shown.first_day} — {shown.last_day}",
        "kinds": _counts(shown.kinds),
        "unnamed": _counts(shown.unnamed),
        "groups": _counts(shown.groups),
        "unknown_groups": _counts(shown.unknown_groups),
        "rejected": _counts(shown.rejected),
    }
    for name, told in rows.items():
        if told:
            table.add_row(words.text(f"importing.{name}"), told)
    Console(soft_wrap=True).print(table)


def _counts(counts: Any) -> str:
    listed = [f"{name} {count:,}" for name, count in list(counts.items())[:10]]
    return ", ".join(listed) + (" …" if len(counts) > len(listed) else "")
