"""
The steps of acquisition as they are run: retried when that can help, chunked by groups, shown in the Prefect UI.

What each step does is in ``tasks.acquisition_*``; what is right, in ``qunflow.acquisition``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

import pandas as pd
from prefect.artifacts import create_table_artifact
from prefect.context import FlowRunContext

from qunflow.acquisition.intake import ContactNews, GroupNews, Intake, Kept, Outgoing, Placing, RosterNews, Said
from qunflow.acquisition.leads import Refusal
from qunflow.errors import BadInput, ConfigurationError
from qunflow.runtime import telling
from qunflow.runtime.completeness import DayGrades, figures_of, graded_day
from qunflow.runtime.stage import StageRun
from qunflow.store import inbox, members
from tasks import acquisition_contacts as contacts
from tasks import acquisition_greeting as greeting
from tasks import acquisition_intake as intake
from tasks import acquisition_numbers as numbers
from tasks import acquisition_replies as replies
from tasks import acquisition_roster as roster
from tasks import acquisition_scans as scans
from tasks import delivery
from tasks.checks import publish
from tasks.step import step

GROUPS_PER_TASK = 50
# Official figures settle and late callbacks arrive within this.
GRADED_DAYS = 3


@step("拉新:读线索")
def read_leads(run: StageRun) -> Intake:
    """Every row of the forms and files that were dropped, judged; nothing is written yet."""
    return intake.read_intake(run.community, run.now)


@step("拉新:记线索")
def keep_leads(run: StageRun, found: Intake) -> Kept:
    """Write the leads down, each with its person."""
    run.runtime.store.write(partial(members.sync_groups, workspace=run.runtime.workspace))
    return intake.keep_intake(found, run.community, run.now)


@step("拉新:好友进出")
def keep_contacts(run: StageRun) -> ContactNews:
    """Note who became a contact, who is none any more and who wants to be left alone."""
    told = contacts.keep_contact_callbacks(run.community, run.now)
    listed = contacts.keep_contact_list(run.community, run.now)
    replies.keep_replies(run.community, run.now)
    return ContactNews(told.added + listed.added, told.deleted, told.quarantined)


@step("拉新:记扫码")
def keep_scans(run: StageRun) -> int:
    """Note who opened a live code's page; returns how many visits there were."""
    return scans.keep_scans(run.runtime, run.now)


@step("拉新:群活码")
def ensure_live_codes(run: StageRun) -> int:
    """Make the live codes that are missing, and point those at other groups whose groups are full."""
    plans = () if run.dry_run else greeting.code_plans(run)
    for plan in plans:
        greeting.make_code(run, plan)
    return len(plans)


@step("拉新:欢迎")
def welcome_newcomers(run: StageRun) -> int:
    """Answer newcomers while their 20 seconds last; returns how many were reached."""
    if run.dry_run:
        return 0
    try:
        return greeting.answer_fresh(run)
    except ConfigurationError:
        # Broken copy must not keep the rosters from being read; `welcome_late` meets and reports the same mistake.
        return 0


@step("拉新:补欢迎")
def welcome_late(run: StageRun) -> Said:
    """Greet privately those whose code came too late or never."""
    late = [] if run.dry_run else greeting.late_welcomes(run)
    try:
        planned = greeting.late_welcome_messages(run, late)
    except ConfigurationError as error:
        return Said(problem=str(error))
    if planned:
        delivery.send(run, planned, is_greeting=True)
    return Said(tuple(one.target_ref for one in planned))


@step("拉新:分群")
def place_leads(run: StageRun) -> Placing:
    """Give each lead a group with room."""
    return run.runtime.store.write(partial(intake.place_waiting, community=run.community, day=run.day))


@step("拉新:再次邀请")
def invite_again(run: StageRun, *, wanted: bool) -> Said:
    """Put the invitations that are due into the outbox, and count them for each person."""
    if run.dry_run or not wanted:
        return Said()
    try:
        planned = greeting.invitation_messages(run, greeting.due_invitations(run))
    except ConfigurationError as error:
        return Said(problem=str(error))
    asked = run.runtime.store.write(partial(greeting.queue_invitations, run=run, planned=planned))
    delivery.send(run, [])
    return Said(tuple(asked))


@step("拉新:试运行清单")
def show_plan(run: StageRun) -> Outgoing:
    """What a run with sending would do, as a table in the Prefect UI."""
    plan = greeting.outgoing(greeting.late_welcomes(run), greeting.due_invitations(run), greeting.code_plans(run))
    words = run.runtime.language
    heads = [words.text(f"acquisition.preview_{name}") for name in ("kind", "channel", "people", "way")]
    rows = [dict(zip(heads, line, strict=True)) for line in plan.lines]
    if rows and FlowRunContext.get() is not None:
        create_table_artifact(rows, key="preview-acquisition", description=words.text("acquisition.preview"))
    return plan


@step("拉新:读群名单", timeout_s=900)
def read_rosters(run: StageRun, group_keys: Sequence[str]) -> tuple[GroupNews, ...]:
    """Read the members of some groups and write down who joined and who left."""
    return roster.read_groups(run.community, group_keys, run.now)


@step("拉新:跟回调", timeout_s=900)
def follow_rosters(run: StageRun, group_keys: Sequence[str]) -> tuple[GroupNews, ...]:
    """Apply what callbacks told of some groups, and read those of which one may have got lost."""
    return roster.follow_groups(run.community, group_keys, run.now)


@step("拉新:跟已关的群")
def follow_closed(run: StageRun) -> int:
    """Apply what callbacks still tell of groups that are not read any more; returns of how many."""
    return len(roster.follow_closed(run.community, _open_keys(run), run.now))


