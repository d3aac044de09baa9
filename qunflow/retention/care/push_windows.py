"""
After which push did people leave: the 24 hours after each push of a group, held against the group's own rate before.

It tells what happened after a push, not because of it: pushes of one day share their leavers, so of windows that
overlap only the most unusual one is put forward. The engine of the tail probabilities is scipy.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any

WINDOW = timedelta(hours=24)
BASELINE_DAYS = 28
# Two-sided 95 %.
_TAIL = 0.025


@dataclass(frozen=True, slots=True)
class Push:
    """A message that really went into a group: the key of its slot and when it was posted, UTC."""

    slot_key: str
    posted_at: datetime


@dataclass(frozen=True, slots=True)
class Rate:
    """What a group lost before: so many leaves in so many member-days (one member there for one day)."""

    leaves: int
    member_days: float


@dataclass(frozen=True, slots=True)
class Expected:
    """Leaves to be expected in a window, with a 95 % interval; in leaves."""

    leaves: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class PushWindow:
    """
    The 24 hours after a push.

    Args:
        leaves: leaves seen.
        expected: by the group's own rate; None where nothing is known of the weeks before.
        chance: of seeing at least so many if the rate were the old one, 0 to 1.
        corrected: the same after looking at many pushes; equal until ``corrected_for_many``.
    """

    group_id: int
    push: Push
    leaves: int
    expected: Expected | None
    chance: float
    corrected: float


def expected_leaves(rate: Rate, member_days: float) -> Expected | None:
    """
    What a rate lets expect in a window of so many member-days.

    Formula: n ÷ E × e, n leaves in E member-days before, e member-days now; the interval is Garwood's exact one of a
    Poisson count, [χ²₀.₀₂₅(2n) ÷ 2, χ²₀.₉₇₅(2n + 2) ÷ 2] × e ÷ E. Few data make it wide; without member-days: None.
    Source: F. Garwood, "Fiducial limits for the Poisson distribution", Biometrika 28 (1936).
    """
    if rate.member_days <= 0:
        return None
    chi2, share = _stats().chi2, member_days / rate.member_days
    low = float(chi2.ppf(_TAIL, 2 * rate.leaves)) / 2 if rate.leaves else 0.0
    high = float(chi2.ppf(1 - _TAIL, 2 * rate.leaves + 2)) / 2
    return Expected(rate.leaves * share, low * share, high * share)


def chance_of(leaves: int, member_days: float, rate: Rate) -> float:
    """
    The chance of at least ``leaves`` in ``member_days`` if the rate is what it was before; 1 where it is not known.

    Formula: P(Binomial(n + k, e ÷ (E + e)) ≥ k), k leaves now, n before. Given the sum of two Poisson counts of one
    rate, the second is binomial; so the test is exact and carries how little is known of the rate.
    Source: J. Przyborowski, H. Wilenski, "Homogeneity of results in testing samples from Poisson series",
    Biometrika 31 (1940).
    """
    if leaves < 1 or rate.member_days <= 0 or member_days <= 0:
        return 1.0
    share = member_days / (rate.member_days + member_days)
    return float(_stats().binom.sf(leaves - 1, rate.leaves + leaves, share))


def windows_after(
    group_id: int, pushes: Sequence[Push], leaves: Sequence[datetime], members: int, rate: Rate, until: datetime
) -> tuple[PushWindow, ...]:
    """
    The windows of a group's pushes, in order of time; one that is not over at ``until`` is left out.

    Args:
        leaves: instants of leaving, ascending, UTC.
        members: how many are in the group, so many member-days has a window.
    """
    found = []
    for push in sorted(pushes, key=lambda one: (one.posted_at, one.slot_key)):
        end = push.posted_at + WINDOW
        if end <= until:
            # A leave at the instant of the push is not after it.
            seen = bisect_left(leaves, end) - bisect_left(leaves, push.posted_at + timedelta(microseconds=1))
            chance = chance_of(seen, members, rate)
            found.append(PushWindow(group_id, push, seen, expected_leaves(rate, members), chance, chance))
    return tuple(found)


def corrected_for_many(windows: Sequence[PushWindow]) -> tuple[PushWindow, ...]:
    """
    The same windows, most unusual first, with their chances corrected for having looked at all of them.

    Formula: Holm's step-down; the i-th smallest of m chances becomes max over j ≤ i of (m − j + 1) × p_j, at most 1.
    It holds however the windows depend on each other. Source: S. Holm, Scandinavian Journal of Statistics 6 (1979).
    """
    ordered = sorted(windows, key=lambda one: (one.chance, one.push.posted_at, one.group_id))
    highest, done = 0.0, []
    for place, one in enumerate(ordered):
        highest = max(highest, min(1.0, (len(ordered) - place) * one.chance))
        done.append(replace(one, corrected=highest))
    return tuple(done)


def apart(windows: Sequence[PushWindow]) -> tuple[PushWindow, ...]:
    """Of each group the most unusual window and those that do not overlap with one kept already, in that order."""
    kept: list[PushWindow] = []
    for one in sorted(windows, key=lambda each: (each.chance, each.push.posted_at)):
        if all(one.group_id != each.group_id or _distance(one, each) >= WINDOW for each in kept):
            kept.append(one)
    return tuple(kept)


def _distance(one: PushWindow, other: PushWindow) -> timedelta:
    return abs(one.push.posted_at - other.push.posted_at)


def _stats() -> Any:
    # scipy has no types of its own, and takes its time to load.
    return import_module("scipy.stats")
