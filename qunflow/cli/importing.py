"""
``qunflow import``: bring in what a brand has already, see what was brought in, and take it back.

Shows what a file holds before anything is written; what it does is said in ``qunflow.store.importing``.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cyclopts import App, Parameter

from qunflow.cli.importing_output import print_json, tell_done, tell_events, tell_list, tell_preview, tell_undone
from qunflow.cli.opening import actor, opened
from qunflow.cli.options import JsonOption, WorkspaceOption
from qunflow.errors import ConfigurationError

if TYPE_CHECKING:
    from qunflow.runtime import Runtime
    from qunflow.settings.workspace import Community
    from qunflow.store.importing.bringing import FileToImport
    from qunflow.store.importing.events import EventFile
    from qunflow.store.importing.groups import GroupChoices
    from qunflow.store.importing.kinds import ImportKind

app = App(name="import", help="导入手上已有的数据：成员、群、订单、券、历史事件 (bring in what you have)")

MapOption = Annotated[
    str,
    Parameter(name="--map", help="列对应，例如 phone=手机号,name=客户昵称；常见列名自动认，第二次同样的表头不用再写"),
]
CommunityOption = Annotated[str, Parameter(name="--community", help="导入到哪个社群，默认唯一或第一个")]
PreviewOption = Annotated[bool, Parameter(name="--preview", negative="", help="只看，不写")]
KindsOption = Annotated[str, Parameter(name="--kinds", help="事件对应：入群=join,退群=leave,…；常见中文词已认识")]
ZoneOption = Annotated[str, Parameter(name="--zone", help="没写时区的时间按哪个时区，默认社群的时区")]
ActorOption = Annotated[
    str, Parameter(name="--actor-kind", help="actor 是什么：external_userid、phone、unionid；默认自动判断")
]
CouponOption = Annotated[str, Parameter(name="--coupon", help="这些券码是 coupons 里的哪张券；不写就按面额找")]
KindOption = Annotated[
    str, Parameter(name="--kind", help="群类型：benefit_group、member_group、circulation_group、camp_group")
]
SopOption = Annotated[str, Parameter(name="--sop", help="这些群用哪个 SOP，例如 benefit-daily；不写就和同类的群一样")]
AdminOption = Annotated[str, Parameter(name="--admin", help="管理员的 userid；不写就是群主")]
OpenedOption = Annotated[date | None, Parameter(name="--opened", help="表里没写开群日期的，按这一天算")]


@app.command
def members(
    file: Path,
    *,
    columns: MapOption = "",
    community: CommunityOption = "",
    preview: PreviewOption = False,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> int:
    """导入成员：身份、在哪个群、什么时候进的 (who is in which group, since when)."""
    with opened(workspace) as here:
        return _bring(here, _file(here, "members", file, columns, community), preview, json)


@app.command
def groups(
    file: Path,
    *,
    columns: MapOption = "",
    kind: KindOption = "",
    sop: SopOption = "",
    admin: AdminOption = "",
    opened_on: OpenedOption = None,
    community: CommunityOption = "",
    preview: PreviewOption = False,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> int:
    """导入群：补进 qunflow.yaml，原有内容和注释一个字不动 (groups become lines of the settings)."""
    from qunflow.store.importing.groups import GroupChoices

    choices = GroupChoices(kind, sop, admin, opened_on)
    with opened(workspace) as here:
        return _bring(here, _file(here, "groups", file, columns, community, choices=choices), preview, json)


@app.command
def orders(
    file: Path,
    *,
    columns: MapOption = "",
    community: CommunityOption = "",
    preview: PreviewOption = False,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> int:
    """导入订单：和商城推送来的是同一笔，订单号相同只算一次 (the same orders the shop would push)."""
    with opened(workspace) as here:
        return _bring(here, _file(here, "orders", file, columns, community), preview, json)


@app.command
def coupons(
    file: Path,
    *,
    columns: MapOption = "",
    coupon: CouponOption = "",
    community: CommunityOption = "",
    preview: PreviewOption = False,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> int:
    """导入券码：商城生成的券，发给了谁、用没用 (coupon codes another system made)."""
    with opened(workspace) as here:
        return _bring(here, _file(here, "coupons", file, columns, community, coupon=coupon), preview, json)


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
    """导入历史事件：入群、退群、发言、打卡、点击 (the log another tool kept)."""
    from qunflow.store.importing import events as importing

    with opened(workspace) as here:
        _sync_groups(here)
        home, now = here.workspace.community(community), here.clock.now()
        described = _described(here, home, file, columns, kinds, zone, actor_kind)
        with here.store.reading() as conn:
            shown = importing.preview(conn, described, home, now)
        if not json:
            tell_events(shown, here.language)
        if preview:
            return print_json({"preview": shown}) if json else 0
        report = importing.import_events(here.store, here.vault, here.history, described, home, now)
        if json:
            return print_json(report)
        tell_done(report.kept, here.language)
    return 0


@app.command(name="list")
def show(*, workspace: WorkspaceOption = None, json: JsonOption = False) -> int:
    """看导入过什么：每个文件的行数和状态 (which files were imported)."""
    from qunflow.store.importing.record import imports_of

    with opened(workspace) as here:
        with here.store.reading() as conn:
            rows = imports_of(conn)
        if json:
            return print_json(rows)
        tell_list(rows, here.language)
    return 0


@app.command
def undo(
    name: str,
    *,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> int:
    """
    撤回一次导入：带来的都拿走，改过的还原 (take an import back).

    Exit code 1 when something was built on it since; then nothing is changed.

    Args:
        name: 编号或文件名，见 qunflow import list
    """
    from qunflow.runtime.taking_back import undo_import

    with opened(workspace) as here:
        done = undo_import(here, name, actor(), here.clock.now())
        print_json(done) if json else tell_undone(done, here.language)
    return 1 if done.reasons else 0


def _file(
    here: Runtime,
    kind: ImportKind,
    file: Path,
    columns: str,
    community: str,
    *,
    coupon: str = "",
    choices: GroupChoices | None = None,
) -> FileToImport:
    from qunflow.store.importing.bringing import FileToImport
    from qunflow.store.importing.groups import GroupChoices

    home = here.workspace.community(community)
    if coupon:
        home.coupon(coupon)
    return FileToImport(kind, file, home, here.workspace, here.directory, columns, coupon, choices or GroupChoices())


def _bring(here: Runtime, file: FileToImport, preview_only: bool, json: bool) -> int:
    from qunflow.store.importing import bringing

    _sync_groups(here)
    now = here.clock.now()
    sheet = bringing.read_file(here.store, file)
    shown = bringing.preview(here.store, here.vault, file, sheet, now)
    if not json:
        tell_preview(shown, here.language)
    if preview_only:
        return print_json({"preview": shown}) if json else 0
    done = bringing.bring_in(here.store, here.vault, here.history, file, sheet, now)
    if json:
        return print_json(done)
    tell_done(done.kept, here.language)
    return 0


def _described(
    here: Runtime, community: Community, file: Path, columns: str, kinds: str, zone: str, actor_kind: str
) -> EventFile:
    from qunflow.store.importing.events import EventFile, event_columns
    from qunflow.store.importing.mapping import parse_kinds

    with here.store.reading() as conn:
        mapping, origin = event_columns(conn, file, columns)
    return EventFile(file, mapping, parse_kinds(kinds), _zone(zone or community.zone), actor_kind, origin)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ConfigurationError(
            f"{name!r} is no time zone", "use an IANA name such as Asia/Shanghai or UTC"
        ) from error


def _sync_groups(here: Runtime) -> None:
    from qunflow.store.members import sync_groups

    here.store.write(lambda conn: sync_groups(conn, here.workspace))