def keep_roster(run: StageRun, groups_per_task: int = GROUPS_PER_TASK) -> RosterNews:
    """Read every group's members, a chunk of groups a task."""
    found = RosterNews(tuple(one for part in _parts(run, groups_per_task) for one in read_rosters(run, part)))
    follow_closed(run)
    return found


def follow_roster(run: StageRun, groups_per_task: int = GROUPS_PER_TASK) -> RosterNews:
    """Bring every group up to date by its callbacks, and read only those that need it."""
    found = RosterNews(tuple(one for part in _parts(run, groups_per_task) for one in follow_rosters(run, part)))
    follow_closed(run)
    return found


def _parts(run: StageRun, groups_per_task: int) -> list[tuple[str, ...]]:
    run.runtime.store.write(partial(members.sync_groups, workspace=run.runtime.workspace))
    return list(roster.parts(_open_keys(run), groups_per_task))


def _open_keys(run: StageRun) -> list[str]:
    return [group.key for group in run.community.groups_on(run.day)]


def roster_frame(found: RosterNews, invited: Sequence[int], run: StageRun) -> pd.DataFrame:
    """One row a group that could be read, for the output check; ``invited`` are persons."""
    asked = set(invited)
    with run.runtime.store.reading() as conn:
        inside = {one.group_id: asked & set(members.open_memberships(conn, one.group_id)) for one in found.groups}
    rows = [
        {
            "group": one.group_key,
            "members": one.members,
            "listed": one.listed - one.in_flight,
            "expected_members": one.members_before + one.joins - one.leaves,
            "left_without_join": one.left_without_join,
            "invited_members": len(inside[one.group_id]),
        }
        for one in found.groups
        if not one.problem
    ]
    return pd.DataFrame(rows, columns=ROSTER_COLUMNS)


# What comes from the platform or from our own pages is read or it has changed its shape.
_ALL_OURS = ("wecom", "scan_page")
ROSTER_COLUMNS = ["group", "members", "listed", "expected_members", "left_without_join", "invited_members"]


@step("拉新:算漏斗")
def keep_figures(run: StageRun, found: RosterNews, placing: Placing) -> int:
    """Write the funnel by channel and the day's movement, and publish the stage report; returns what changed."""
    key = run.community.key
    with run.runtime.store.reading() as conn:
        counted = numbers.measured(conn, run)
        key_of = {group.group_id: group.group_key for group in members.groups_of(conn, key)}
    new = numbers.figures_of(key, run.day, counted, key_of)
    changed = telling.keep(run, new)
    words = run.runtime.language
    graded = telling.graded(run.runtime, key, run.day)
    report = numbers.stage_report(run.community, run.day, counted, found, placing.without_room, graded, words)
    publish("report-acquisition", report, words.text("acquisition.report"))
    return changed


@step("拉新:数据完整度")
def keep_completeness(run: StageRun) -> list[DayGrades]:
    """Grade the last days that are over, the latest first; what came late or was healed since revises a grade."""
    days = [run.day - timedelta(days=back) for back in range(1, GRADED_DAYS + 1)]
    found = [graded_day(run.runtime, run.community, day, run.now) for day in days]
    new = [figure for one in found for figure in figures_of(run.community.key, one)]
    telling.keep(run, new)
    return found


def completeness_frame(found: Sequence[DayGrades]) -> pd.DataFrame:
    """One row a group and one for the community, of the latest day that is graded, for the check."""
    latest = found[0]
    rows = [{"scope": one.group, "grade": one.letter, "differs": one.differs} for one in latest.groups]
    whole = {"scope": "community", "grade": latest.letter, "differs": False}
    return pd.DataFrame([whole, *rows], columns=["scope", "grade", "differs"])


def drift_frame(run: StageRun) -> pd.DataFrame:
    """One row a source that pushes to us: how many of a day's pushes had a shape nobody understands."""
    with run.runtime.store.reading() as conn:
        aside = inbox.quarantined(conn, run.now - timedelta(days=1))
    shapes = {str(Refusal.MALFORMED), str(Refusal.UNKNOWN_FORM)}
    of_forms = sum(count for (source, reason), count in aside.items() if source == "form" and reason in shapes)
    others = {name: sum(count for (source, _), count in aside.items() if source == name) for name in _ALL_OURS}
    return pd.DataFrame({"source": ["form", *others], "unreadable": [of_forms, *others.values()]})


def unread_groups(found: RosterNews) -> dict[str, list[str]]:
    """Which groups the platform refused, for the run's summary; they stop nobody else."""
    unread = [
        f"group {one.group_key}: {one.problem}; check its chat_id in qunflow.yaml, or set closed_on if it is gone"
        for one in found.groups
        if one.problem
    ]
    return {"unread": unread} if unread else {}


def require_whole(found: Intake, *said: Said) -> None:
    """
    Say which files could not be read and which words not be found, after everything else was done.

    Raises:
        BadInput: naming every file that could not be read.
        ConfigurationError: naming file and line of broken copy.
    """
    broken = list(dict.fromkeys(one.problem for one in said if one.problem))
    if broken:
        told = "; ".join(problem.replace("\n", " ") for problem in broken)
        raise ConfigurationError(f"somebody could not be written to: {told}", "mend the copy and run the day again")
    if found.unreadable:
        told = "; ".join(problem.replace("\n", " ") for _, problem in found.unreadable)
        raise BadInput(
            f"{len(found.unreadable)} files in leads/ could not be read: {told}",
            "mend or remove them and run the day again; everything else of this run is done",
        )
