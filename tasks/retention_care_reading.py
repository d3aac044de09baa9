"""
What the care for groups reads: stays and pushes from the store, acts from the last ninety days of the history.

Bounded by days, not by the age of the community. Nothing is judged here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import ibis.expr.types as ir
from sqlalchemy import Connection, or_, select

from qunflow.clock import day_bounds, local_day
from qunflow.errors import BadInput
from qunflow.retention.care.judging import LAYER_DAYS, STAYS_DAYS, PersonActs, Posted, Seen, Stay
from qunflow.retention.care.life_stage import SEEN_DAYS
from qunflow.retention.events import counted
from qunflow.retention.plan import Plan
from qunflow.runtime.stage import StageRun
from qunflow.store.rows import chunks
from qunflow.store.tables import memberships, outside_sends, targets

ACTS_DAYS = 90
POSTED_DAYS = 35
WEEK_DAYS = 7
# On fewer days than this with a message in them, the chat archive is not there or not whole.
TALK_DAYS = 7


def read_seen(run: StageRun, plan: Plan, silent_days: int) -> Seen:
    """
    Everything the rules need, as of the plan's last day that is over.

    Where files of these days were moved away the acts are left out, and ``problem`` says so: stays and pushes are kept
    in the store, so alarms are judged all the same.
    """
    through, group_ids = plan.complete_through, [group.group_id for group in plan.groups]
    with run.runtime.store.reading() as conn:
        seen = Seen(
            through=through,
            until=day_bounds(through, run.zone)[1],
            stays=_stays(conn, run, group_ids, through),
            posted=_posted(conn, run, group_ids, through),
        )
    try:
        events = counted(run.runtime.history.table(through - timedelta(days=ACTS_DAYS - 1), through), plan.scope)
        return _with_acts(seen, events, plan.kinds, silent_days)
    except BadInput as error:
        return replace(seen, problem=str(error))


def _with_acts(seen: Seen, events: ir.Table, kinds: Sequence[str], silent_days: int) -> Seen:
    through, lately = seen.through, seen.through - timedelta(days=SEEN_DAYS)
    acts = events.filter(events.kind.isin(list(kinds)))
    week, before = _clicks(events, through)
    return replace(
        seen,
        acts=_acts(acts, through, silent_days),
        active=_active(acts, list(seen.stays), lately),
        said={int(row["group_id"]): (int(row["said"]), int(row["top"])) for row in _rows(_said(events, lately))},
        talk_is_seen=_talk_is_seen(events, lately),
        clicks=week,
        clicks_before=before,
    )


def _acts(acts: ir.Table, through: date, silent_days: int) -> dict[int, PersonActs]:
    lately = acts.local_day > through - timedelta(days=LAYER_DAYS)
    before = acts.local_day <= through - timedelta(days=silent_days)
    found = acts.group_by("person_id").aggregate(lately=lately.sum(), before=before.sum(), last_on=acts.local_day.max())
    return {
        int(row["person_id"]): PersonActs(int(row["lately"]), int(row["before"]), _day(row["last_on"]))
        for row in _rows(found)
    }


def _active(acts: ir.Table, group_ids: Sequence[int], after: date) -> dict[int, frozenset[int]]:
    """Persons by group; an act outside any group counts in every group its person is in."""
    pairs = _rows(acts.filter(acts.local_day > after).select("group_id", "person_id").distinct())
    by_group: dict[int, set[int]] = defaultdict(set)
    for row in pairs:
        by_group[int(row["group_id"] or 0)].add(int(row["person_id"]))
    return {group: frozenset(by_group[group] | by_group[0]) for group in group_ids}


def _said(events: ir.Table, after: date) -> ir.Table:
    told = _messages(events, after)
    each = told.group_by(["group_id", "person_id"]).aggregate(said=told.count())
    return each.group_by("group_id").aggregate(said=each.said.sum(), top=each.said.max())


def _messages(events: ir.Table, after: date) -> ir.Table:
    return events.filter((events.kind == "message") & (events.group_id > 0) & (events.local_day > after))


def _talk_is_seen(events: ir.Table, after: date) -> bool:
    return int(_messages(events, after).local_day.nunique().to_pandas()) >= TALK_DAYS


def _clicks(events: ir.Table, through: date) -> tuple[dict[str, int], dict[str, int]]:
    """Clicks by slot, of the last seven days and of the 21 before."""
    clicks = events.filter((events.kind == "click") & (events.local_day > through - timedelta(days=28)))
    slot = clicks.props.re_extract(r'"slot": ?"([^"]*)"', 1)
    week = clicks.local_day > through - timedelta(days=WEEK_DAYS)
    rows = _rows(clicks.group_by(slot=slot).aggregate(week=week.sum(), before=(~week).sum()))
    named = [row for row in rows if row["slot"]]
    return (
        {row["slot"]: int(row["week"]) for row in named},
        {row["slot"]: int(row["before"]) for row in named},
    )


def _stays(conn: Connection, run: StageRun, group_ids: Sequence[int], through: date) -> dict[int, list[Stay]]:
    since = day_bounds(through - timedelta(days=STAYS_DAYS), run.zone)[0]
    columns = (memberships.c.group_id, memberships.c.person_id, memberships.c.joined_at, memberships.c.left_at)
    found: dict[int, list[Stay]] = {group: [] for group in group_ids}
    for part in chunks(group_ids):
        late = or_(memberships.c.left_at.is_(None), memberships.c.left_at >= since)
        for row in conn.execute(select(*columns).where(memberships.c.group_id.in_(part), late)):
            left_on = None if row.left_at is None else local_day(row.left_at, run.zone)
            stay = Stay(row.group_id, row.person_id, local_day(row.joined_at, run.zone), row.left_at, left_on)
            if stay.joined_on <= through:
                found[row.group_id].append(stay)
    return found


def _posted(conn: Connection, run: StageRun, group_ids: Sequence[int], through: date) -> dict[int, list[Posted]]:
    """What really went into the groups: delivered by Qunflow, or sent beside it."""
    found: dict[int, list[Posted]] = {group: [] for group in group_ids}
    since = through - timedelta(days=POSTED_DAYS)
    ours = select(targets).where(
        targets.c.community == run.community.key,
        targets.c.target_kind == "chat",
        targets.c.outcome == "delivered",
        targets.c.local_day.between(since, through),
    )
    for row in conn.execute(ours):
        at = row.outcome_at or row.sent_at or row.due_at
        posted = Posted(row.slot_key, row.target_ref, at, local_day(at, run.zone), row.reply_count, row.marketing)
        found.setdefault(row.target_ref, []).append(posted)
    beside = select(outside_sends).where(
        outside_sends.c.target_kind == "chat", outside_sends.c.sent_at >= day_bounds(since, run.zone)[0]
    )
    for row in conn.execute(beside):
        if row.target_ref in found:
            at = row.sent_at
            found[row.target_ref].append(Posted("", row.target_ref, at, local_day(at, run.zone), None, True))
    return found


def _rows(expression: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = expression.to_pandas().to_dict("records")
    return rows


def _day(value: Any) -> date:
    day: date = value.date() if hasattr(value, "date") else value
    return day
