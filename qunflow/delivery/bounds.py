"""
May this message leave now? The rules alone, without any database: kill switch, gone, opt-out, window, quiet hours,
quota and the number of cards a person gets in a minute.

The facts are read by ``facts`` in the transaction that also writes the intent, so that no bound is passed by two.

Source: quotas and counting per calendar period, WeCom developer centre, pages 92135 and 96997 (read 2026-11-21); the
limit of messages to one member, page 90454.
"""

from __future__ import annotations

import calendar
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from qunflow.clock import instant_of, local_day
from qunflow.settings.workspace import Community, QuotaMode

PLATFORM_ZONE = ZoneInfo("Asia/Shanghai")
CARDS_PER_MINUTE = 30
MOST_ATTEMPTS = 5
_BY_QUOTA = ("mass_task", "private_task")
_QUIET = ("mass_task", "private_task", "hand_send")
_CARDS = ("hand_send", "staff_notice")


@dataclass(frozen=True, slots=True)
class Facts:
    """
    What has to be known about a batch of candidates.

    Args:
        stopped: kill switches that are on, as (scope, key).
        gone: targets that cannot be reached any more, (kind, ref) → why.
        suppressed: person id → kinds of suppression.
        used: (kind, ref) → mass messages already out in the quota's period, unknown ones included.
        cards: userid → cards sent to them in the last minute.
    """

    stopped: Collection[tuple[str, str]]
    gone: Mapping[tuple[str, int], str]
    suppressed: Mapping[int, Collection[str]]
    used: Mapping[tuple[str, int], int]
    cards: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Candidate:
    """An approved message that is due; the names are those of the ``targets`` table."""

    community: str
    stage: str
    campaign: str
    way: str
    sender_userid: str
    target_kind: str
    target_ref: int
    group_key: str
    local_day: date
    not_after: datetime
    marketing: bool
    catch_up: str
    attempts: int

    @classmethod
    def of(cls, row: Any) -> Candidate:
        """The candidate in a row that carries the same names."""
        return cls(**{name: getattr(row, name) for name in cls.__slots__})

    @property
    def key(self) -> tuple[str, int]:
        """The target, as the facts know it."""
        return (self.target_kind, self.target_ref)


@dataclass(frozen=True, slots=True)
class Verdict:
    """``send`` now, ``wait`` for another round, ``ask`` a person again, ``skip`` for good, or give up (``dead``)."""

    what: Literal["send", "wait", "ask", "skip", "dead"]
    why: str = ""


SEND = Verdict("send")


def verdict(one: Candidate, community: Community | None, facts: Facts, now: datetime) -> Verdict:
    """Judge one candidate; the first rule that objects decides."""
    if community is None:
        return Verdict("wait", "its community is not in qunflow.yaml")
    rules = (_stopped, _gone, _suppressed, _tired, _too_late, _quiet, _over_quota, _too_many_cards)
    for rule in rules:
        found = rule(one, community, facts, now)
        if found is not None:
            return found
    return SEND


def quiet_now(community: Community, now: datetime) -> bool:
    """Whether it is quiet hours in the community's zone."""
    return community.quiet_hours.covers(now.astimezone(community.zone_info).time())


def quota_of(mode: QuotaMode, now: datetime) -> tuple[datetime, datetime, int]:
    """First instant of the current quota period, first instant after it, and how many messages it allows."""
    today = local_day(now, PLATFORM_ZONE)
    days_in_month = calendar.monthrange(today.year, today.month)[1]
    first_of_month = today.replace(day=1)
    month = (first_of_month, first_of_month + timedelta(days=days_in_month))
    monday = today - timedelta(days=today.weekday())
    periods: Mapping[str, tuple[date, date, int]] = {
        "month_days": (*month, days_in_month),
        "month_4": (*month, 4),
        "week_7": (monday, monday + timedelta(days=7), 7),
        "day_1": (today, today + timedelta(days=1), 1),
    }
    start, end, most = periods[mode]
    return instant_of(start, time.min, PLATFORM_ZONE), instant_of(end, time.min, PLATFORM_ZONE), most


def _stopped(one: Candidate, _community: Community, facts: Facts, _now: datetime) -> Verdict | None:
    switches = {("all", "all"), ("campaign", one.campaign), ("group", f"{one.community}/{one.group_key}")}
    return Verdict("wait", "stopped by the kill switch") if switches & set(facts.stopped) else None


def _gone(one: Candidate, _community: Community, facts: Facts, _now: datetime) -> Verdict | None:
    why = facts.gone.get(one.key)
    return Verdict("skip", why) if why else None


def _suppressed(one: Candidate, _community: Community, facts: Facts, _now: datetime) -> Verdict | None:
    kinds = facts.suppressed.get(one.target_ref, ()) if one.target_kind == "person" else ()
    if "opt_out" in kinds:
        return Verdict("skip", "opted out")
    if "support_case" in kinds and one.marketing:
        return Verdict("skip", "has an open support case")
    if "do_not_invite" in kinds and one.stage == "acquisition" and one.way != "welcome":
        return Verdict("skip", "does not want to be invited")
    return None


def _tired(one: Candidate, _community: Community, _facts: Facts, _now: datetime) -> Verdict | None:
    return Verdict("dead", f"gave up after {MOST_ATTEMPTS} tries") if one.attempts >= MOST_ATTEMPTS else None


def _too_late(one: Candidate, community: Community, _facts: Facts, now: datetime) -> Verdict | None:
    if now <= one.not_after:
        return None
    if one.catch_up == "ask":
        return Verdict("ask", "late: needs approval again")
    same_day = local_day(now, community.zone_info) <= one.local_day
    return None if one.catch_up == "send" and same_day else Verdict("skip", "missed its window")


def _quiet(one: Candidate, community: Community, _facts: Facts, now: datetime) -> Verdict | None:
    return Verdict("wait", "quiet hours") if one.way in _QUIET and quiet_now(community, now) else None


def _over_quota(one: Candidate, community: Community, facts: Facts, now: datetime) -> Verdict | None:
    if one.way not in _BY_QUOTA:
        return None
    most = quota_of(community.quota.mode, now)[2]
    used = facts.used.get(one.key, 0)
    return Verdict("skip", f"quota: {used} of {most} used") if used >= most else None


def _too_many_cards(one: Candidate, _community: Community, facts: Facts, _now: datetime) -> Verdict | None:
    # Beyond this WeCom drops messages to a member without saying so.
    too_many = one.way in _CARDS and facts.cards.get(one.sender_userid, 0) >= CARDS_PER_MINUTE
    return Verdict("wait", "many cards for one person in a minute") if too_many else None
