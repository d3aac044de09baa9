"""
``python -m flows``, called by ``./run``: the demo season, one stage in this process, the services on loopback.

Nothing heavy is imported before the command is known.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from qunflow.errors import ConfigurationError, QunflowError, disk_problem

app = App(
    name="./run",
    help="社群运营流水线 · communities as observable pipelines",
    help_format="plaintext",
    suppress_keyboard_interrupt=False,
)

SIMULATED_DAYS = range(1, 29)
AGAIN_S = 0.05
INTERRUPTED = 130
_leaving: list[bool] = []

Workspace = Annotated[Path | None, Parameter(name=["--workspace", "-w"])]


@app.command
def demo(*, seed: int = 1, days: int = 7, out: Path = Path("demo-season"), lang: str = "zh") -> int:
    """
    Live a simulated season and write its report.

    Args:
        seed: which people and which chances
        days: days lived through the real flows, 1 to 28
        out: folder of the season
        lang: zh or en
    """
    from flows.commands.demo import demo as live

    if days not in SIMULATED_DAYS:
        raise ConfigurationError(f"--days {days} cannot be lived", "valid: 1 to 28")
    return live(seed=seed, days=days, out=out, lang=lang)


@app.command
def stage(name: str, *, day: str = "", send: bool = False, backfill: bool = False, reopen: bool = False,
          workspace: Workspace = None, community: str = "", json: bool = False) -> int:  # fmt: skip
    """
    Run one flow for one day in this process: a stage, upkeep, or the whole cycle.

    Args:
        name: acquisition, daily_content, weekly_activity, retention, conversion, upkeep or cycle
        day: logical day YYYY-MM-DD; today when left out
        send: let it out; without it nothing leaves
        backfill: make up a past day; never sends
        reopen: change figures that are final, too; every change is written down
        workspace: the workspace; QUNFLOW_WORKSPACE when left out
        community: key of the community when there are several
        json: print the result as JSON
    """
    from flows.commands.stage import run_one

    form = {"day": day, "dry_run": not send, "backfill": backfill, "reopen": reopen, "community": community}
    return run_one(name, form, workspace=workspace, as_json=json)


@app.command
def up(*, workspace: Workspace = None) -> int:
    """
    Start Prefect, worker, deployments, web, sender and sandbox on loopback.

    Args:
        workspace: the workspace to serve; a demo season is made when there is none
    """
    from flows.commands.up import up as start

    return start(workspace)


@app.command
def down() -> int:
    """Stop everything ``up`` started."""
    from flows.commands.up import down as stop

    return stop()


def main() -> int:
    """Run a command; our own errors are told in two lines, without a traceback."""
    _leave_on_signals()
    try:
        return int(app(result_action="return_value") or 0)
    except BaseException as problem:  # noqa: BLE001 - what nobody foresaw is raised again
        return _told(problem)


def _told(problem: BaseException) -> int:
    """Say what stopped a command and give its exit code; what nobody foresaw is raised again."""
    if _leaving:  # a library may have wrapped the interrupt in an error of its own
        print("\n✖ stopped; what was done stays done, run it again for the rest", file=sys.stderr)
        return INTERRUPTED
    known = disk_problem(problem) if isinstance(problem, OSError) else problem
    if not isinstance(known, QunflowError):
        raise problem
    print(f"✖ {known}", file=sys.stderr)
    return known.exit_code


def _leave_on_signals() -> None:
    """A closed terminal or a ``kill`` stops the services that were started just as Ctrl-C does."""
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
        if signal.getsignal(sign) is not signal.SIG_IGN:  # as nohup wishes
            signal.signal(sign, _leave)
    sys.unraisablehook = _leave_after_all


def _leave(*_signal: object) -> None:
    _leaving.append(True)
    raise KeyboardInterrupt


def _leave_after_all(lost: sys.UnraisableHookArgs) -> None:
    # Python drops an interrupt that arrives inside a finaliser: a moment later it arrives again.
    if lost.exc_type is KeyboardInterrupt:
        signal.setitimer(signal.ITIMER_REAL, AGAIN_S)
    else:
        sys.__unraisablehook__(lost)


if __name__ == "__main__":
    code = main()
    if code == INTERRUPTED:
        # The services are stopped; threads that still wait for one of them would keep the terminal.
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
