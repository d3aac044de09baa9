"""
Reads from the store what a report is drawn from; it computes nothing but counts of what is there.

Persons never come along: groups, staff accounts, figures and counts only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, select

from qunflow.report.model import CheckLine, GroupLine, PushLine, QuarantineLine, ReportData, RunLine
from qunflow.settings.workspace import Community
from qunflow.store import figure_changes, members
from qunflow.store import figures as stored
from qunflow.store.tables import check_results, groups, quarantine, runs, targets

DAYS_SHOWN = 7


@dataclass(frozen=True, slots=True)
class Period:
    """The local days of a report, both included."""

    first: date
    last: date


def period(conn: Connection, community: str, day: date | None, today: date, days: int = DAYS_SHOWN) -> Period:
    """The days up to ``day``; without one, up to the newest day anything was recorded for, else today."""
    last = day or conn.execute(select(func.max(runs.c.day)).where(runs.c.community == community)).scalar() or today
    return Period(last - timedelta(days=days - 1), last)


def gather(
    conn: Connection,
    brand: str,
    community: Community,
    shown: Period,
    made_at: datetime,
    slot_titles: Mapping[str, str] | None = None,
) -> ReportData:
    """Everything of one community and period; ``slot_titles`` gives the slots of its playbooks their names."""
    lines = _runs(conn, community.key, shown)
    return ReportData(
        brand=brand,
        community=community.name,
        kind=community.type,
        positioning=community.positioning,
        zone=community.zone,
        first_day=shown.first,
        last_day=shown.last,
        made_at=made_at,
        figures=figures_of(conn, community.key, shown),
        changes=figure_changes.changes(conn, community.key, shown.first, shown.last),
        final_after_days=community.figures.final_after_days,
        groups=_groups(conn, community),
        pushes=_pushes(conn, community, shown, made_at),
        checks=_checks(conn, lines),
        quarantine=_quarantine(conn),
        runs=tuple(line for _, line in lines),
        channel_names={channel.key: channel.name for channel in community.acquisition.channels},
        campaign_names=_campaign_names(community),
        slot_titles=dict(slot_titles or {}),
    )


def figures_of(conn: Connection, community: str, shown: Period) -> tuple[stored.Figure, ...]:
    """The figures about the days of a period as they hold now."""
    return tuple(f for f in stored.current(conn, community) if shown.first <= f.as_of <= shown.last)


def _campaign_names(community: Community) -> dict[str, str]:
    offers = {offer.key: offer.name for offer in community.offers}
    return {campaign.key: offers.get(campaign.offer, campaign.key) for campaign in community.campaigns}


def _groups(conn: Connection, community: Community) -> tuple[GroupLine, ...]:
    counts = members.member_counts(conn, community.key)
    return tuple(
        GroupLine(
            name=row.name,
            kind=row.kind,
            owner=row.owner_userid,
            members=counts.get(row.group_id, 0),
            refs=(row.group_key, str(row.group_id), row.chat_id or row.group_key, row.name),
        )
        for row in members.groups_of(conn, community.key)
    )


def _pushes(conn: Connection, community: Community, shown: Period, now: datetime) -> tuple[PushLine, ...]:
    query = (
        select(targets, groups.c.name.label("group_name"))
        .join(groups, groups.c.group_id == targets.c.target_ref)
        .where(targets.c.community == community.key, targets.c.target_kind == "chat")
        .where(targets.c.local_day.between(shown.first, shown.last))
        .order_by(targets.c.due_at, targets.c.target_id)
    )
    return tuple(
        PushLine(
            day=row.local_day,
            at=f"{row.due_at.astimezone(community.zone_info):%H:%M}",
            # A slot's key may carry its group before a slash; its name is the same in every group.
            slot=row.slot_key.rsplit("/", 1)[-1],
            group=row.group_name,
            way=row.way,
            sender=row.sender_userid,
            state=row.state,
            outcome=row.outcome,
            late=row.not_after <= now,
            replies=row.reply_count,
        )
        for row in conn.execute(query)
    )


def _runs(conn: Connection, community: str, shown: Period) -> tuple[tuple[int, RunLine], ...]:
    """The newest run of each stage and day, with its number."""
    query = (
        select(runs)
        .where(runs.c.community == community, runs.c.day.between(shown.first, shown.last))
        .order_by(runs.c.run_id)
    )
    newest = {(row.stage, row.day): row for row in conn.execute(query)}
    return tuple(
        (row.run_id, RunLine(row.stage, row.day, row.state, row.dry_run, row.rows_in, row.rows_out, row.problem))
        for row in newest.values()
    )


def _checks(conn: Connection, lines: Iterable[tuple[int, RunLine]]) -> tuple[CheckLine, ...]:
    by_id = dict(lines)
    query = select(check_results).where(check_results.c.run_id.in_(list(by_id)))
    rows = conn.execute(query.order_by(check_results.c.run_id, check_results.c.suite, check_results.c.position))
    return tuple(
        CheckLine(
            stage=by_id[row.run_id].stage,
            suite=row.suite,
            expectation=row.expectation,
            severity=row.severity,
            passed=row.passed,
            could_run=row.could_run,
            unexpected=row.unexpected_count,
            day=by_id[row.run_id].day,
            said=_said(row.observed),
            found=_found(row.observed),
        )
        for row in rows
    )


def _said(observed: Any) -> dict[str, str]:
    said = observed.get("said") if isinstance(observed, dict) else None
    return {str(lang): str(words) for lang, words in said.items()} if isinstance(said, dict) else {}


def _found(observed: Any) -> str:
    """What a check saw, when that is one number or a word; a list of samples is not for a report."""
    value = observed.get("value") if isinstance(observed, dict) else None
    return "" if value is None or isinstance(value, dict | list | bool) else str(value)[:40]


def _quarantine(conn: Connection) -> tuple[QuarantineLine, ...]:
    counted = func.count().label("rows")
    query = select(quarantine.c.stage, quarantine.c.reason, counted).group_by(quarantine.c.stage, quarantine.c.reason)
    return tuple(QuarantineLine(row.stage, row.reason, row.rows) for row in conn.execute(query))
