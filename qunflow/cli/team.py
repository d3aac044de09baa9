"""
``qunflow team``: who is in the team, and the links and codes by which they are known.

A link is told once and only here: send it to its person alone.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from cyclopts import App

from qunflow.cli.opening import actor, opened
from qunflow.cli.options import JsonOption, WorkspaceOption

if TYPE_CHECKING:
    from qunflow.runtime import Runtime
    from qunflow.settings.workspace import Member

app = App(name="team", result_action="return_value")


@app.command(name="list")
def list_(*, workspace: WorkspaceOption = None, json: JsonOption = False) -> int:
    """团队里有谁、各是什么角色 (who is in the team)."""
    import json as jsonlib

    with opened(workspace) as here:
        rows = [{"userid": one.userid, "name": one.name, "roles": list(one.roles)} for one in here.workspace.team]
        if json:
            print(jsonlib.dumps(rows, ensure_ascii=False, indent=1))
        elif not rows:
            print(here.language.text("team.nobody"))
        else:
            _print_team(here, rows)
    return 0


@app.command
def link(userid: str, *, workspace: WorkspaceOption = None) -> int:
    """给一个人发个人链接,手机上打开就能用 (a personal link)."""
    from qunflow.store import team

    with opened(workspace) as here:
        member = member_of(here, userid)
        at = here.clock.now()
        token = here.store.write(partial(team.issue, userid=member.userid, purpose="link", at=at))
        here.store.write(partial(_note, here=here, what="link", userid=userid))
        print(f"{here.environment.web_url.rstrip('/')}/in/{token}")
    return 0


@app.command
def code(userid: str, *, workspace: WorkspaceOption = None) -> int:
    """给一个人发一次性验证码,十分钟内有效 (a one-time code)."""
    from qunflow.store import team

    with opened(workspace) as here:
        member = member_of(here, userid)
        print(here.store.write(partial(team.issue, userid=member.userid, purpose="code", at=here.clock.now())))
        here.store.write(partial(_note, here=here, what="code", userid=userid))
    return 0


@app.command
def revoke(userid: str, *, workspace: WorkspaceOption = None) -> int:
    """收回一个人的所有链接和登录 (take back every link and session)."""
    from qunflow.store import team

    with opened(workspace) as here:
        number = here.store.write(partial(team.revoke, userid=userid, at=here.clock.now()))
        here.store.write(partial(_note, here=here, what="revoke", userid=userid))
        print(here.language.text("team.revoked", number=number))
    return 0


def member_of(here: Runtime, userid: str) -> Member:
    """Somebody of the team. Raises: BadInput naming those there are."""
    from qunflow.errors import BadInput

    member = here.workspace.member(userid)
    if member is None:
        listed = ", ".join(one.userid for one in here.workspace.team)
        step = f"add them to `team:` in qunflow.yaml; there are: {listed or '-'}"
        raise BadInput(f"{userid!r} is not in the team", step)
    return member


def _note(conn: Any, here: Runtime, what: str, userid: str) -> None:
    from qunflow.store import audit

    audit.record(conn, actor(), f"team.{what}", userid, here.clock.now())


def _print_team(here: Runtime, rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("userid", here.language.text("team.name"), here.language.text("team.roles"))
    for row in rows:
        roles = "、".join(here.language.text(f"team.role_{role}") for role in row["roles"])
        table.add_row(row["userid"], row["name"], roles)
    Console().print(table)
