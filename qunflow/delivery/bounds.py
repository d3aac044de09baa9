"""
May this message leave now? The rules alone, without any database: kill switch, wave, gone, opt-out, window, quiet
hours, quota, our own caps and the number of cards a person gets in a minute.

The facts are read by ``facts`` in the transaction that also writes the intent, so that no bound is passed by two.

Source: the limit of messages to one member, WeCom developer centre, page 90454 (read 2026-11-21); for the quota see
``quota``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from operator import attrgetter
from typing import Any, Literal, TypeAlias

from qunflow.clock import local_day
from qunflow.community.holidays import is_rest_day
from qunflow.delivery.quota import QUOTA_WAYS, allowed_at
from qunflow.settings.workspace import Community

CARDS_PER_MINUTE = 30
_QUIET = ("mass_task", "private_task", "hand_send", "moment", "robot", "mail", "longtail")
QUIET_HOURS = "quiet hours"
_BY_CARD = ("hand_send", "staff_notice")
Key: TypeAlias = tuple[str, int]


@dataclass(slots=True)
class Facts:
    """
    What has to be known about a batch of candidates; ``count`` keeps it true while they are let go one by one.

    Args:
        stopped: kill switches that are on, as (scope, key).
        gone: targets that cannot be reached any more, (kind, ref) → why.
        suppressed: person id → kinds of suppression.
        used: (kind, ref) → mass messages already out in the quota's period, those sent beside Qunflow and unknown ones
            included.
        kept: (kind, ref) → messages of the period that are still kept for conversion.
        cards: userid → cards sent to them in the last minute.
        heard_today: (kind, ref) → what a group, or a person of marketing, got on the local day.
        heard_week: person id → marketing they got in the last seven days.
        released: waves that may go, as (slot key, local day, wave).
    """

    stopped: Collection[tuple[str, str]] = ()
    gone: Mapping[Key, str] = field(default_factory=dict)
    suppressed: Mapping[int, Collection[str]] = field(default_factory=dict)
    used: dict[Key, int] = field(default_factory=dict)
    kept: dict[Key, int] = field(default_factory=dict)
    cards: dict[str, int] = field(default_factory=dict)
    heard_today: dict[Key, int] = field(default_factory=dict)
    heard_week: dict[int, int] = field(default_factory=dict)
    released: Collection[tuple[str, date, int]] = ()
    # Found out once for the batch: (community, instant) → whether it is quiet there.
    quiet: dict[tuple[str, datetime], bool] = field(default_factory=dict)

    def count(self, one: Candidate) -> None:
        """One more is on its way."""
        if one.way in QUOTA_WAYS:
            self.used[one.key] = self.used.get(one.key, 0) + 1
            if one.stage == "conversion" and self.kept.get(one.key):
                self.kept[one.key] -= 1
        if one.way in _BY_CARD:
            self.cards[one.sender_userid] = self.cards.get(one.sender_userid, 0) + 1
        if is_heard(one):
            self.heard_today[one.key] = self.heard_today.get(one.key, 0) + 1
            if one.target_kind == "person":
                self.heard_week[one.target_ref] = self.heard_week.get(one.target_ref, 0) + 1


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
    slot_key: str
    local_day: date
    wave: int
    not_after: datetime
    marketing: bool
    catch_up: str
    attempts: int

    @classmethod
    def of(cls, row: Any) -> Candidate:
        """The candidate in a row that carries the same names."""
        return cls(*_fields_of(row))

    @property
    def key(self) -> Key:
        """The target, as the facts know it."""
        return (self.target_kind, self.target_ref)


_fields_of = attrgetter(*Candidate.__slots__)


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
    rules = (_stopped, _gone, _suppressed, _too_late, _unreleased, _quiet, _over_quota, _heard_enough, _cards)
    for rule in rules:
        found = rule(one, community, facts, now)
        if found is not None:
            return found
    return SEND


def quiet_now(community: Community, now: datetime) -> bool:
    """Whether it is quiet hours in the community's zone; on days of rest they may end later."""
    there = now.astimezone(community.zone_info)
    changed = {holiday.on: holiday.off for holiday in community.holidays}
    hours = community.quiet_hours.of_day(rest=is_rest_day(there.date(), changed))
    return hours.covers(there.time())


def rests(way: str, community: Community, now: datetime) -> bool:
    """Whether quiet hours hold back what goes this way."""
    return way in _QUIET and quiet_now(community, now)


def is_heard(one: Candidate) -> bool:
    """Whether it counts towards our own caps: anything said in a group, marketing to a person."""
    return one.target_kind == "chat" or (one.target_kind == "person" and one.marketing)


def _stopped(one: Candidate, _community: Community, facts: Facts, _now: datetime) -> Verdict | None:
    if not facts.stopped:
        return None
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


def _too_late(one: Candidate, community: Community, _facts: Facts, now: datetime) -> Verdict | None:
    if now <= one.not_after:
        return None
    if one.catch_up == "ask":
        return Verdict("ask", "late: needs approval again")
    same_day = local_day(now, community.zone_info) <= one.local_day
    return None if one.catch_up == "send" and same_day else Verdict("skip", "missed its window")


def _quiet(one: Candidate, community: Community, facts: Facts, now: datetime) -> Verdict | None:
    if one.way not in _QUIET:
        return None
    place = (community.key, now)
    if place not in facts.quiet:
        facts.quiet[place] = quiet_now(community, now)
    return Verdict("wait", QUIET_HOURS) if facts.quiet[place] else None


def _unreleased(one: Candidate, _community: Community, facts: Facts, _now: datetime) -> Verdict | None:
    # The first wave is the test group; the others go once a person has seen it there.
    waits = one.wave > 1 and (one.slot_key, one.local_day, one.wave) not in facts.released
    return Verdict("wait", "waits for the test group") if waits else None


def _over_quota(one: Candidate, community: Community, facts: Facts, now: datetime) -> Verdict | None:
    if one.way not in QUOTA_WAYS:
        return None
    most = allowed_at(community.quota.mode, now)
    used = facts.used.get(one.key, 0)
    if used >= most:
        return Verdict("skip", f"quota: {used} of {most} used")
    kept = 0 if one.stage == "conversion" else facts.kept.get(one.key, 0)
    return Verdict("skip", f"quota: {used} of {most} used, {kept} kept for conversion") if used + kept >= most else None


def _heard_enough(one: Candidate, community: Community, facts: Facts, _now: datetime) -> Verdict | None:
    if not is_heard(one):
        return None
    caps, today = community.caps, facts.heard_today.get(one.key, 0)
    if one.target_kind == "chat":
        return _capped("the group has heard", today, caps.group_per_day, "today")
    week = facts.heard_week.get(one.target_ref, 0)
    return _capped("the person has got", today, caps.person_per_day, "today") or _capped(
        "the person has got", week, caps.person_per_week, "in seven days"
    )


def _capped(what: str, had: int, most: int, when: str) -> Verdict | None:
    return Verdict("skip", f"cap: {what} {had} of {most} {when}") if most and had >= most else None


def _cards(one: Candidate, _community: Community, facts: Facts, _now: datetime) -> Verdict | None:
    # Beyond this WeCom drops messages to a member without saying so.
    too_many = one.way in _BY_CARD and facts.cards.get(one.sender_userid, 0) >= CARDS_PER_MINUTE
    return Verdict("wait", "many cards for one person in a minute") if too_many else None
