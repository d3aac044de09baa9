"""
``qunflow todo``: what somebody has to do by hand, as on the phone's page.

A to-do with the same key is made once, so that a script may ask for it again.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

from qunflow.cli.opening import actor, opened
from qunflow.cli.options import JsonOption, WorkspaceOption

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from qunflow.runtime import Runtime

app = App(name="todo", result_action="return_value")

# Those a person asks for; the others follow from what happened.
KindArgument = Annotated[
    Literal["create_group", "announcement", "red_packet", "remove_member", "recall", "correct", "other"],
    Parameter(help="什么事 (kind)"),
]
NoteOption = Annotated[str, Parameter(help="怎么做，一句话 (a note)")]
TextOption = Annotated[str, Parameter(help="要贴的内容 (what to post)")]
DueOption = Annotated[datetime | None, Parameter(help="什么时候办，默认现在 (local time)")]
GroupOption = Annotated[str, Parameter(help="哪个群，社群/群 (community/group)")]
KeyOption = Annotated[str, Parameter(help="同一个 key 只加一次 (made once)")]


@app.command
def add(
    kind: KindArgument,
    userid: str,
    *,
    workspace: WorkspaceOption = None,
    note: NoteOption = "",
    text: TextOption = "",
    due: DueOption = None,
    group: GroupOption = "",
    key: KeyOption = "",
) -> int:
    """给一个人加一条待办 (ask somebody to do something by hand)."""
    from qunflow.cli.team import member_of
    from qunflow.store import todos

    with opened(workspace) as here:
        member_of(here, userid)
        now = here.clock.now()
        community, group_id = here.store.write(partial(_place, here=here, group=group))
        zone = here.workspace.community(community).zone_info
        details = {name: value for name, value in (("note", note), ("text", text)) if value}
        at = due.replace(tzinfo=due.tzinfo or zone) if due else now
        name = f"asked/{key or f'{userid}/{kind}/{group}/{at.isoformat()}/{note[:40]}'}"
        new = todos.NewTodo(name[:200], community, kind, userid, at, details, group_id)
        made = here.store.write(partial(todos.add, new=[new], at=now))
        print(here.language.text("desk.cli.todo_added" if made else "desk.cli.todo_known", who=userid))
    return 0


@app.command(name="list")
def list_(*, workspace: WorkspaceOption = None, who: str = "", json: JsonOption = False) -> int:
    """还没办的待办 (what is open)."""
    import json as jsonlib
    from dataclasses import asdict

    from qunflow.store import todos

    with opened(workspace) as here:
        with here.store.reading() as conn:
            found = todos.listed(conn, assignee=who or None)
        if json:
            rows = [asdict(one) for one in found]
            print(jsonlib.dumps(rows, ensure_ascii=False, indent=1, default=datetime.isoformat))
        elif not found:
            print(here.language.text("desk.cli.todo_none"))
        else:
            _print(here, found)
    return 0


@app.command
def done(number: int, *, workspace: WorkspaceOption = None) -> int:
    """办好了一条 (it is done)."""
    return _close(workspace, number, "done")


@app.command
def skip(number: int, *, workspace: WorkspaceOption = None) -> int:
    """不办了 (leave it)."""
    return _close(workspace, number, "skipped")


def _close(workspace: WorkspaceOption, number: int, state: Literal["done", "skipped"]) -> int:
    from qunflow.store import todos

    with opened(workspace) as here:
        work = partial(todos.close, todo_id=number, state=state, by=actor(), at=here.clock.now())
        changed = here.store.write(work)
        words = here.language
        told = words.text(f"desk.todo.was_{state}")
        print(words.text("desk.cli.todo_closed", state=told) if changed else words.text("desk.cli.todo_unchanged"))
    return 0 if changed else 1


def _place(conn: Connection, here: Runtime, group: str) -> tuple[str, int | None]:
    """The community of a to-do and the group it is about, which are written ``community/group``."""
    from qunflow.store import members

    if not group:
        return here.workspace.communities[0].key, None
    community, _, key = group.rpartition("/")
    place = here.workspace.community(community)
    return place.key, members.sync_groups(conn, here.workspace)[place.key, place.group(key).key]


def _print(here: Runtime, found: list[Any]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    words = here.language
    table = Table(*(words.text(f"desk.cli.column_{name}") for name in ("number", "due", "who", "what", "group")))
    for one in found:
        zone = here.workspace.community(one.community).zone_info
        what = words.text(f"desk.todo.kind_{one.kind}") + (
            f" · {one.details['note']}" if one.details.get("note") else ""
        )
        due = f"{one.due_at.astimezone(zone):%m-%d %H:%M}"
        table.add_row(str(one.todo_id), due, one.assignee, escape(what), escape(one.group))
    Console().print(table)
