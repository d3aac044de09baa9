"""
Asking a contact again who has not joined: whom, when, with which words, and when to stop.

The first text is for the first time, the last one says goodbye, those between take turns; seven days apart, three times
at most. Texts and numbers are settings of the community. The copy itself lives in ``templates/acquisition/``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum
from zoneinfo import ZoneInfo

from qunflow.clock import instant_of, local_day

WINDOWS = ((time(10, 0), time(11, 30)), (time(15, 0), time(17, 0)))
STOP_WORDS = ("不用", "别发", "退订")


class StopSignal(StrEnum):
    """Why a contact is not asked (again)."""

    JOINED = "joined"
    LEFT_BY_CHOICE = "left_by_choice"
    DELETED = "deleted_contact"
    REFUSED = "refused"
    SUPPORT_CASE = "support_case"
    LIMIT_REACHED = "limit_reached"
    TOO_SOON = "too_soon"


@dataclass(frozen=True, slots=True)
class Candidate:
    """
    A contact as the schedule sees it.

    Args:
        ever_joined: whether the person was in any group of the community at any time.
        in_group: whether the person is in one now.
        attempts: invitations so far; the welcome does not count.
        last_asked_on: local day of the last invitation, else of becoming a contact.
        suppressions: kinds in force (``opt_out``, ``do_not_invite``, ``support_case``).
    """

    person_id: int
    userid: str
    channel: str
    ever_joined: bool
    in_group: bool
    deleted: bool
    attempts: int
    last_asked_on: date
    suppressions: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Invitation:
    """One planned invitation; ``text`` counts the community's texts from 0."""

    person_id: int
    userid: str
    channel: str
    attempt: int
    text: int

    @property
    def letter(self) -> str:
        """The name people give the text: A, B, C …"""
        return chr(ord("A") + self.text)


def is_stop_word(reply: str) -> bool:
    """Whether a reply asks to be left alone; a short answer counts, a sentence that merely holds the word does not."""
    said = reply.strip().strip("。.!！~ ")
    return said in STOP_WORDS or (len(said) <= 6 and any(said.startswith(word) for word in STOP_WORDS))


def stop_signal(candidate: Candidate, day: date, *, interval_days: int, limit: int) -> StopSignal | None:
    """The first reason not to ask on this day, or None when the person may be asked."""
    if candidate.in_group:
        return StopSignal.JOINED
    if candidate.deleted:
        return StopSignal.DELETED
    if candidate.suppressions & {"opt_out", "do_not_invite"}:
        return StopSignal.REFUSED
    if "support_case" in candidate.suppressions:
        return StopSignal.SUPPORT_CASE
    if candidate.ever_joined:
        return StopSignal.LEFT_BY_CHOICE
    if candidate.attempts >= limit:
        return StopSignal.LIMIT_REACHED
    return StopSignal.TOO_SOON if (day - candidate.last_asked_on).days < interval_days else None


def text_for(attempt: int, *, limit: int, texts: int, person_id: int) -> int:
    """
    Which of ``texts`` texts an attempt uses: the first, at the end the last, between them the middle ones in turn.

    Each person starts at another of the middle texts, so that neighbours do not all read the same words.
    """
    middle = texts - 2
    if attempt <= 1 or texts < 2:
        return 0
    if attempt >= limit or middle == 0:
        return texts - 1
    return 1 + (person_id + attempt - 2) % middle


def invitations_due(
    candidates: Iterable[Candidate], day: date, *, interval_days: int, limit: int, texts: int
) -> tuple[Invitation, ...]:
    """Everybody who is to be asked on this day, with the words to use."""
    free = (one for one in candidates if not stop_signal(one, day, interval_days=interval_days, limit=limit))
    return tuple(_invitation(one, limit, texts) for one in free)


def _invitation(one: Candidate, limit: int, texts: int) -> Invitation:
    attempt = one.attempts + 1
    words = text_for(attempt, limit=limit, texts=texts, person_id=one.person_id)
    return Invitation(one.person_id, one.userid, one.channel, attempt, words)


def asking_window(day: date, now: datetime, zone: ZoneInfo) -> tuple[datetime, datetime] | None:
    """
    First and last instant (UTC) at which to ask on a local day, seen from ``now``; None when the day's hours are over.

    A window that is already open starts now; one in the past is not used.
    """
    for opens, closes in WINDOWS:
        begin, end = instant_of(day, opens, zone), instant_of(day, closes, zone)
        if now < end:
            return max(begin, now) if local_day(now, zone) == day else begin, end
    return None
