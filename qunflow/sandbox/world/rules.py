"""
The rules of the simulated community: pure chances from traits, mood and content.

``warmth`` (0 to 1) is a person's mood towards the community; it rises with content worth reading, falls with noise and
sinks when nothing comes. Everything else follows from it, so a group without content dies.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from qunflow.sandbox.world.traits import Traits

START_WARMTH = 0.55
WARM_UP_S = 72 * 3_600
TALK = 1.2
TALKATIVE, TALKATIVE_POWER, MOST_A_DAY = 14.0, 1.1, 80
REPLY = 0.8
EVERY_DAY = 0.0006
SECOND_THOUGHTS, SECOND_THOUGHTS_PULLED = 0.044, 0.12


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
    return (0.08 + 0.62 * warmth) * patience * math.sqrt(patience)


def reply_chance(traits: Traits, warmth: float, appeal: float) -> float:
    """Chance that a reader answers a message that asks for it."""
    return REPLY * traits.sociable * warmth * appeal


def click_chance(traits: Traits, appeal: float, warm_up: float) -> float:
    """Chance that a reader taps an offer's link; ``warm_up`` as of `warm_up_factor`."""
    return min(0.28 * traits.interest * appeal * warm_up, 0.9)


def buying_chance(traits: Traits, warmth: float, warm_up: float, price_fen: int) -> float:
    """Chance that somebody who opened the offer pays; far above one's usual order it sinks."""
    dear = max(price_fen / max(traits.budget_fen, 1), 1.0)
    return min((0.08 + 0.45 * traits.interest * warmth) * warm_up / dear, 0.85)


def warm_up_factor(*, read_s_ago: int | None, same_subject: bool, replied: bool) -> float:
    """
    How much a warm-up of the days before lifts interest in an offer.

    1 without one; reading a question is worth 1.25, about the same goods 1.7, and having answered it 1.5 more.
    """
    if read_s_ago is None or read_s_ago > WARM_UP_S:
        return 1.0
    return (1.7 if same_subject else 1.25) * (1.5 if replied else 1.0)


def check_in_chance(traits: Traits, warmth: float) -> float:
    """Chance of a day's check-in for somebody who knows about the challenge."""
    return 0.55 * traits.diligent * math.sqrt(traits.diligent) * (0.4 + warmth)


def chatting_chance(traits: Traits, warmth: float, heard: DayHeard) -> float:
    """Chance to say something unasked on a day; silence of the staff makes silence."""
    alive = 1.0 if heard.messages else 0.35
    return min(TALK * traits.sociable * warmth * math.sqrt(warmth) * alive, 0.95)


def messages_of_day(traits: Traits, roll: float) -> int:
    """How much somebody says on a day of talking, from a number in [0, 1); the talkative say more each time too."""
    return min(1 + int(-TALKATIVE * math.pow(traits.sociable, TALKATIVE_POWER) * math.log(1 - roll)), MOST_A_DAY)


def warmth_after(traits: Traits, warmth: float, heard: DayHeard) -> float:
    """The mood after a day."""
    if heard.messages == 0:
        return warmth * 0.90
    worth = heard.appeal * min(heard.messages, 4) / 4
    excess = max(heard.messages - traits.tolerance, 0.0)
    risen = warmth + 0.10 * worth * (0.35 + 0.9 * traits.interest - warmth)
    return min(max(risen - 0.045 * excess, 0.02), 1.0)


def leaving_chance(traits: Traits, warmth: float, heard: DayHeard, *, days_in: int, pulled: bool) -> float:
    """Chance to leave the group today: the cold, the annoyed, the newly pulled in."""
    cold = 0.14 * max(0.5 - warmth, 0.0) ** 2
    annoyed = 0.005 * max(heard.messages - traits.tolerance, 0.0)
    second_thoughts = (SECOND_THOUGHTS_PULLED if pulled else SECOND_THOUGHTS) / (1 + days_in)
    return min((EVERY_DAY + cold + annoyed + second_thoughts) * heard.leaving, 1.0)


def joining_chance(traits: Traits, appeal: float, time: int) -> float:
    """Chance to scan the code in the nth private message; asking again wins about a tenth, as brands report."""
    return traits.eager * (0.55 + 0.6 * appeal) * math.pow(0.18, time - 1)


def is_awake(hour: float) -> bool:
    """Whether people look at their phones at a local hour."""
    return 7.0 <= hour < 23.0
