"""
A stable lot for every unit, and how far a share seen in a sample can be trusted.

Leaves the choice of what is compared, and every query, to its callers.
"""

from __future__ import annotations

from hashlib import sha256
from math import sqrt

# Two-sided 95 %.
Z_95 = 1.959964
_LOTS = 2**64


def stable_lot(salt: str, unit: str | int) -> float:
    """
    Draw a number in [0, 1) that is the same for ever for this unit and salt.

    Args:
        salt: what the lot is drawn for, e.g. the key of an activity; another salt gives an independent lot.
        unit: the person or group, by its number or key.
    """
    digest = sha256(f"{salt}\x00{unit}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / _LOTS


def is_held_out(salt: str, unit: str | int, share: float) -> bool:
    """Whether a unit belongs to the ``share`` (0 to 1) that is left alone on purpose."""
    return stable_lot(salt, unit) < share


def wilson_interval(hits: int, total: int, z: float = Z_95) -> tuple[float, float] | None:
    """
    The range a rate plausibly lies in, or None when nobody was counted.

    Formula: (p + z²/2n ± z·√(p(1−p)/n + z²/4n²)) ÷ (1 + z²/n), with p = hits ÷ total and n = total.
    Source: E. B. Wilson, "Probable inference", JASA 22 (1927).

    Raises:
        ValueError: when ``hits`` is not between 0 and ``total``.
    """
    if not 0 <= hits <= total:
        raise ValueError(f"{hits} hits of {total} is not a share")
    if total == 0:
        return None
    rate, square = hits / total, z * z / total
    centre = (rate + square / 2) / (1 + square)
    half = z * sqrt(rate * (1 - rate) / total + square / (4 * total)) / (1 + square)
    return max(0.0, centre - half), min(1.0, centre + half)


def difference_interval(first: tuple[int, int], second: tuple[int, int], z: float = Z_95) -> tuple[float, float] | None:
    """
    The range in which the second rate less the first plausibly lies, or None when either counted nobody.

    Args:
        first, second: hits and total of two separate groups of people.

    Formula: with p the rates and [l, u] their Wilson intervals, the difference d = p₂ − p₁ lies in
    [d − √((p₂ − l₂)² + (u₁ − p₁)²), d + √((u₂ − p₂)² + (p₁ − l₁)²)].
    Source: R. G. Newcombe, "Interval estimation for the difference between independent proportions", Statistics in
    Medicine 17 (1998), method 10.

    Raises:
        ValueError: when hits are not between 0 and their total.
    """
    one, other = wilson_interval(*first, z), wilson_interval(*second, z)
    if one is None or other is None:
        return None
    before, after = first[0] / first[1], second[0] / second[1]
    below = sqrt((after - other[0]) ** 2 + (one[1] - before) ** 2)
    above = sqrt((other[1] - after) ** 2 + (before - one[0]) ** 2)
    return after - before - below, after - before + above
