"""
What a form said about a person, and whether it can be worked with.

A row is either a :class:`Lead` or a :class:`RefusedRow` with its reason; nothing is dropped. Who is known already is
decided by the store: here duplicates are found only inside one batch.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

UNKNOWN_CHANNEL = "other"
# A phone's clock and ours may differ by this much before a time counts as "from the future".
CLOCK_TOLERANCE = timedelta(minutes=10)
_TIME_SHAPES = ("%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y年%m月%d日 %H:%M", "%Y/%m/%d")


class Refusal(StrEnum):
    """Why a row was set aside; the value is what the quarantine stores."""

    EMPTY_ROW = "empty_row"
    NO_CONTACT_DETAIL = "no_contact_detail"
    BAD_PHONE = "bad_phone"
    BAD_TIME = "bad_time"
    FROM_THE_FUTURE = "from_the_future"
    REPEATED_ROW = "repeated_row"
    MALFORMED = "malformed"
    UNKNOWN_FORM = "unknown_form"


@dataclass(frozen=True, slots=True)
class Entry:
    """One row as the form gave it; ``row_ref`` lets a person find it again in its source."""

    source: str
    source_key: str
    row_ref: str
    community: str
    name: str
    phone: str
    external_userid: str
    channel: str
    submitted: str
    raw: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Lead:
    """A usable row: at least a phone (E.164) or an external id, a channel key and an instant in UTC."""

    source: str
    source_key: str
    row_ref: str
    community: str
    name: str
    phone: str
    external_userid: str
    channel: str
    submitted_at: datetime
    duplicate_of: str = ""


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that cannot be worked with, kept whole for the quarantine."""

    source: str
    row_ref: str
    reason: Refusal
    raw: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Sorted:
    """A batch after judgement: every row that came in stands on exactly one side."""

    leads: tuple[Lead, ...]
    refused: tuple[RefusedRow, ...]


def plain(value: object) -> str:
    """A form value as trimmed text with full-width digits and letters made ordinary, without NUL; a list is joined."""
    if value is None:
        return ""
    if isinstance(value, (list, tuple)):
        return "、".join(plain(item) for item in value)
    return unicodedata.normalize("NFKC", str(value)).replace("\0", "").strip()


def e164(raw: str, region: str = "CN") -> str | None:
    """
    A phone number in E.164 form, or None when no such number can exist in its country.

    Args:
        raw: as typed; spaces, dashes, full-width digits and a country code are understood.
        region: ISO country assumed when the number carries none.
    """
    import phonenumbers

    try:
        number = phonenumbers.parse(plain(raw), region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def instant_said(raw: str, zone: ZoneInfo) -> datetime | None:
    """The UTC instant a form's time text means; a time without a zone is local to the community. None: unreadable."""
    text = plain(raw)
    moment = _iso(text) or _by_shape(text.replace("-", "/").replace(".", "/", 2))
    if moment is None:
        return None
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError:
        # The empty date of some exports, 0001-01-01, has no instant in UTC.
        return None


def _iso(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _by_shape(text: str) -> datetime | None:
    for shape in _TIME_SHAPES:
        try:
            return datetime.strptime(text, shape)  # noqa: DTZ007 - the caller gives it the community's zone
        except ValueError:
            continue
    return None


def channel_key(said: str, channels: Mapping[str, str]) -> str:
    """The key of a channel named by key or display name (``channels``: key → name); an unknown one keeps its text."""
    text = plain(said)
    by_name = {plain(name): key for key, name in channels.items()}
    return (text if text in channels else by_name.get(text, text))[:64] or UNKNOWN_CHANNEL


def judged(
    entry: Entry, *, zone: ZoneInfo, channels: Mapping[str, str], received_at: datetime, now: datetime
) -> Lead | RefusedRow:
    """
    One row as a lead, or refused with the first reason that applies.

    Args:
        received_at: stands in for the time of submission when the form names none.
    """
    phone = e164(entry.phone) if entry.phone else ""
    submitted_at = instant_said(entry.submitted, zone) if entry.submitted else received_at
    reason = _reason_against(entry, phone, submitted_at, now)
    if reason or phone is None or submitted_at is None:
        return RefusedRow(entry.source, entry.row_ref, reason or Refusal.MALFORMED, entry.raw)
    return Lead(
        entry.source,
        entry.source_key,
        entry.row_ref,
        entry.community,
        entry.name,
        phone,
        entry.external_userid,
        channel_key(entry.channel, channels),
        submitted_at,
    )


def _reason_against(entry: Entry, phone: str | None, submitted_at: datetime | None, now: datetime) -> Refusal | None:
    if not any((entry.name, entry.phone, entry.external_userid)):
        return Refusal.EMPTY_ROW
    if not entry.phone and not entry.external_userid:
        return Refusal.NO_CONTACT_DETAIL
    if phone is None:
        return Refusal.BAD_PHONE
    if submitted_at is None:
        return Refusal.BAD_TIME
    return Refusal.FROM_THE_FUTURE if submitted_at > now + CLOCK_TOLERANCE else None


def sort_entries(
    entries: Iterable[Entry], *, zone: ZoneInfo, channels: Mapping[str, str], received_at: datetime, now: datetime
) -> Sorted:
    """Judge a batch: usable leads with duplicates marked, and every other row with its reason."""
    leads: list[Lead] = []
    refused: list[RefusedRow] = []
    seen: set[tuple[str, str]] = set()
    for entry in entries:
        verdict = judged(entry, zone=zone, channels=channels, received_at=received_at, now=now)
        if isinstance(verdict, RefusedRow):
            refused.append(verdict)
        elif (verdict.source, verdict.source_key) in seen:
            refused.append(RefusedRow(entry.source, entry.row_ref, Refusal.REPEATED_ROW, entry.raw))
        else:
            seen.add((verdict.source, verdict.source_key))
            leads.append(verdict)
    return Sorted(mark_duplicates(leads), tuple(refused))


def mark_duplicates(leads: Iterable[Lead]) -> tuple[Lead, ...]:
    """
    The same leads in order of submission, each later one of the same person pointing at the first.

    Two leads are of one person when phone or external id agree; ``duplicate_of`` is ``source/source_key`` of the first.
    """
    first_by: dict[str, str] = {}
    marked: list[Lead] = []
    for lead in sorted(leads, key=lambda each: each.submitted_at):
        marks = [mark for mark in (lead.phone, lead.external_userid) if mark]
        original = next((first_by[mark] for mark in marks if mark in first_by), "")
        for mark in marks:
            first_by.setdefault(mark, original or f"{lead.source}/{lead.source_key}")
        marked.append(replace(lead, duplicate_of=original))
    return tuple(marked)
