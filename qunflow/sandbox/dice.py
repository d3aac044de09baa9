"""
Chance that does not depend on the order of questions.

Every decision has a name (who, which day, what about); the same seed and name give the same number for ever, so two
runs with the same calls are equal and adding a person does not disturb the others. Nothing is consumed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from math import log
from statistics import NormalDist
from typing import TypeVar

T = TypeVar("T")
_NORMAL = NormalDist()
_ROLL_BYTES = 8
_ROLLS = 2**64


@dataclass(frozen=True, slots=True)
class Dice:
    """Named random numbers of one seed."""

    seed: int

    def roll(self, *name: object) -> float:
        """A number in [0, 1), uniform over names."""
        return int.from_bytes(self._digest(name, _ROLL_BYTES), "big") / _ROLLS

    def rolls(self, *name: object) -> Callable[[object], float]:
        """`roll` for many names that differ in their last part only: the same numbers at half the price."""
        return _rolls(self.seed, *name)

    def pick(self, choices: Sequence[T], *name: object) -> T:
        """One of the choices, all equally likely."""
        return choices[int(self.roll(*name) * len(choices))]

    def weighted(self, weights: Sequence[tuple[T, float]], *name: object) -> T:
        """One of the choices in proportion to its weight."""
        left = self.roll(*name) * sum(weight for _, weight in weights)
        for choice, weight in weights:
            left -= weight
            if left < 0:
                return choice
        return weights[-1][0]

    def normal(self, mean: float, deviation: float, *name: object) -> float:
        """A bell-shaped number."""
        return mean + deviation * _NORMAL.inv_cdf(min(max(self.roll(*name), 1e-9), 1 - 1e-9))

    def waiting(self, mean_s: float, *name: object) -> int:
        """Whole seconds until something that happens every ``mean_s`` on average."""
        return waited(mean_s, self.roll(*name))

    def letters(self, length: int, alphabet: str, *name: object) -> str:
        """An id made of the alphabet's letters."""
        number = int.from_bytes(self._digest(name, 64), "big")
        found = []
        for _ in range(length):
            number, place = divmod(number, len(alphabet))
            found.append(alphabet[place])
        return "".join(found)

    def _digest(self, name: tuple[object, ...], size: int) -> bytes:
        return blake2b(_joined(name), digest_size=size, key=_key(self.seed)).digest()


def waited(mean_s: float, roll: float) -> int:
    """Whole seconds until something that happens every ``mean_s`` on average, from a number in [0, 1)."""
    return int(-mean_s * log(1 - roll))


@lru_cache(maxsize=2_048, typed=True)
def _rolls(seed: int, *name: object) -> Callable[[object], float]:
    common = blake2b(_joined((*name, "")), digest_size=_ROLL_BYTES, key=_key(seed))

    def roll(last: object) -> float:
        one = common.copy()
        one.update(str(last).encode())
        return int.from_bytes(one.digest(), "big") / _ROLLS

    return roll


@lru_cache(maxsize=8)
def _key(seed: int) -> bytes:
    return str(seed).encode()


def _joined(name: tuple[object, ...]) -> bytes:
    return "\x1f".join(map(str, name)).encode()
