"""
Where a group stands in its life (new → talking → adverts → dead) and what to do about it: revive, merge or close.

An unattended group goes from talk to adverts to silence; each stage is told by a rule anybody can check, with the rule
that decided it. Thresholds are settings of the community. Source: community operations practice, article S0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from qunflow.retention.groups import MONTH_DAYS

SEEN_DAYS = 14
# Fewer utterances say nothing about who speaks how much.
FEW_UTTERANCES = 10

Stage = Literal["new", "talking", "adverts", "dead"]
Why = Literal["young", "alive", "few_active", "mostly_adverts", "one_speaker", "hardly_any", "nobody"]
What = Literal["keep", "revive", "merge", "close"]
STAGES: tuple[Stage, ...] = ("new", "talking", "adverts", "dead")


@dataclass(frozen=True, slots=True)
class GroupTalk:
    """
    What was seen of a group in the last 14 days.

    Args:
        opened_on, closed_on: local days, None where not known or never.
        active: members with any act that counts as active, in people.
        said: utterances of members; ``top_said`` those of the member who said most.
        adverts: marketing messages of the staff that were really posted.
        talk_is_seen: whether utterances are known at all; without the chat archive they are not.
    """

    group_id: int
    kind: str
    platform: str
    opened_on: date | None
    closed_on: date | None
    members: int
    active: int
    said: int
    top_said: int
    adverts: int
    talk_is_seen: bool


@dataclass(frozen=True, slots=True)
class Marks:
    """The thresholds, shares of 0 to 1, and how many members a group may have."""

    talking_share: float = 0.10
    dead_share: float = 0.03
    advert_share: float = 0.50
    capacity: int = 500


@dataclass(frozen=True, slots=True)
class LifeStage:
    """The stage of a group, why, and the shares behind it; a share is None where it cannot be known."""

    group_id: int
    stage: Stage
    why: Why
    active_share: float | None
    advert_share: float | None
    top_share: float | None


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do with a group; ``into`` is the group to merge it with."""

    group_id: int
    what: What
    into: int | None = None


def life_stage(seen: GroupTalk, through: date, marks: Marks) -> LifeStage:
    """
    The stage of a group on a local day; the first rule that holds decides.

    1. new: opened less than 30 days ago. 2. dead: active ÷ members < 3 %. 3. adverts: active ÷ members < 10 %, or
    adverts ÷ (adverts + said) > 50 %, or one member says more than half of at least 10 utterances. 4. talking.
    The last two of rule 3 are skipped where utterances cannot be seen. Unit: shares of members, of messages.
    Source: article S0 (the stages); a published rule of thumb (10 % and 3 %); both halves are conventions.
    """
    active = seen.active / seen.members if seen.members else None
    adverts = _share(seen.adverts, seen.adverts + seen.said) if seen.talk_is_seen else None
    top = _share(seen.top_said, seen.said) if seen.talk_is_seen and seen.said >= FEW_UTTERANCES else None
    stage, why = _judged(seen, through, marks, (active, adverts, top))
    return LifeStage(seen.group_id, stage, why, active, adverts, top)


def advice_for(
    seen: GroupTalk, stage: LifeStage, others: Sequence[tuple[GroupTalk, LifeStage]], marks: Marks
) -> Advice:
    """
    What to do about a stage.

    new and talking: keep. adverts: revive. dead: merge with a group that fits, else close when nobody moves or nobody
    is left, else revive. Fitting is a group of the same kind and platform that talks, has no closing day and has room
    for everybody (members of both ≤ capacity); of several the most active one.
    """
    if stage.stage in ("new", "talking"):
        return Advice(seen.group_id, "keep")
    if stage.stage == "adverts":
        return Advice(seen.group_id, "revive")
    fitting = [(-(one.active_share or 0.0), talk.group_id) for talk, one in others if _fits(seen, talk, one, marks)]
    if fitting and seen.members:
        return Advice(seen.group_id, "merge", min(fitting)[1])
    return Advice(seen.group_id, "close" if seen.active == 0 else "revive")


def _judged(
    seen: GroupTalk, through: date, marks: Marks, shares: tuple[float | None, float | None, float | None]
) -> tuple[Stage, Why]:
    active, adverts, top = shares
    if seen.opened_on is not None and (through - seen.opened_on).days < MONTH_DAYS:
        return "new", "young"
    if active is None or active < marks.dead_share:
        return "dead", "hardly_any" if seen.active else "nobody"
    if active < marks.talking_share:
        return "adverts", "few_active"
    if adverts is not None and adverts > marks.advert_share:
        return "adverts", "mostly_adverts"
    if top is not None and top > 0.5:
        return "adverts", "one_speaker"
    return "talking", "alive"


def _fits(seen: GroupTalk, other: GroupTalk, stage: LifeStage, marks: Marks) -> bool:
    same = (other.kind, other.platform) == (seen.kind, seen.platform) and other.group_id != seen.group_id
    lasting = stage.stage == "talking" and other.closed_on is None
    return same and lasting and seen.members + other.members <= marks.capacity


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
