"""The funnel counts persons by channel, and says nothing about windows that have not passed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from qunflow.acquisition.funnel import ChannelFunnel, ContactFact, LeadFact, StayFact, funnel, movement

SHANGHAI = ZoneInfo("Asia/Shanghai")
DAY = date(2026, 3, 20)
END = datetime(2026, 3, 20, 23, 59, 59, tzinfo=SHANGHAI).astimezone(UTC)
COSTS = {"poster-a": 80_000, "friend": 0}


def local(day: int, hour: int = 10) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=SHANGHAI).astimezone(UTC)


def stay(person: int, joined: datetime, left: datetime | None = None, *, pulled: bool = False) -> StayFact:
    return StayFact(person, 1, "", joined, left, pulled)


def of(
    channel: str,
    leads: list[LeadFact] | None = None,
    contacts: list[ContactFact] | None = None,
    stays: list[StayFact] | None = None,
) -> ChannelFunnel:
    rows = funnel(END, leads=leads or [], contacts=contacts or [], stays=stays or [], costs_fen=COSTS)
    return next(row for row in rows if row.channel == channel)


def test_duplicates_are_leads_but_not_valid_ones() -> None:
    """Two rows of one person are two leads and one valid lead."""
    leads = [LeadFact(1, "poster-a", local(1), False), LeadFact(1, "poster-a", local(2), True)]

    assert (of("poster-a", leads).leads, of("poster-a", leads).leads_valid) == (2, 1)


def test_the_join_rate_counts_contacts_whose_seven_days_have_passed() -> None:
    """Joined on day 3: counted; joined on day 9: too late; added yesterday: not asked yet."""
    contacts = [
        ContactFact(person, "poster-a", added) for person, added in [(1, local(1)), (2, local(1)), (3, local(19))]
    ]
    stays = [stay(1, local(4)), stay(2, local(10)), stay(3, local(19, 12))]

    rate = of("poster-a", contacts=contacts, stays=stays).join_rate

    assert (rate.numerator, rate.denominator, rate.value) == (1, 2, 0.5)


def test_an_immature_rate_is_blank() -> None:
    """Nobody's window has passed: None, never 0."""
    contacts = [ContactFact(1, "poster-a", local(19))]

    assert of("poster-a", contacts=contacts).join_rate.value is None


def test_a_stayed_member_is_in_some_group_seven_days_after_first_joining() -> None:
    """Moving to another group is staying; leaving on day 6 is not; the cost is shared by those who stayed."""
    contacts = [ContactFact(person, "poster-a", local(1)) for person in (1, 2, 3)]
    stays = [
        stay(1, local(2)),
        stay(2, local(2), local(8, 9)),
        stay(3, local(2), local(4)),
        StayFact(3, 2, "", local(5), None, True),
    ]

    row = of("poster-a", contacts=contacts, stays=stays)

    assert (row.stayed_d7.numerator, row.stayed_d7.denominator) == (2, 3)
    assert row.cost_per_stayed_member_fen == 40_000


def test_a_channel_without_cost_or_stayers_has_no_cost_per_member() -> None:
    """A division that means nothing is blank."""
    assert of("friend").cost_per_stayed_member_fen is None
    assert of("poster-a").cost_per_stayed_member_fen is None


def test_a_person_is_credited_to_one_channel() -> None:
    """The contact's channel wins over the lead's and the code's; an unnamed one is `other`."""
    rows = funnel(
        END,
        leads=[LeadFact(1, "friend", local(1), False)],
        contacts=[ContactFact(1, "poster-a", local(2))],
        stays=[StayFact(1, 1, "friend", local(2), None, False), stay(9, local(2))],
        costs_fen=COSTS,
    )

    assert {row.channel: (row.leads, row.joined) for row in rows} == {
        "poster-a": (1, 1),
        "friend": (0, 0),
        "other": (0, 1),
    }


def test_what_happens_after_the_day_is_not_counted() -> None:
    """A backfilled day sees only what had happened by its end."""
    assert of("poster-a", [LeadFact(1, "poster-a", local(21), False)]).leads == 0


def test_the_day_s_movement_counts_comings_goings_and_people() -> None:
    """Joins and leaves are of the day, members are those at its end, each person once."""
    stays = [
        stay(1, local(1)),
        stay(2, local(20), pulled=True),
        stay(3, local(1), local(20)),
        StayFact(1, 2, "", local(1), None, False),
        stay(4, local(1), local(20) + timedelta(days=1)),
    ]

    moved = movement(DAY, SHANGHAI, stays, [1, 2, 3])

    assert (moved.joins, moved.joins_pulled_in, moved.leaves, moved.net_growth) == (1, 1, 1, 0)
    assert moved.unique_members == 3
    assert moved.members_of == {1: 3, 2: 1, 3: 0}


def test_pulled_in_people_without_a_channel_have_a_row_of_their_own() -> None:
    """Whom a member brought is not of unknown origin; a channel that claims the person comes first."""
    stays = [stay(1, local(2), pulled=True), stay(2, local(2)), stay(3, local(2), pulled=True)]
    contacts = [ContactFact(3, "poster-a", local(1))]

    assert of("pulled_in", contacts=contacts, stays=stays).joined == 1
    assert of("other", contacts=contacts, stays=stays).joined == 1
    assert of("poster-a", contacts=contacts, stays=stays).joined == 1
