"""
Commands about what goes out: the resident sender, and the outbox as a person sees it.

What may leave and when is decided in ``delivery``; these commands only start it, show it and approve or stop it.
"""

from __future__ import annotations

import getpass
import json as jsonlib
import signal
import sys
import threading
from collections.abc import Sequence
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo

from cyclopts import App, Parameter

from qunflow.cli.opening import actor, opened
from qunflow.cli.options import JsonOption, WorkspaceOption

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from qunflow.delivery.problems import Problem
    from qunflow.delivery.resident import TickReport
    from qunflow.language import Catalogue
    from qunflow.runtime import Runtime

app = App(name="outbox", result_action="return_value")

DayOption = Annotated[date | None, Parameter(help="哪一天,默认今天 (local day)")]
CommunityOption = Annotated[str, Parameter(help="社群的 key,默认第一个 (community)")]
OnceOption = Annotated[bool, Parameter(negative="", help="只跑一轮 (one round only)")]
EveryOption = Annotated[float, Parameter(help="每几秒一轮 (seconds between rounds)")]
ByOption = Annotated[str, Parameter(help="谁决定的,默认登录名 (who)")]
CodeOption = Annotated[str, Parameter(help="审核人的一次性验证码 (the approver's one-time code)")]
YesOption = Annotated[bool, Parameter(name="--yes", negative="", help="不再问，直接发 (do not ask)")]
ProblemsOption = Annotated[bool, Parameter(name="--problems", negative="", help="只看没着落的 (unknown and dead only)")]
SlotOption = Annotated[str, Parameter(help="时段的 key (slot)")]
ScopeArgument = Annotated[Literal["all", "campaign", "group"], Parameter(help="范围 (scope)")]
KeyArgument = Annotated[str, Parameter(help="活动 key,或 社群/群 (campaign key, or community/group)")]

_SETTINGS_PAUSE_S = 60.0


def deliver(*, workspace: WorkspaceOption = None, once: OnceOption = False, every_s: EveryOption = 2.0) -> int:
    """常驻发送:到点发、答欢迎语、催群主、核实结果 (send what is due until stopped)."""
    with opened(workspace) as here:
        stopping = _until_stopped()
        while True:
            pause_s = _round(here, once=once)
            if once or stopping.wait(max(every_s, pause_s)):
                return 0


@app.command(name="list")
def list_(
    *,
    workspace: WorkspaceOption = None,
    day: DayOption = None,
    community: CommunityOption = "",
    problems: ProblemsOption = False,
    json: JsonOption = False,
) -> int:
    """看一天要发什么、发到哪一步 (what goes out on a day, and where it stands)."""
    from qunflow.clock import local_day
    from qunflow.delivery.outbox import board

    with opened(workspace) as here:
        place = here.workspace.community(community)
        shown_day = day or local_day(here.clock.now(), place.zone_info)
        with here.store.reading() as conn:
            rows = board(conn, place.key, shown_day)
        if problems:
            rows = [row for row in rows if row["state"] in ("unknown", "dead") and row["outcome"] != "delivered"]
        if json:
            _print_json([_for_machines(row) for row in rows])
        else:
            _print_board(rows, here.language, place.zone_info, f"{place.name} {shown_day:%Y-%m-%d}")
    return 0


@app.command
def show(target_id: int, *, workspace: WorkspaceOption = None, json: JsonOption = False) -> int:
    """看一条:全文和状态 (one message in full)."""
    from sqlalchemy import select

    from qunflow.delivery.outbox import board
    from qunflow.errors import BadInput
    from qunflow.store.tables import targets

    with opened(workspace) as here, here.store.reading() as conn:
        wanted = select(targets.c.community, targets.c.local_day).where(targets.c.target_id == target_id)
        found = conn.execute(wanted).one_or_none()
        if found is None:
            raise BadInput(f"there is no message {target_id}", "see `qunflow outbox list`")
        row = next(one for one in board(conn, found.community, found.local_day) if one["target_id"] == target_id)
        if json:
            _print_json(row)
        else:
            _print_message(row, here.language)
    return 0


