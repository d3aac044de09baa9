"""
Chance that does not depend on the order of questions.

Every decision has a name (who, which day, what about); the same seed and name give the same number for ever, so two
runs with the same calls are equal and adding a person does not disturb the others. Nothing is consumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from math import log
from statistics import NormalDist
from typing import TypeVar

T = TypeVar("T")
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Dice:
    """Named random numbers of one seed."""

    seed: int

    def roll(self, *name: object) -> float:
        """A number in [0, 1), uniform over names."""
        return int.from_bytes(self._digest(name, 8), "big") / 2**64

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
        return int(-mean_s * log(1 - self.roll(*name)))

    def letters(self, length: int, alphabet: str, *name: object) -> str:
        """An id made of the alphabet's letters."""
        number = int.from_bytes(self._digest(name, 64), "big")
        found = []
        for _ in range(length):
            number, place = divmod(number, len(alphabet))
            found.append(alphabet[place])
        return "".join(found)

    def _digest(self, name: tuple[object, ...], size: int) -> bytes:
        text = "\x1f".join(map(str, name))
        return blake2b(text.encode(), digest_size=size, key=str(self.seed).encode()).digest()
