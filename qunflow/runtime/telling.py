"""
Under which terms a run tells its figures: which run it is, when its figures are final, and why they may differ.

The reason is the first of these that the run knows of: it makes up a past day (backfill); the stage's settings are
others than at its last run; since then persons were joined or split, a roster showed moves no callback told, or events
arrived; none of it (rerun). What the words mean is ``qunflow.community.finality``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, Connection, func, or_, select

from qunflow.community.finality import Reason
from qunflow.report.grading import Graded
from qunflow.runtime import Runtime
from qunflow.runtime.stage import StageRun
from qunflow.settings.workspace import Community
from qunflow.store import evidence, figure_grades, figures, members, runs
from qunflow.store.figures import Figure, Terms
from qunflow.store.tables import history_batches, inbox, person_merges, roster_looks

SETTINGS_NOTE = "settings"
# Which settings of a community the figures of a stage depend on.
_MEASURED_BY = {
    "acquisition": ("acquisition", "zone"),
    "daily_content": ("groups", "zone"),
    "weekly_activity": ("weekly_activity", "zone"),
    "retention": ("retention", "zone"),
    "conversion": ("campaigns", "offers", "zone"),
}
# What a look shows happened since the look before, which may be days old after an outage.
_TOLD_WITHIN = timedelta(days=7)


def keep(run: StageRun, new: Sequence[Figure]) -> int:
    """Record figures on the terms of a run; returns how many are new or revised."""
    return run.runtime.store.write(lambda conn: figures.record(conn, new, run.now, terms_of(conn, run)))


def graded(here: Runtime, community: str, day: date) -> Graded:
    """What is known of the data behind a day's figures, for the pages of a run."""
    before = day - timedelta(days=1)
    with here.store.reading() as conn:
        known = figure_grades.grades_on(conn, community, [before, day])
    return Graded(day, known[day], known[before])


def terms_of(conn: Connection, run: StageRun, reason: Reason | None = None) -> Terms:
    """The terms of a run; ``reason`` where it knows better why its figures differ."""
    return Terms(
        reason=reason or reason_of(conn, run),
        run_id=run.run_id or None,
        zone=run.zone,
        final_after_days=run.community.figures.final_after_days,
        reopen=run.reopen,
    )


def settings_of(community: Community, stage: str) -> str:
    """A short mark of the settings the figures of a stage depend on: another mark, other settings."""
    parts = community.model_dump_json(include=set(_MEASURED_BY.get(stage, ())))
    return hashlib.sha256(parts.encode()).hexdigest()[:12]


def reason_of(conn: Connection, run: StageRun) -> Reason:
    """Why the figures of a run may differ from those told before."""
    if run.backfill:
        return Reason.BACKFILL
    before = runs.latest(conn, run.community.key, run.stage)
    if before is None:
        return Reason.RERUN
    now = settings_of(run.community, run.stage)
    if before.summary.get(SETTINGS_NOTE, now) != now:
        return Reason.SETTINGS_CHANGED
    return _news_since(conn, run, before.started_at)


def _news_since(conn: Connection, run: StageRun, since: datetime) -> Reason:
    if _any(conn, person_merges.c.merge_id, or_(person_merges.c.merged_at > since, person_merges.c.split_at > since)):
        return Reason.PERSONS_MERGED
    if _roster_knew_better(conn, run.community.key, since):
        return Reason.ROSTER_CORRECTED
    arrived = _any(conn, history_batches.c.batch_id, history_batches.c.recorded_at > since)
    if arrived or _any(conn, inbox.c.inbox_id, inbox.c.received_at > since):
        return Reason.LATE_EVENTS
    return Reason.RERUN


def _any(conn: Connection, column: ColumnElement[int], condition: ColumnElement[bool]) -> bool:
    return conn.execute(select(column).where(condition).limit(1)).first() is not None


def _roster_knew_better(conn: Connection, community: str, since: datetime) -> bool:
    """Whether a look at a roster since an instant showed somebody come or gone whom no callback told of."""
    ids = [group.group_id for group in members.groups_of(conn, community)]
    looked = roster_looks.c.group_id.in_(ids)
    groups = select(roster_looks.c.group_id, func.min(roster_looks.c.looked_at)).where(looked)
    first = dict(conn.execute(groups.group_by(roster_looks.c.group_id)).tuples().all())
    looks = conn.execute(
        select(*(roster_looks.c[name] for name in ("group_id", "looked_at", "came", "gone")))
        .where(looked, roster_looks.c.looked_at > since)
        .order_by(roster_looks.c.looked_at)
    ).all()
    until = max((row.looked_at for row in looks), default=since)
    moves = evidence.moves_between(conn, ids, since - _TOLD_WITHIN, until)
    told = {(move.group_id, move.person_id, move.joined) for move in moves}
    # The first look of all shows who was there, which corrects nothing.
    news = [row for row in looks if row.looked_at > first[row.group_id]]
    return any((row.group_id, one[0], True) not in told for row in news for one in row.came) or any(
        (row.group_id, one, False) not in told for row in news for one in row.gone
    )
