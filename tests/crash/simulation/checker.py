"""
The judge: compares the platform's own log with the plan saved before the run. It shares no code with what it judges.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

# A judgement of bounds is this old at most when the call is made.
BREATH = timedelta(seconds=31)
SHANGHAI = ZoneInfo("Asia/Shanghai")
Sign = tuple[str, str]
# State, reason and outcome of a message as Qunflow shows them.
Told = tuple[str, str, str]


@dataclass(frozen=True)
class Wanted:
    """One planned message: where it goes and the words it is known by."""

    way: str
    address: str
    text: str
    not_before: datetime
    group: str = ""
    campaign: str = ""

    @property
    def sign(self) -> Sign:
        """What it is recognised by in the log."""
        return (self.address, self.text)


@dataclass(frozen=True)
class Taken:
    """One acceptance by the platform, for one address."""

    address: str
    text: str
    at: datetime
    decided_at: datetime
    withdrawn: bool

    @property
    def sign(self) -> Sign:
        """What it is recognised by in the plan."""
        return (self.address, self.text)


@dataclass(frozen=True)
class Rules:
    """What had to be kept to: quota and caps (0 is none), quiet hours, and when whom nobody may write to."""

    quota_per_day: int
    person_per_day: int
    group_per_day: int
    quiet: tuple[time, time] | None
    closed: Mapping[str, tuple[tuple[datetime, datetime], ...]]
    error_s: float = 0.0
    # A key of four hours ends before the morning: what is unknown when quiet hours begin stays so, and is listed.
    night: bool = False


@dataclass
class Verdict:
    """What the judge found; every list names messages."""

    messages: int = 0
    accepted: int = 0
    doubled: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        """Everything that must not be; an unknown is none where the channel can tell nothing."""
        return [*self.doubled, *self.lost, *self.violations]


# Ways whose platform can be asked or recognises a repetition long enough; the key of a welcome ends after 20 seconds.
CERTAIN = ("mass_task", "private_task", "hand_send", "staff_notice", "moment")
_KEYED = ("hand_send", "staff_notice")
_BY_QUOTA = ("mass_task", "private_task")
_QUIET = ("mass_task", "private_task", "hand_send", "robot", "mail", "longtail", "moment")


def judge(wanted: Sequence[Wanted], taken: Sequence[Taken], told: Mapping[int, Told], rules: Rules) -> Verdict:
    """
    Judge one history.

    Args:
        wanted: the plan.
        taken: the platform's log.
        told: by place in the plan, what Qunflow shows its operator at the end.
        rules: what had to be kept to.
    """
    found = Verdict(messages=len(wanted))
    standing = Counter(one.sign for one in taken if not one.withdrawn)
    found.accepted = sum(standing.values())
    _count_doubled(wanted, standing, found)
    _count_lost(wanted, taken, standing, told, rules, found)
    _find_violations(wanted, taken, rules, found)
    return found


def _count_doubled(wanted: Sequence[Wanted], standing: Counter[Sign], found: Verdict) -> None:
    planned = Counter(one.sign for one in wanted)
    for sign, times in sorted(standing.items()):
        if times > planned[sign]:
            found.doubled.append(f"{sign} stands {times} times, planned {planned[sign]}")


def _count_lost(
    wanted: Sequence[Wanted],
    taken: Sequence[Taken],
    standing: Counter[Sign],
    told: Mapping[int, Told],
    rules: Rules,
    found: Verdict,
) -> None:
    left, withdrawn = standing.copy(), Counter(one.sign for one in taken if one.withdrawn)
    # Of messages that say the same to the same chat, those that were left out or taken back stand last.
    for place, one in sorted(enumerate(wanted), key=lambda item: _stands_last(told[item[0]])):
        state, reason, outcome = told[place]
        if left[one.sign] > 0:
            left[one.sign] -= 1
        elif outcome == "cancelled" and withdrawn[one.sign] > 0:
            withdrawn[one.sign] -= 1  # accepted, and taken back when quiet hours began
        elif state in ("unknown", "dead"):
            found.unknown.append(f"{one.sign} {state}: {reason}")
            if one.way in CERTAIN and not (rules.night and one.way in _KEYED):
                found.lost.append(f"{one.sign} was never accepted and ended {state}: {reason}")
        elif not _is_excused(one, wanted, state, reason, rules):
            found.lost.append(f"{one.sign} was never accepted, yet {state}: {reason}")


def _stands_last(told: Told) -> bool:
    return told[0] in ("skipped", "refused") or told[2] == "cancelled"


def _is_excused(one: Wanted, wanted: Sequence[Wanted], state: str, reason: str, rules: Rules) -> bool:
    if state == "refused":
        return "41048" in reason or "41050" in reason
    if state != "skipped":
        return False
    if reason.startswith("quota"):
        return 0 < rules.quota_per_day < sum(one.address == other.address for other in wanted if other.way in _BY_QUOTA)
    if reason.startswith("cap"):
        most = rules.group_per_day if one.group else rules.person_per_day
        return 0 < most < sum(_heard_by(one) == _heard_by(other) for other in wanted)
    return one.address in rules.closed or f"group:{one.group}" in rules.closed or "missed its window" in reason


def _find_violations(wanted: Sequence[Wanted], taken: Sequence[Taken], rules: Rules, found: Verdict) -> None:
    ways = {one.sign: one for one in wanted}
    for one in taken:
        message = ways.get(one.sign)
        if message is None:
            found.violations.append(f"{one.sign} was never planned")
            continue
        found.violations += _broken_rules(message, one, rules)
    found.violations += _over_quota(ways, taken, rules)


def _broken_rules(message: Wanted, one: Taken, rules: Rules) -> list[str]:
    slack = BREATH + timedelta(seconds=abs(rules.error_s))
    broken = []
    if one.decided_at + slack < message.not_before:
        broken.append(f"{one.sign} left {message.not_before - one.decided_at} before its time")
    if message.way in _QUIET and rules.quiet and _deep_in(rules.quiet, one.decided_at, slack):
        broken.append(f"{one.sign} left in quiet hours, at {one.decided_at.astimezone(SHANGHAI):%H:%M:%S}")
    for key in (one.address, f"group:{message.group}", f"campaign:{message.campaign}", "all"):
        for since, until in rules.closed.get(key, ()):
            if since + slack < one.decided_at < until:
                broken.append(f"{one.sign} left although {key} was closed")
    return broken


def _deep_in(quiet: tuple[time, time], at: datetime, slack: timedelta) -> bool:
    return all(covers(quiet, at + shift) for shift in (-slack, timedelta(0), slack))


def covers(quiet: tuple[time, time], at: datetime) -> bool:
    """Whether an instant lies in quiet hours in Shanghai."""
    start, end = quiet
    there = at.astimezone(SHANGHAI).time()
    return start <= there < end if start <= end else there >= start or there < end


def _over_quota(ways: Mapping[Sign, Wanted], taken: Sequence[Taken], rules: Rules) -> list[str]:
    out: dict[tuple[str, str, date], int] = defaultdict(int)
    for one in taken:
        message = ways.get(one.sign)
        if message is None or one.withdrawn:
            continue
        day = one.decided_at.astimezone(SHANGHAI).date()
        if message.way in _BY_QUOTA:
            out["quota", one.address, day] += 1
        if message.way == "private_task":
            out["person", _heard_by(message), day] += 1
        if message.group:
            out["group", _heard_by(message), day] += 1
    most = {"quota": rules.quota_per_day, "person": rules.person_per_day, "group": rules.group_per_day}
    return [
        f"{who} got {times} messages on {day}, allowed by {what}: {most[what]}"
        for (what, who, day), times in sorted(out.items())
        if 0 < most[what] < times
    ]


def _heard_by(one: Wanted) -> str:
    return one.group or one.address
