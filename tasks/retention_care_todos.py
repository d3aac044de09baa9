"""
To-dos that follow from retention: look at a group that loses people, act on its stage, say why nobody reacted.

Each has a key made of what it is about and the time it is about, so that running a day again asks nobody twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta

from qunflow.clock import instant_of
from qunflow.community.calendar import playbooks_needed
from qunflow.delivery.notices import title_of
from qunflow.errors import ConfigurationError
from qunflow.retention.care.alarms import LEAVE_STREAK
from qunflow.retention.care.judging import GroupCare
from qunflow.retention.care.push_windows import PushWindow
from qunflow.retention.care.reactions import REASONS, Unanswered
from qunflow.runtime.stage import StageRun
from qunflow.store.todos import NewTodo

NO_REACTION = "no-reaction/"
# A question a week is answered; ten are not.
QUESTIONS_A_WEEK = 3
TOLD_BACK = timedelta(days=28)
# A window is told as unusual below this chance, corrected for all windows looked at.
UNUSUAL = 0.05
# Above this chance an alarm that rings is told as perhaps luck: few people, just over the limit.
MAY_BE_LUCK = 0.2
_DUE = time(18, 0)


def about_groups(run: StageRun, cared: Sequence[GroupCare]) -> Iterator[NewTodo]:
    """For each group at most one about its alarm a week, and one about its stage a month."""
    names = {one.line.group.group_id: one.line.group.name for one in cared}
    for one in cared:
        admin = _admin(run, one.line.group.key)
        if not admin:
            continue
        if one.line.ringing:
            key = f"leave-alarm/{run.community.key}/{one.line.group.key}/{_week(run.day)}"
            yield _todo(run, key, admin, alarm_note(run, one), one.line.group.group_id)
        if one.advice.what != "keep":
            month = f"{run.day:%Y-%m}"
            key = f"life-stage/{run.community.key}/{one.line.group.key}/{one.stage.stage}/{one.advice.what}/{month}"
            yield _todo(run, key, admin, stage_note(run, one, names), one.line.group.group_id)


def about_activities(run: StageRun, ignored: Sequence[Unanswered]) -> Iterator[NewTodo]:
    """For the activities nobody reacted to a question with reasons to pick from, a few a week."""
    admin = next((group.admin for group in run.community.groups_on(run.day)), "")
    titles = run.runtime.ports.titles() if ignored and admin else {}
    for one in ignored[:QUESTIONS_A_WEEK] if admin else ():
        words = run.runtime.language
        title = title_of(titles, one.slot_key)
        note = words.text("care.ask_reason", title=title, posts=one.posts, groups=one.groups)
        details = {"note": note, "slot": one.slot_key, "posts": one.posts, "reasons": list(REASONS)}
        key = f"{NO_REACTION}{run.community.key}/{one.slot_key}/{_week(run.day)}"
        yield NewTodo(key, run.community.key, "other", admin, _due_at(run), details)


def alarm_note(run: StageRun, one: GroupCare) -> str:
    """What rings, what to do, and after which push people left, in one text."""
    words = run.runtime.language
    ringing = sorted(one.line.ringing, key=lambda each: each.rule != LEAVE_STREAK)
    problem = words.text("care.and").join(
        words.text(f"care.rings_{alarm.rule}", people=alarm.people, among=alarm.among) for alarm in ringing
    )
    if all(alarm.chance is not None and alarm.chance > MAY_BE_LUCK for alarm in ringing):
        problem += words.text("care.may_be_luck")
    known = {"group": one.line.group.name, "problem": problem}
    told = run.runtime.templates.render("retention/alarm.j2", known).strip()
    return " ".join([told, *(window_note(run, window) for window in one.windows[:1] if window.corrected < UNUSUAL)])


def window_note(run: StageRun, window: PushWindow) -> str:
    """昨晚 20:00 的推送后 24 小时走了 9 人, 平常约 2 人."""
    at = window.push.posted_at.astimezone(run.zone)
    usual = "–" if window.expected is None else f"{window.expected.leaves:.1f}".removesuffix(".0")
    day = _day_word(run, at.date())
    return run.runtime.language.text("care.after_push", when=f"{day} {at:%H:%M}", leaves=window.leaves, usual=usual)


def stage_note(run: StageRun, one: GroupCare, names: dict[int, str]) -> str:
    """Where the group stands, why, and what to do, in one sentence."""
    words = run.runtime.language
    into = names.get(one.advice.into, "") if one.advice.into is not None else ""
    return words.text(
        "care.stage_note",
        group=one.line.group.name,
        why=words.text(f"care.why_{one.stage.why}"),
        advice=words.text(f"care.advice_{one.advice.what}", into=into),
    )


def linked_slots(run: StageRun) -> frozenset[str]:
    """The slots that carry a link, as the outbox calls them."""
    names = {name: name for name in playbooks_needed(run.community)}
    names |= {campaign.key: campaign.sop for campaign in run.community.campaigns}
    return frozenset(f"{name}/{key}" for name, sop in names.items() for key in _linked(run, sop))


def _linked(run: StageRun, sop: str) -> list[str]:
    try:
        slots = run.runtime.templates.playbook(sop, with_copy=False).slots
    except ConfigurationError:
        return []  # the flows that send tell where it is broken
    return [slot.key for slot in slots if slot.link == "offer"]


def _admin(run: StageRun, group_key: str) -> str:
    return next((group.admin for group in run.community.groups if group.key == group_key), "")


def _todo(run: StageRun, key: str, assignee: str, note: str, group_id: int) -> NewTodo:
    return NewTodo(key, run.community.key, "other", assignee, _due_at(run), {"note": note}, group_id)


def _due_at(run: StageRun) -> datetime:
    return max(instant_of(run.day, _DUE, run.zone), run.now)


def _day_word(run: StageRun, day: date) -> str:
    back = (run.day - day).days
    words = run.runtime.language
    return words.text(f"care.days_back_{back}") if back in (0, 1, 2) else f"{day:%m-%d}"


def _week(day: date) -> str:
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02d}"
