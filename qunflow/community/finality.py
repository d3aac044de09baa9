"""
When a figure is final, and what becomes of a value that differs from what was told before.

A figure of day D is open through local day D+3 (``figures.final_after_days``): whatever differs until then revises it,
with a reason. From the day after it is final: what differs is written beside it as a correction that came too late,
unless the run says that it opens the day again. Pure; what was told is ``qunflow.store.figures``.
"""

from __future__ import annotations

from datetime import date, timedelta
from enum import StrEnum

FINAL_AFTER_DAYS = 3


class Reason(StrEnum):
    """Why a value differs from the one told before; a closed list, each with its words in the catalogue."""

    DAY_WENT_ON = "day_went_on"
    LATE_EVENTS = "late_events"
    BACKFILL = "backfill"
    ROSTER_CORRECTED = "roster_corrected"
    PERSONS_MERGED = "persons_merged"
    SETTINGS_CHANGED = "settings_changed"
    RERUN = "rerun"


class Outcome(StrEnum):
    """What a value that is told does to what was told before."""

    FIRST = "first"
    SAME = "same"
    REVISED = "revised"
    TOO_LATE = "too_late"


def is_final(as_of: date, today: date, after_days: int = FINAL_AFTER_DAYS) -> bool:
    """Whether a figure of one local day no longer changes on another."""
    return today > as_of + timedelta(days=after_days)


def outcome(*, told_before: bool, differs: bool, final: bool, reopen: bool) -> Outcome:
    """
    What becomes of a value.

    Args:
        told_before: figures of this name and day were told, be it without this cell.
        differs: it is not what is current; a cell that comes or goes differs, too.
    """
    if not told_before:
        return Outcome.FIRST
    if not differs:
        return Outcome.SAME
    return Outcome.TOO_LATE if final and not reopen else Outcome.REVISED


def reason_for(given: Reason, *, day_was_over: bool) -> Reason:
    """The reason of a revision: a figure told only before its day was over differs because the day went on."""
    return given if day_was_over else Reason.DAY_WENT_ON
