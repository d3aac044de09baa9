"""The rules of the simulated community: what content, warm-up and noise do to people."""

from __future__ import annotations

import pytest

from qunflow.sandbox.world import rules
from qunflow.sandbox.world.rules import DayHeard
from qunflow.sandbox.world.traits import Traits

ORDINARY = Traits(interest=0.5, sociable=0.4, diligent=0.4, tolerance=8.0, budget_fen=4_000, eager=0.7)
SILENCE = DayHeard(0, 0.0)
GOOD_DAY = DayHeard(4, 0.75)
NOISY_DAY = DayHeard(20, 0.4)


def after(days: int, heard: DayHeard, warmth: float = rules.START_WARMTH) -> float:
    """The mood after some equal days."""
    for _ in range(days):
        warmth = rules.warmth_after(ORDINARY, warmth, heard)
    return warmth


def leaving(warmth: float, heard: DayHeard, *, days_in: int = 30, pulled: bool = False) -> float:
    """The chance of an ordinary person to leave."""
    return rules.leaving_chance(ORDINARY, warmth, heard, days_in=days_in, pulled=pulled)


def test_a_group_without_content_dies() -> None:
    """Twenty silent days leave little warmth, hardly any talk, and many times the leavers of a cared-for group."""
    silent, cared = after(20, SILENCE), after(20, GOOD_DAY)
    assert silent < 0.1 < 0.55 < cared
    assert rules.chatting_chance(ORDINARY, silent, SILENCE) < 0.05 * rules.chatting_chance(ORDINARY, cared, GOOD_DAY)
    assert leaving(silent, SILENCE) > 8 * leaving(cared, GOOD_DAY)


def test_noise_drives_people_out_and_is_not_read() -> None:
    """Three days of noise beyond one's tolerance cool people down, make them leave, and the 20th message is missed."""
    assert after(3, NOISY_DAY) < 0.1
    assert leaving(0.6, NOISY_DAY) > 5 * leaving(0.6, GOOD_DAY)
    assert rules.reading_chance(ORDINARY, 0.6, 20) < 0.5 * rules.reading_chance(ORDINARY, 0.6, 4)


def test_a_warm_up_raises_buying_most_when_it_was_answered_and_about_the_same_goods() -> None:
    """A cold link is worth 1; a question 1.25, the same goods 1.7, an answer half as much again; after 72 h nothing."""
    cold = rules.warm_up_factor(read_s_ago=None, same_subject=False, replied=False)
    asked = rules.warm_up_factor(read_s_ago=86_400, same_subject=False, replied=False)
    same = rules.warm_up_factor(read_s_ago=86_400, same_subject=True, replied=False)
    answered = rules.warm_up_factor(read_s_ago=86_400, same_subject=True, replied=True)
    assert cold == 1.0 < asked < same < answered
    assert rules.warm_up_factor(read_s_ago=80 * 3_600, same_subject=True, replied=True) == 1.0
    assert rules.buying_chance(ORDINARY, 0.6, answered, 3_000) > 2 * rules.buying_chance(ORDINARY, 0.6, cold, 3_000)


def test_dear_goods_are_bought_less() -> None:
    """At twice one's usual order the chance is half."""
    usual = rules.buying_chance(ORDINARY, 0.6, 1.0, 4_000)
    assert rules.buying_chance(ORDINARY, 0.6, 1.0, 8_000) == pytest.approx(usual / 2)


def test_people_pulled_in_leave_sooner() -> None:
    """On the first day those pulled in are more than twice as likely to go; later it is a matter of 1 in 500 a day."""
    assert leaving(0.55, GOOD_DAY, days_in=0, pulled=True) > 2 * leaving(0.55, GOOD_DAY, days_in=0)
    assert leaving(0.55, GOOD_DAY, days_in=60, pulled=True) < leaving(0.55, GOOD_DAY, days_in=60) + 0.002


def test_every_repeated_invitation_is_worth_less() -> None:
    """The second invitation wins about a tenth of the people, the third hardly anybody."""
    first, second, third = (rules.joining_chance(ORDINARY, 0.7, time) for time in (1, 2, 3))
    assert 0.5 < first < 0.8
    assert 0.08 < second < 0.16
    assert second > 3 * third > 0


@pytest.mark.parametrize("warmth", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("messages", [0, 1, 8, 60])
def test_every_chance_is_a_chance(warmth: float, messages: int) -> None:
    """Whatever the mood and the noise, chances and moods stay between 0 and 1."""
    heard = DayHeard(messages, 0.9)
    found = [
        rules.reading_chance(ORDINARY, warmth, messages),
        rules.reply_chance(ORDINARY, warmth, 1.0),
        rules.click_chance(ORDINARY, 1.0, 9.0),
        rules.buying_chance(ORDINARY, warmth, 9.0, 1),
        rules.check_in_chance(ORDINARY, warmth),
        rules.chatting_chance(ORDINARY, warmth, heard),
        rules.warmth_after(ORDINARY, warmth, heard),
        leaving(warmth, heard, days_in=0, pulled=True),
    ]
    assert all(0 <= chance <= 1 for chance in found)
