"""
The steps of the weekly activity: open the week, take check-ins in, book points, give awards, announce, report.

Each step reads, applies a rule of ``qunflow.weekly_activity``, and writes; run again it changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any

import pandas as pd

from qunflow.delivery.links import random_code
from qunflow.runtime import telling
from qunflow.runtime.stage import StageRun
from qunflow.store import activities, inbox
from qunflow.weekly_activity.challenge import challenge_of_week, is_opening_day
from qunflow.weekly_activity.checkins import Arrival, Sorted, sort_arrivals, tap_rows
from tasks import delivery
from tasks.checks import publish
from tasks.step import step
from tasks.weekly_points import award_week, book_week
from tasks.weekly_records import arrivals_of, keep_sorted, running_week, weeks_of
from tasks.weekly_report import figures_of, markdown_of, standing_of

# A tap may come in late, and a prize may be found to be due, as long after the week as this.
LOOK_BACK = timedelta(days=14)
INBOX_LIMIT = 20_000


@step("每周活动:开打卡周")
def open_week(run: StageRun) -> bool:
    """Open the check-in week on its Monday; on any other day, or once it is open, there is nothing to open."""
    if run.dry_run or not is_opening_day(run.day):
        return False
    settings = run.community.weekly_activity
    title = run.runtime.language.text("weekly_activity.title", week=run.day.isocalendar().week)
    week = challenge_of_week(run.day, sop=settings.sop, title=title, points_per_checkin=settings.points_per_checkin)
    opening = partial(
        activities.open_activity,
        community=run.community.key,
        activity_key=week.key,
        code=random_code(),
        title=week.title,
        opens_on=week.opens_on,
        closes_on=week.closes_on,
        points_per_checkin=week.points_per_checkin,
    )
    return run.runtime.store.write(opening)


@step("每周活动:读打卡")
def read_taps(run: StageRun) -> list[Arrival]:
    """Taps nobody made anything of yet; those on another community's link are left to its own run."""
    here = run.runtime
    with here.store.reading() as conn:
        rows = inbox.unapplied(conn, here.vault, "checkin", INBOX_LIMIT)
        arrivals = arrivals_of(conn, here.vault, rows)
        known = activities.by_code(conn, {one.code for one in arrivals})
    foreign = {code for code, week in known.items() if week.community != run.community.key}
    return [one for one in arrivals if one.code not in foreign]


@step("每周活动:认打卡")
def sort_taps(run: StageRun, arrivals: list[Arrival]) -> tuple[Sorted, pd.DataFrame]:
    """Which taps count, and a row a tap for the input check."""
    with run.runtime.store.reading() as conn:
        weeks, known = weeks_of(conn, {one.code for one in arrivals})
    told = sort_arrivals(arrivals, weeks, known, now=run.now, zone=run.zone)
    columns = ["inbox_id", "person_id", "week_day", "mark", "reason"]
    return told, pd.DataFrame(tap_rows(arrivals, told, weeks), columns=columns)


def set_aside(told: Sorted) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Taps that cannot count, for the quarantine; what they say stays sealed in the inbox."""
    return [(str(one.inbox_id), one.reason, {"inbox_id": one.inbox_id}) for one in told.refused]


@step("每周活动:记打卡")
def keep_taps(run: StageRun, told: Sorted, arrivals: list[Arrival]) -> int:
    """Write check-ins down, into state and history, and say of every tap what became of it, in one transaction."""
    persons = {one.inbox_id: one.person_id for one in arrivals if one.person_id is not None}
    return run.runtime.store.write(partial(keep_sorted, here=run.runtime, told=told, persons=persons, at=run.now))


@step("每周活动:积分与奖品")
def reward(run: StageRun) -> int:
    """Book what check-ins and streaks have earned and is not booked yet; returns how many entries are new."""
    if run.dry_run:
        return 0
    booked = 0
    with run.runtime.store.reading() as conn:
        weeks = activities.activities_between(conn, run.community.key, run.day - LOOK_BACK, run.day)
    for week in weeks:
        booked += run.runtime.store.write(partial(book_week, week=week, at=run.now))
        booked += run.runtime.store.write(partial(award_week, run=run, week=week))
    return booked


@step("每周活动:看进度")
def standing(run: StageRun) -> pd.DataFrame:
    """One row a person of the running week, for the output check."""
    with run.runtime.store.reading() as conn:
        return standing_of(conn, run)


@step("每周活动:排节点", timeout_s=900)
def announce(run: StageRun, approval_code: str = "") -> dict[str, int]:
    """Put today's slots of the week into the outbox and send what is due; in a dry run only show them."""
    here = run.runtime
    with here.store.reading() as conn:
        week = running_week(conn, run.community.key, run.day)
    if week is None and not (run.dry_run and is_opening_day(run.day)):
        return {}
    code = week.code if week else here.language.text("weekly_activity.code_to_come")
    live = {"link": f"{here.environment.web_url.rstrip('/')}/c/{code}"}
    texts = [(place, delivery.wording(run, place, live)) for place in delivery.slots_of_stage(run)]
    planned = [delivery.message(run, place, text) for place, text in texts if text]
    if run.dry_run:
        delivery.preview(run, planned)
        return {"would_send": len(planned)}
    return delivery.send(run, planned, approval_code)


@step("每周活动:出报告")
def report_week(run: StageRun) -> int:
    """Record the week's figures of yesterday and today, and publish the stage report; returns how many changed."""
    here = run.runtime
    with here.store.reading() as conn:
        found = figures_of(conn, run)
    changed = telling.keep(run, found)
    publish("report-weekly-activity", markdown_of(run, found), here.language.text("weekly_activity.report"))
    return changed
