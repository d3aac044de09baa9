"""
The life of a campaign 活动: planned → warmed_up → offered → closed, or held.

No warm-up, no link: an offer is shown only where a warm-up message was really delivered before, and only when the
answers to it are good enough. Leaves the hours to the playbook and the sending to ``qunflow.delivery``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median
from typing import Final, Literal, Protocol

PLANNED, WARMED_UP, OFFERED, CLOSED, HELD = "planned", "warmed_up", "offered", "closed", "held"
Decision = Literal["go", "reword", "hold"]
GO: Final = "go"
REWORD: Final = "reword"
HOLD: Final = "hold"

# Below this share of the usual answers the offer waits; between it and the usual the words change, never the price.
HOLD_BELOW = 0.5
# The median of two equal-looking rates may lie a hair above both.
_ROUNDING = 1e-9


class Dated(Protocol):
    """What the calendar of a campaign needs to know of it."""

    @property
    def key(self) -> str:
        """The campaign's slug, unique in its community."""

    @property
    def warm_up_on(self) -> date:
        """First local day of the warm-up."""

    @property
    def offer_on(self) -> date:
        """The local day on which the offer is shown."""

    @property
    def closes_on(self) -> date:
        """Last local day on which it can be bought, included."""


class WithCampaigns(Protocol):
    """A community, as far as its campaigns go."""

    @property
    def campaigns(self) -> Sequence[Dated]:
        """All campaigns, past and future."""


class WithKey(Protocol):
    """A group, as far as campaigns go."""

    @property
    def key(self) -> str:
        """The group's slug."""


@dataclass(frozen=True, slots=True)
class WarmUp:
    """What a warm-up brought in one group: people who answered or clicked ÷ members of the group."""

    group_id: int
    delivered: bool
    replies: int
    clickers: int
    members: int

    @property
    def responses(self) -> int:
        """
        People who responded, never more than the group has members.

        Without the chat archive nobody can tell whether who answered also clicked: both are added, so it is an upper
        bound, capped by the group.
        """
        return min(self.replies + self.clickers, self.members)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the offer may be shown: ``rate`` of this warm-up, ``usual`` the median of past ones; None = unknown."""

    decision: Decision
    reason: str
    rate: float | None
    usual: float | None


def response_rate(warm_ups: Iterable[WarmUp]) -> float | None:
    """Responses ÷ members, over the groups that really got a warm-up; None when none did."""
    reached = [one for one in warm_ups if one.delivered]
    members = sum(one.members for one in reached)
    return sum(one.responses for one in reached) / members if members else None


def judge(rate: float | None, past: Collection[float]) -> Verdict:
    """
    Decide whether to sell, to sell with other words, or to wait.

    Args:
        rate: response rate of this campaign's warm-up, None when no warm-up was delivered.
        past: response rates of the community's earlier campaigns.

    Source: playbooks part 5, the evening decision of the day before: at the median or above go, from half of it on
    reword, below hold. Without an earlier campaign any answer is a go and silence a reword.
    """
    usual = median(past) if past else None
    if rate is None:
        return Verdict(HOLD, "no_warm_up", None, usual)
    if usual is None:
        return Verdict(GO, "first_answered", rate, None) if rate > 0 else Verdict(REWORD, "first_silent", rate, None)
    if rate >= usual - _ROUNDING:
        return Verdict(GO, "at_least_usual", rate, usual)
    if rate >= usual * HOLD_BELOW - _ROUNDING:
        return Verdict(REWORD, "below_usual", rate, usual)
    return Verdict(HOLD, "far_below_usual", rate, usual)


def next_state(state: str, campaign: Dated, day: date, *, warmed_up: bool, decision: Decision) -> str:
    """
    Where a campaign stands on a local day.

    Args:
        state: where it stood before.
        campaign: its dates.
        day: the local day asked about.
        warmed_up: whether at least one warm-up message was really delivered.
        decision: what the answers allow; it matters from ``offer_on`` to ``closes_on`` only.
    """
    if state == OFFERED:
        return CLOSED if day > campaign.closes_on else OFFERED
    if state not in (PLANNED, WARMED_UP):
        return state
    if day < campaign.offer_on:
        return WARMED_UP if warmed_up else PLANNED
    sells = warmed_up and decision != HOLD and day <= campaign.closes_on
    return OFFERED if sells else HELD


def campaigns_on(campaigns: Iterable[Dated], day: date) -> tuple[str, ...]:
    """Keys of the campaigns that have something to do on a local day: from the warm-up to the day after closing."""
    return tuple(one.key for one in campaigns if one.warm_up_on <= day and (day - one.closes_on).days <= 1)


def reserves_mass_task(
    community: WithCampaigns, group: WithKey, day: date, *, states: Mapping[str, str] | None = None
) -> bool:
    """
    Whether the one mass task of this group and day belongs to a campaign.

    The offer and its last call on the closing day go out as mass tasks; daily content then sends by hand. A campaign
    known to be held or closed (``states``: campaign key → state) gives the day back. Every group of a community takes
    part in its campaigns, so ``group`` does not change the answer yet.
    """
    stands = states or {}
    alive = [one for one in community.campaigns if stands.get(one.key) not in (HELD, CLOSED)]
    return any(day in (one.offer_on, one.closes_on) for one in alive)
