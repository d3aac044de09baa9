"""
Published estimates of both survival curves, equal to the printed digits.

Per cent of two segments still there after 0 to 12 years: Fader and Hardie 2007. Estimates of the first four years:
the example of Fader, Hardie, Liu, Davin and Steenburgh 2018, as printed in
abdullahau/customer-analytics, notebooks/models/retention/beta-discrete-weibull.qmd (2513a944), which names them gamma,
delta and c.
"""

from __future__ import annotations

import pytest

from qunflow.retention.outlook.forecast import Forecast, forecast
from qunflow.retention.outlook.survival import Course, Model, fitted

REGULAR = (1000, 631, 468, 382, 326, 289, 262, 241, 223, 207, 194, 183, 173)
HIGH_END = (1000, 869, 743, 653, 593, 551, 517, 491, 468, 445, 427, 409, 394)
PRINTED = [
    pytest.param(REGULAR, "sbg", 4, (0.764, 1.296, 1), -1401.56, id="regular-sbg"),
    pytest.param(REGULAR, "bdw", 4, (0.523, 0.894, 1.196), -1401.38, id="regular-bdw"),
    pytest.param(HIGH_END, "sbg", 4, (1.281, 7.790, 1), -1225.13, id="high-end-sbg"),
    pytest.param(HIGH_END, "bdw", 4, (0.259, 1.723, 1.584), -1222.75, id="high-end-bdw"),
    pytest.param(REGULAR, "sbg", 7, (0.704, 1.182, 1), -1680.27, id="regular-sbg-seven-years"),
    pytest.param(HIGH_END, "sbg", 7, (0.668, 3.806, 1), -1611.16, id="high-end-sbg-seven-years"),
]


@pytest.mark.parametrize(("people", "model", "years", "printed", "log_likelihood"), PRINTED)
def test_the_estimates_are_the_printed_ones(
    people: tuple[int, ...], model: Model, years: int, printed: tuple[float, ...], log_likelihood: float
) -> None:
    """Parameters to three digits and the log-likelihood to two."""
    curve = fitted(people[: years + 1], model)

    assert tuple(round(value, 3) for value in (curve.alpha, curve.beta, curve.shape)) == printed
    assert round(curve.log_likelihood, 2) == log_likelihood


def test_the_second_curve_says_significantly_more_of_one_segment_only() -> None:
    """Twice the gain in log-likelihood is 0.35 for the regular segment and 4.77 for the high-end one."""
    gains = [
        2 * (fitted(people[:5], "bdw").log_likelihood - fitted(people[:5], "sbg").log_likelihood)
        for people in (REGULAR, HIGH_END)
    ]

    assert [round(gain, 2) for gain in gains] == [0.35, 4.77]


@pytest.mark.parametrize("people", [REGULAR, HIGH_END], ids=["regular", "high-end"])
def test_years_held_back_lie_in_their_range(people: tuple[int, ...]) -> None:
    """From four years, years 5 to 12 of both segments lie in the 95 % range, within 5 points of the middle."""
    known = Course(people[0], (1, 2, 3, 4), people[1:5])

    found = forecast([known], range(5, 13), seed=1, level=0.95)

    assert isinstance(found, Forecast)
    assert [point.day for point in found.ahead] == list(range(5, 13))
    for point in found.ahead:
        seen = people[point.day] / people[0]
        assert point.low <= seen <= point.high
        assert abs(point.share - seen) < 0.05
