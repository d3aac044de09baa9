"""Rows from forms become leads or are set aside with a reason; none is lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qunflow.acquisition.leads import Entry, Refusal, e164, instant_said, mark_duplicates, sort_entries

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
CHANNELS = {"poster-a": "电梯海报", "friend": "老客介绍"}
ENTRY = Entry(
    "form/f", "1", "entry 1", "neighbours", "小林", "138 0013 8000", "", "电梯海报", "2026-03-02 09:30:00", {"a": 1}
)


def sort(*entries: Entry) -> tuple[list[str], list[Refusal]]:
    batch = sort_entries(entries, zone=SHANGHAI, channels=CHANNELS, received_at=NOW, now=NOW)
    return [lead.source_key for lead in batch.leads], [row.reason for row in batch.refused]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("13800138000", "+8613800138000"),
        ("138-0013-8000", "+8613800138000"),
        ("１３８００１３８０００", "+8613800138000"),
        ("+86 138 0013 8000", "+8613800138000"),
        ("+852 5123 4567", "+85251234567"),
        ("12345", None),
        ("没有", None),
        ("1380013800", None),
    ],
)
def test_a_phone_becomes_e164_or_nothing(typed: str, expected: str | None) -> None:
    """However a number is typed, it has one form; an impossible one has none."""
    assert e164(typed) == expected


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("2026-03-02 09:30:00", datetime(2026, 3, 2, 1, 30, tzinfo=UTC)),
        ("2026/3/2 9:30", datetime(2026, 3, 2, 1, 30, tzinfo=UTC)),
        ("2026-03-02T01:30:00.000Z", datetime(2026, 3, 2, 1, 30, tzinfo=UTC)),
        ("2026年3月2日 09:30", datetime(2026, 3, 2, 1, 30, tzinfo=UTC)),
        ("昨天", None),
        ("0001-01-01 00:00:00", None),
        ("9999-12-31T23:59:59-10:00", None),
    ],
)
def test_a_time_without_zone_is_local(typed: str, expected: datetime | None) -> None:
    """A written time is taken in the community's zone unless it names its own."""
    assert instant_said(typed, SHANGHAI) == expected


def test_a_good_row_becomes_a_lead_with_the_channel_key() -> None:
    """A channel named by its display name is credited under its key."""
    batch = sort_entries([ENTRY], zone=SHANGHAI, channels=CHANNELS, received_at=NOW, now=NOW)

    assert [(lead.phone, lead.channel) for lead in batch.leads] == [("+8613800138000", "poster-a")]
    assert batch.refused == ()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"name": "", "phone": "", "external_userid": ""}, Refusal.EMPTY_ROW),
        ({"phone": ""}, Refusal.NO_CONTACT_DETAIL),
        ({"phone": "123"}, Refusal.BAD_PHONE),
        ({"submitted": "someday"}, Refusal.BAD_TIME),
        ({"submitted": "2026-03-03 09:30:00"}, Refusal.FROM_THE_FUTURE),
    ],
)
def test_a_bad_row_is_set_aside_with_its_reason(change: dict[str, str], reason: Refusal) -> None:
    """Every kind of unusable row has a reason of its own and keeps its raw content."""
    batch = sort_entries([replace(ENTRY, **change)], zone=SHANGHAI, channels=CHANNELS, received_at=NOW, now=NOW)

    assert [(row.reason, row.raw) for row in batch.refused] == [(reason, {"a": 1})]
    assert batch.leads == ()


def test_the_same_serial_twice_is_one_lead() -> None:
    """A row repeated under the same key is set aside, not counted again."""
    assert sort(ENTRY, replace(ENTRY, row_ref="entry 1 again")) == (["1"], [Refusal.REPEATED_ROW])


def test_a_missing_time_is_the_time_of_receipt() -> None:
    """A form that names no time does not make its rows bad."""
    batch = sort_entries([replace(ENTRY, submitted="")], zone=SHANGHAI, channels=CHANNELS, received_at=NOW, now=NOW)

    assert batch.leads[0].submitted_at == NOW


def test_duplicates_point_at_the_first_lead_of_the_person() -> None:
    """Phone or external id in common makes a duplicate, also through a third row that holds both."""
    rows = [
        replace(ENTRY, source_key="1", phone="13800138000", submitted="2026-03-01 09:00:00"),
        replace(ENTRY, source_key="2", phone="13800138000", external_userid="wm1", submitted="2026-03-01 10:00:00"),
        replace(ENTRY, source_key="3", phone="", external_userid="wm1", submitted="2026-03-01 11:00:00"),
        replace(ENTRY, source_key="4", phone="13900139000", submitted="2026-03-01 12:00:00"),
    ]

    batch = sort_entries(reversed(rows), zone=SHANGHAI, channels=CHANNELS, received_at=NOW, now=NOW)

    assert [lead.duplicate_of for lead in batch.leads] == ["", "form/f/1", "form/f/1", ""]


@given(st.lists(st.sampled_from(["", "13800138000", "13900139000", "12", "x"]), max_size=12))
def test_every_row_stands_on_exactly_one_side(phones: list[str]) -> None:
    """Leads and refused rows together are always all rows."""
    entries = [replace(ENTRY, source_key=str(i), row_ref=f"row {i}", phone=phone) for i, phone in enumerate(phones)]

    leads, refused = sort(*entries)

    assert len(leads) + len(refused) == len(phones)


def test_marking_duplicates_twice_changes_nothing() -> None:
    """The marking is a function of the rows alone."""
    batch = sort_entries(
        [ENTRY, replace(ENTRY, source_key="2")], zone=SHANGHAI, channels=CHANNELS, received_at=NOW, now=NOW
    )

    assert mark_duplicates(batch.leads) == batch.leads