@app.command
def retry(target_id: int, *, workspace: WorkspaceOption = None, yes: YesOption = False, by: ByOption = "") -> int:
    """把没着落的再发一次；可能已经到了的要先确认 (send a dead letter again, after asking)."""
    from qunflow.delivery.problems import settle_by_hand

    with opened(workspace) as here:
        problem = _problem_of(here, target_id)
        if not yes and not _agreed(here.language, problem.number, problem.reason):
            return 1
        settled = partial(settle_by_hand, workspace=here.workspace, number=problem.number, how="again")
        number = here.store.write(partial(settled, by=by or getpass.getuser(), at=here.clock.now()))
        print(here.language.text("delivery.settled_again", number=number))
    return 0


@app.command
def drop(target_id: int, *, workspace: WorkspaceOption = None, by: ByOption = "") -> int:
    """没着落的不再发，记下是谁决定的 (leave a dead letter for good; who did is recorded)."""
    from qunflow.delivery.problems import settle_by_hand

    with opened(workspace) as here:
        number = _problem_of(here, target_id).number
        settled = partial(settle_by_hand, workspace=here.workspace, number=number, how="dropped")
        count = here.store.write(partial(settled, by=by or getpass.getuser(), at=here.clock.now()))
        print(here.language.text("delivery.settled_dropped", number=count))
    return 0


@app.command
def approve(
    *, workspace: WorkspaceOption = None, slot: SlotOption, day: DayOption = None, code: CodeOption = ""
) -> int:
    """审核一个时段,过了才会发 (approve a slot; only then it goes out)."""
    with opened(workspace) as here:
        done = here.store.write(partial(_approve, here=here, slot=slot, day=day, code=code))
        print(here.language.text("delivery.approved", number=done))
    return 0


def _approve(conn: Connection, here: Runtime, slot: str, day: date | None, code: str) -> int:
    """
    Approve in the name of whoever holds the code; without a team in the settings, of whoever is logged in here.

    Raises:
        BadInput: there is a team and no valid code of an approver.
    """
    from qunflow.delivery import outbox
    from qunflow.delivery.approval import approve_with_code
    from qunflow.errors import BadInput

    at = here.clock.now()
    if not here.workspace.team:
        return outbox.approve(conn, slot, by=actor(), at=at, day=day)
    if not code:
        raise BadInput("nobody has said who approves", "give --code, from `qunflow team code USERID`")
    return approve_with_code(conn, here.workspace, code, outbox.awaiting(conn, slot, day), at).approved


@app.command
def stop(scope: ScopeArgument, key: KeyArgument = "all", *, workspace: WorkspaceOption = None) -> int:
    """马上停发 (stop sending at once)."""
    from qunflow.delivery import switches

    with opened(workspace) as here:
        here.store.write(partial(switches.stop, scope=scope, key=key, by=getpass.getuser(), at=here.clock.now()))
        _print_stopped(here)
    return 0


@app.command
def resume(scope: ScopeArgument, key: KeyArgument = "all", *, workspace: WorkspaceOption = None) -> int:
    """恢复发送 (send again)."""
    from qunflow.delivery import switches

    with opened(workspace) as here:
        here.store.write(partial(switches.go_on, scope=scope, key=key, by=getpass.getuser(), at=here.clock.now()))
        _print_stopped(here)
    return 0


def _until_stopped() -> threading.Event:
    """An event that SIGTERM and Ctrl-C set, so that a round is finished before the process ends."""
    stopping = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda _number, _frame: stopping.set())
    return stopping


def _round(here: Runtime, *, once: bool) -> float:
    """
    One beat; returns how many seconds to leave the platform alone.

    A beat that fails is told and tried again, unless there is only this one.
    """
    from qunflow.delivery.resident import tick
    from qunflow.errors import ConfigurationError, TransientError
    from qunflow.runtime.greetings import welcome_composer

    try:
        report = tick(here.ports, now=here.clock.now(), compose=welcome_composer(here), budget_s=5.0)
    except (TransientError, ConfigurationError) as error:
        if once:
            raise
        print(f"qunflow: {error}", file=sys.stderr, flush=True)
        return _SETTINGS_PAUSE_S if isinstance(error, ConfigurationError) else error.retry_after_s
    _print_beat(report, here.language, always=once)
    for problem in report.problems:
        if once:
            raise problem
        print(f"qunflow: {problem}", file=sys.stderr, flush=True)
    wrong = any(isinstance(one, ConfigurationError) for one in report.problems)
    return _SETTINGS_PAUSE_S if wrong else report.retry_after_s


