"""The simulated community beside real logs: alike in who talks and in how losses are spread over time."""

from __future__ import annotations

import pytest

from benchmarks import community_fit as fit
from benchmarks.community_fit import Said, Stay

needs_logs = pytest.mark.skipif(
    not fit.DATA.is_dir(), reason="the real chat logs are no part of the project and not on this machine"
)
SEEDS = range(1, 4)


@pytest.fixture(scope="module")
def stayed() -> dict[int, float]:
    """The stay curve of the simulated community."""
    return fit.simulated_stay(SEEDS)


def test_the_gini_coefficient_and_top_shares_of_known_counts() -> None:
    """All equal is 0; one of four who has everything is 3/4; the top fifth of five is one person."""
    assert fit.gini([5, 5, 5, 5]) == 0
    assert fit.gini([0, 0, 0, 8]) == 0.75
    assert fit.gini([1, 2, 3, 4]) == pytest.approx(0.25)
    assert fit.top_share([1, 1, 1, 1, 6], 0.2) == 0.6


def test_talk_is_measured_in_windows_with_enough_speakers() -> None:
    """Thirty people speak once and one of them 70 times more; a second window of two speakers does not count."""
    crowd = [Said(nth, str(nth)) for nth in range(30)] + [Said(100 + nth, "0") for nth in range(70)]
    lonely = [Said(70 * fit.DAY_S + nth, str(nth)) for nth in range(2)]
    figures = fit.talk_figures(crowd + lonely)
    assert figures["top 1 %"] == 0.71
    assert figures["days Gini"] == 0


def test_the_stay_curve_of_known_lives() -> None:
    """Four stay a day; three of them a week; one of them to the end; who left within the day does not count."""
    lives = [0.5, 2, 8, 20, 90]
    curve = fit.stay_curve(Stay(0, int(life * fit.DAY_S)) for life in lives)
    assert curve == {1: 1.0, 3: 0.75, 7: 0.75, 14: 0.5, 30: 0.25, 60: 0.25}
    assert fit.loss_shape(curve)[7] == pytest.approx(1 / 3)


@needs_logs
def test_few_people_do_most_of_the_talking_as_in_real_logs() -> None:
    """Shares of the most talkative, Gini and days of talking are within 4 points on average, 8 at most."""
    mean, greatest = fit.distance(fit.talk_target(), fit.simulated_talk(SEEDS))
    assert mean < 4
    assert greatest < 8


@needs_logs
def test_losses_are_spread_over_time_as_in_a_real_channel(stayed: dict[int, float]) -> None:
    """Half of the losses of 60 days in the first week: within 3 points on average, 6 at most."""
    real = fit.loss_shape(fit.real_stay(fit.LIKE_A_GROUP))
    mean, greatest = fit.distance(real, fit.loss_shape(stayed))
    assert mean < 3
    assert greatest < 6


def test_the_level_is_that_of_a_brands_group(stayed: dict[int, float]) -> None:
    """Some 80 to 92 % of those who stay a day stay a week, fewer a month, and two in three or more two months."""
    assert 0.80 < stayed[7] < 0.92
    assert 0.65 < stayed[60] < stayed[30] < stayed[7] - 0.05
