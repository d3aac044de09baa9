"""
The rules of the simulated community: pure chances from traits, mood and content.

``warmth`` (0 to 1) is a person's mood towards the community; it rises with content worth reading, falls with noise and
sinks when nothing comes. Everything else follows from it, so a group without content dies. Where each number comes
from stands in ``docs/reference/simulated-community.md``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from qunflow.sandbox.world.traits import Traits

START_WARMTH = 0.55
COLDEST = 0.02
COOLS = 0.10
WARMS, WARMS_BY_ITSELF, WARMS_BY_INTEREST = 0.10, 0.35, 0.9
ENOUGH_MESSAGES = 4
NOISE_COOLS = 0.045
READS_COLD, READS_WARM, IMPATIENCE = 0.08, 0.62, 1.5
REPLIES = 0.9
CLICKS, MOST_CLICKS = 0.28, 0.9
BUYS, BUYS_BY_INTEREST, MOST_BUYS = 0.08, 0.45, 0.85
WARM_UP_S = 72 * 3_600
WARM_UP, WARM_UP_SAME_GOODS, WARM_UP_ANSWERED = 1.25, 1.7, 1.5
CHECKS_IN, CHECKS_IN_COLD, DILIGENCE_COUNTS = 0.55, 0.4, 1.5
TALKS, MOST_TALKS, SILENT_STAFF = 1.0, 0.95, 0.35
MOOD_COUNTS = 1.5
TALKATIVE, TALKATIVE_POWER, MOST_MESSAGES = 9.0, 1.6, 80
LEAVES_ANYWAY = 0.0006
LEAVES_COLD, COLD_BELOW = 0.14, 0.5
LEAVES_ANNOYED = 0.005
SECOND_THOUGHTS, SECOND_THOUGHTS_PULLED = 0.044, 0.12
JOINS, JOINS_BY_APPEAL, JOINS_AGAIN = 0.55, 0.6, 0.18
WAKES_H, SLEEPS_H = 7.0, 23.0


@dataclass(frozen=True, slots=True)
class DayHeard:
    """
    What a group heard from its staff on one day: how many messages and how appealing on average.

    ``leaving`` is the factor that their content puts on the chance to leave on the day after.
    """

    messages: int
    appeal: float
    leaving: float = 1.0


def reading_chance(traits: Traits, warmth: float, message_of_day: int) -> float:
    """Chance to see the nth message of a day: noise beyond one's tolerance is scrolled past."""
    patience = min(1.0, traits.tolerance / max(message_of_day, 1))
    return (READS_COLD + READS_WARM * warmth) * math.pow(patience, IMPATIENCE)


def reply_chance(traits: Traits, warmth: float, appeal: float) -> float:
    """Chance that a reader answers a message that asks for it."""
    return REPLIES * traits.sociable * warmth * appeal


def click_chance(traits: Traits, appeal: float, warm_up: float) -> float:
    """Chance that a reader taps an offer's link; ``warm_up`` as of `warm_up_factor`."""
    return min(CLICKS * traits.interest * appeal * warm_up, MOST_CLICKS)


def buying_chance(traits: Traits, warmth: float, warm_up: float, price_fen: int) -> float:
    """Chance that somebody who opened the offer pays; far above one's usual order it sinks."""
    dear = max(price_fen / max(traits.budget_fen, 1), 1.0)
    return min((BUYS + BUYS_BY_INTEREST * traits.interest * warmth) * warm_up / dear, MOST_BUYS)


def warm_up_factor(*, read_s_ago: int | None, same_subject: bool, replied: bool) -> float:
    """
    How much a warm-up of the days before lifts interest in an offer.

    1 without one; reading a question is worth 1.25, about the same goods 1.7, and having answered it 1.5 more.
    """
    if read_s_ago is None or read_s_ago > WARM_UP_S:
        return 1.0
    return (WARM_UP_SAME_GOODS if same_subject else WARM_UP) * (WARM_UP_ANSWERED if replied else 1.0)


def check_in_chance(traits: Traits, warmth: float) -> float:
    """Chance of a day's check-in for somebody who knows about the challenge."""
    return CHECKS_IN * math.pow(traits.diligent, DILIGENCE_COUNTS) * (CHECKS_IN_COLD + warmth)


def chatting_chance(traits: Traits, warmth: float, heard: DayHeard) -> float:
    """Chance to say something unasked on a day; silence of the staff makes silence."""
    alive = 1.0 if heard.messages else SILENT_STAFF
    return min(TALKS * traits.sociable * math.pow(warmth, MOOD_COUNTS) * alive, MOST_TALKS)


def messages_of_day(traits: Traits, roll: float) -> int:
    """How much somebody says on a day of talking, from a number in [0, 1); the talkative say more each time too."""
    mean_more = TALKATIVE * math.pow(traits.sociable, TALKATIVE_POWER)
    return min(1 + int(-mean_more * math.log(1 - roll)), MOST_MESSAGES)


def warmth_after(traits: Traits, warmth: float, heard: DayHeard) -> float:
    """The mood after a day."""
    if heard.messages == 0:
        return warmth * (1 - COOLS)
    worth = heard.appeal * min(heard.messages, ENOUGH_MESSAGES) / ENOUGH_MESSAGES
    excess = max(heard.messages - traits.tolerance, 0.0)
    risen = warmth + WARMS * worth * (WARMS_BY_ITSELF + WARMS_BY_INTEREST * traits.interest - warmth)
    return min(max(risen - NOISE_COOLS * excess, COLDEST), 1.0)


def leaving_chance(traits: Traits, warmth: float, heard: DayHeard, *, days_in: int, pulled: bool) -> float:
    """Chance to leave the group today: the cold, the annoyed, and whoever came lately, most of all if pulled in."""
    cold = LEAVES_COLD * max(COLD_BELOW - warmth, 0.0) ** 2
    annoyed = LEAVES_ANNOYED * max(heard.messages - traits.tolerance, 0.0)
    second_thoughts = (SECOND_THOUGHTS_PULLED if pulled else SECOND_THOUGHTS) / (1 + days_in)
    return min((LEAVES_ANYWAY + cold + annoyed + second_thoughts) * heard.leaving, 1.0)


def joining_chance(traits: Traits, appeal: float, time: int) -> float:
    """Chance to scan the code in the nth private message; asking again wins about a tenth, as brands report."""
    return traits.eager * (JOINS + JOINS_BY_APPEAL * appeal) * math.pow(JOINS_AGAIN, time - 1)


def is_awake(hour: float) -> bool:
    """Whether people look at their phones at a local hour."""
    return WAKES_H <= hour < SLEEPS_H
