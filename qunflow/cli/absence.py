"""
``qunflow absence``: who is away, and who does their work meanwhile.

What follows for messages is done by the resident sender's next round.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from qunflow.cli.opening import actor, opened
from qunflow.cli.options import JsonOption, WorkspaceOption

if TYPE_CHECKING:
    pass

app = App(name="absence", result_action="return_value")

FromOption = Annotated[date, Parameter(name="--from", help="从哪天 (first day)")]
UntilOption = Annotated[date, Parameter(help="到哪天，含当天 (last day)")]
StandInOption = Annotated[str, Parameter(help="谁代班，不写就由群里的管理员或群主代 (who stands in)")]


@app.command
def add(
    userid: str,
    *,
    workspace: WorkspaceOption = None,
    from_: FromOption,
    until: UntilOption,
    stand_in: StandInOption = "",
) -> int:
    """记一条请假 (note an absence)."""
    from qunflow.cli.team import member_of
    from qunflow.clock import instant_of
    from qunflow.store import absences

    with opened(workspace) as here:
        member_of(here, userid)
        if stand_in:
            member_of(here, stand_in)
        zone = here.workspace.communities[0].zone_info
        start, end = instant_of(from_, time.min, zone), instant_of(until + timedelta(days=1), time.min, zone)
        work = partial(
            absences.note,
            userid=userid,
            from_at=start,
            until_at=end,
            stand_in=stand_in,
            by=actor(),
            at=here.clock.now(),
        )
        number = here.store.write(work)
        print(
            here.language.text(
                "desk.cli.absence_noted", number=number, who=userid, until=until, stand_in=stand_in or "-"
            )
        )
    return 0


@app.command(name="list")
def list_(*, workspace: WorkspaceOption = None, json: JsonOption = False) -> int:
    """现在和以后谁请假 (absences that last or are to come)."""
    import json as jsonlib
    from dataclasses import asdict

    from qunflow.store import absences

    with opened(workspace) as here:
        with here.store.reading() as conn:
            known = absences.noted(conn, here.clock.now())
        zone = here.workspace.communities[0].zone_info
        if json:
            print(
                jsonlib.dumps([asdict(one) for one in known], ensure_ascii=False, indent=1, default=datetime.isoformat)
            )
        elif not known:
            print(here.language.text("desk.cli.absence_nobody"))
        for one in known if not json else ():
            span = f"{one.from_at.astimezone(zone):%m-%d %H:%M} → {one.until_at.astimezone(zone):%m-%d %H:%M}"
            print(f"{one.absence_id}  {one.userid}  {span}  {one.stand_in_userid or '-'}")
    return 0


@app.command
def cancel(number: int, *, workspace: WorkspaceOption = None) -> int:
    """取消一条请假 (take an absence back)."""
    from qunflow.store import absences

    with opened(workspace) as here:
        done = here.store.write(partial(absences.cancel, absence_id=number, by=actor(), at=here.clock.now()))
        print(here.language.text("desk.cli.absence_cancelled" if done else "desk.cli.absence_unknown"))
    return 0 if done else 1
