"""
What is done about retention in a run: alarms judged closer, each group's stage and advice, to-dos, win-back proposals.

What is right is in ``qunflow.retention``; reading is in ``retention_care_reading``, figures in
``retention_care_figures``, whom to write to in ``retention_win_back``. A rehearsal measures and writes to nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pandas as pd
from sqlalchemy import Connection

from data_checks.retention_care import CARE, WIN_BACK
from qunflow.delivery.model import Planned
from qunflow.retention.care import judging, reactions
from qunflow.retention.care.judging import GroupCare, Place, Posted, Seen
from qunflow.retention.care.life_stage import Marks
from qunflow.retention.care.reactions import Post, Unanswered
from qunflow.retention.plan import DayMeasure, GroupMeasure, Measurement, Plan
from qunflow.runtime.stage import StageRun
from qunflow.runtime.telling import terms_of
from qunflow.store import figures, todo_answers, todos
from tasks import delivery
from tasks import retention_care_figures as figuring
from tasks import retention_care_todos as asking
from tasks import retention_win_back as winning
from tasks.checks import check, publish
from tasks.retention_care_page import engineers_page
from tasks.retention_care_reading import WEEK_DAYS, read_seen
from tasks.step import step

STAGE = "retention_care"


@step("留存:看近况", timeout_s=900)
def look_closer(run: StageRun, plan: Plan) -> Seen:
    """Stays, pushes and acts of the last weeks."""
    return read_seen(run, plan, run.community.retention.win_back.silent_days)


def judge_alarms(measured: Measurement, seen: Seen) -> Measurement:
    """The same with alarms judged by who left, and by how far a run of days is chance; past days measured again too."""
    return replace(measured, day=_judged(measured.day, seen), again=tuple(_judged(one, seen) for one in measured.again))


def _judged(day: DayMeasure, seen: Seen) -> DayMeasure:
    then = replace(seen, through=day.plan.complete_through)
    return replace(day, board=tuple(judging.judged(line, then, day.plan.limits) for line in day.board))


@step("留存:定对策", timeout_s=600)
def weigh(run: StageRun, board: Sequence[GroupMeasure], seen: Seen) -> tuple[GroupCare, ...]:
    """Stage, advice and layers of each group, and of a ringing one the pushes before its leaves."""
    asked = run.community.retention
    known = {group.key: group for group in run.community.groups}
    places = {
        line.group.group_id: Place(one.kind, one.platform, one.closed_on)
        if (one := known.get(line.group.key))
        else Place("", "", None)
        for line in board
    }
    marks = Marks(**asked.life_stage.model_dump())
    return judging.cared_for(board, seen, places, marks, asked.win_back.silent_days)


@step("留存:问没人理的活动", timeout_s=300)
def ignored_activities(run: StageRun, seen: Seen) -> tuple[Unanswered, ...]:
    """Activities of the last week that ask for a reaction and got none."""
    posts = [_post(one, seen) for mine in seen.posted.values() for one in mine if one.slot_key]
    return reactions.unanswered(posts, seen.clicks, seen.clicks_before, asking.linked_slots(run))


@step("留存:记对策", timeout_s=300)
def keep_care(run: StageRun, cared: Sequence[GroupCare], seen: Seen) -> int:
    """Record the day's figures of all this; the same again changes nothing. Returns how many are new or revised."""
    since = run.now - asking.TOLD_BACK
    key = run.community.key
    with run.runtime.store.reading() as conn:
        answered = todo_answers.asked_since(conn, key, asking.NO_REACTION, since)
    found = figuring.figures_of(
        key, run.day, STAGE, cared, seen, answered, run.community.retention.win_back.silent_days
    )

    def record(conn: Connection) -> int:
        return figures.record_day(conn, key, STAGE, run.day, found, run.now, terms=terms_of(conn, run))

    return run.runtime.store.write(record)


@step("留存:出对策页", timeout_s=120)
def show_engineers(run: StageRun, cared: Sequence[GroupCare]) -> None:
    """Show in the Prefect UI how sure all this is."""
    words = run.runtime.language
    page = engineers_page(cared, run.runtime.ports.titles(), run.zone, words)
    publish("report-retention-care", page, words.text("care.engineer.title"))


@step("留存:派待办", timeout_s=300)
def ask_people(run: StageRun, cared: Sequence[GroupCare], ignored: Sequence[Unanswered]) -> int:
    """Write down what people have to do; returns how many to-dos are new, in a rehearsal 0."""
    if run.dry_run or not run.runtime.workspace.team:
        return 0
    new = [*asking.about_groups(run, cared), *asking.about_activities(run, ignored)]
    return run.runtime.store.write(partial(_add, new=new, run=run))


@step("留存:选召回", timeout_s=600)
def choose_win_back(run: StageRun, cared: Sequence[GroupCare], seen: Seen) -> list[Planned]:
    """
    The messages to propose to silent members today, shown as a table in the Prefect UI.

    Raises:
        ConfigurationError: a text is missing or broken, with its file and line.
    """
    planned = winning.messages(run, winning.due_today(run, cared, seen))
    delivery.preview(run, planned)
    return planned


@step("留存:提召回", timeout_s=300)
def propose_win_back(run: StageRun, planned: Sequence[Planned]) -> int:
    """Queue the messages for a person's approval; returns how many are new, in a rehearsal how many would be."""
    if run.dry_run or not planned:
        return len(planned)
    return run.runtime.store.write(partial(winning.queue, run=run, planned=planned))


def act(run: StageRun, board: Sequence[GroupMeasure], seen: Seen) -> dict[str, int | str]:
    """
    Everything that follows from a judged board, step by step.

    Returns:
        For the run's summary: ``todos`` and ``win_back`` newly asked for, and the ``ignored`` activities; or, where
        what people did is not known, why nothing was done.

    Raises:
        CheckFailed: the board or the proposals cannot be right; nobody is asked or written to.
    """
    if seen.problem:
        return {"not_cared_for": seen.problem}
    cared = weigh(run, board, seen)
    check(care_frame(cared), CARE, run.run_id)
    planned = choose_win_back(run, cared, seen)
    check(proposals_frame(planned), WIN_BACK, run.run_id)
    ignored = ignored_activities(run, seen)
    keep_care(run, cared, seen)
    show_engineers(run, cared)
    return {
        "todos": ask_people(run, cared, ignored),
        "win_back": propose_win_back(run, planned),
        "ignored": len(ignored),
    }


def care_frame(cared: Sequence[GroupCare]) -> pd.DataFrame:
    """What the check looks at: one row a group."""
    rows = [
        (
            one.line.group.key,
            one.members,
            one.stage.active_share,
            sum(one.layers.values()),
            len(one.silent),
            one.stage.stage,
            one.advice.what,
        )
        for one in cared
    ]
    names = ["group", "members", "active_share", "layered", "silent", "stage", "advice"]
    return pd.DataFrame(rows, columns=names).astype({"active_share": "float64"})


def proposals_frame(planned: Sequence[Planned]) -> pd.DataFrame:
    """What the check looks at: one row a proposal."""
    rows = [(one.target_ref, one.way, one.marketing) for one in planned]
    return pd.DataFrame(rows, columns=["person", "way", "marketing"])


def _add(conn: Connection, new: Sequence[todos.NewTodo], run: StageRun) -> int:
    return todos.add(conn, new, run.now)


def _post(one: Posted, seen: Seen) -> Post:
    return Post(one.slot_key, one.group_id, one.day, one.replies, (seen.through - one.day).days < WEEK_DAYS)