def _print_beat(report: TickReport, words: Catalogue, *, always: bool) -> None:
    numbers = {
        "welcomed": report.welcomes.sent,
        "sent": report.delivery.sent,
        "refused": report.delivery.refused + report.welcomes.refused,
        "unknown": report.delivery.unknown,
        "skipped": report.delivery.skipped,
        "confirmed": report.polled.outcomes.get("delivered", 0),
        "reminded": report.reminders.reminded,
        "withdrawn": report.reminders.withdrawn,
    }
    if always or any(numbers.values()):
        print(words.text("delivery.beat", **numbers), flush=True)


def _problem_of(here: Runtime, target_id: int) -> Problem:
    """The problem a target belongs to: all targets of one call share its fate."""
    from sqlalchemy import select

    from qunflow.delivery.problems import problems
    from qunflow.errors import BadInput
    from qunflow.store.tables import targets

    with here.store.reading() as conn:
        wanted = select(targets.c.call_id).where(targets.c.target_id == target_id)
        call_id = conn.execute(wanted).scalar_one_or_none()
        shared = select(targets.c.target_id).where(targets.c.call_id == call_id)
        mine = {target_id, *(conn.execute(shared).scalars() if call_id is not None else ())}
        found = next((one for one in problems(conn, here.workspace, here.clock.now()) if one.number in mine), None)
    if found is None:
        raise BadInput(f"message {target_id} needs nobody's decision", "see `qunflow outbox list --problems`")
    return found


def _agreed(words: Catalogue, number: int, reason: str) -> bool:
    """Whether the person at the terminal takes the risk; nobody there is a no."""
    from qunflow.delivery.reasons import in_words

    print(words.text("delivery.risk", number=number, reason=in_words(words.text, reason)))
    try:
        return input(words.text("delivery.risk_question")).strip().lower() == "yes"
    except EOFError:
        return False


def _for_machines(row: dict[str, Any]) -> dict[str, Any]:
    named = {"slot_key": row["slot"], "target": f"{row['target_kind']}/{row['target_ref']}"}
    return {**named, **{key: value for key, value in row.items() if key != "text"}}


def _print_json(value: object) -> None:
    print(jsonlib.dumps(value, ensure_ascii=False, indent=1, default=_plain))


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime | date) else str(value)


def _print_board(rows: Sequence[dict[str, Any]], words: Catalogue, zone: ZoneInfo, title: str) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=title)
    for name in ("id", "time", "slot", "group", "way", "sender", "state", "outcome"):
        table.add_column(words.text(f"delivery.column_{name}"))
    for row in rows:
        cells = (
            str(row["target_id"]),
            f"{row['due_at'].astimezone(zone):%H:%M}",
            row["slot"],
            row["group"],
            words.text(f"delivery.way_{row['way']}"),
            row["sender"],
            words.text(f"delivery.state_{row['state']}") + (f" ({row['reason']})" if row["reason"] else ""),
            words.text(f"delivery.outcome_{row['outcome']}"),
        )
        table.add_row(*(escape(cell) for cell in cells))
    Console().print(table if rows else words.text("delivery.nothing"))


def _print_message(row: dict[str, Any], words: Catalogue) -> None:
    state = words.text(f"delivery.state_{row['state']}")
    print(f"{row['target_id']} · {row['slot']} · {row['group']} · {row['sender']} · {state} {row['reason']}".rstrip())
    print(row["text"])


def _print_stopped(here: Runtime) -> None:
    from qunflow.delivery.switches import stopped

    with here.store.reading() as conn:
        rows = stopped(conn)
    listed = "、".join(f"{row['scope']} {row['key']}" for row in rows)
    print(here.language.text("delivery.stopped", listed=listed) if rows else here.language.text("delivery.running"))
