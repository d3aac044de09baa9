"""
Who carries a community: core, regular and casual members (活跃分层), and the silent ones (潜水).

Counted in acts of any kind that counts as active. Staff roles are something else and live in ``community.roles``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

Layer = Literal["core", "regular", "casual"]
LAYERS: tuple[Layer, ...] = ("core", "regular", "casual")
# Of all acts, in hundredths: whole numbers, since a float does not hold every eightieth.
CORE_PERCENT, REGULAR_PERCENT = 80, 95


@dataclass(frozen=True, slots=True)
class MemberActs:
    """A member of a group: since when, and the last local day of an act, None where none is known."""

    person_id: int
    joined_on: date
    last_act_on: date | None = None


def layers(acts: Mapping[int, int]) -> dict[int, Layer]:
    """
    The layer of everybody with at least one act; persons → acts go in.

    Formula: persons by acts, most first (of equals the lower number first). core: the acts of all before a person are
    less than 80 % of all acts; regular: less than 95 %; casual: the rest. Unit: persons.
    Source: the onion model of GrimoireLab (core 80 %, core and regular 95 % of activity).
    """
    ordered = sorted((-count, person) for person, count in acts.items() if count > 0)
    total, before = -sum(negative for negative, _ in ordered), 0
    found: dict[int, Layer] = {}
    for negative, person in ordered:
        found[person] = _layer(before * 100, total)
        before -= negative
    return found


def _layer(hundredfold_before: int, total: int) -> Layer:
    if hundredfold_before < CORE_PERCENT * total:
        return "core"
    return "regular" if hundredfold_before < REGULAR_PERCENT * total else "casual"


def silent(members: Collection[MemberActs], through: date, silent_days: int) -> tuple[int, ...]:
    """
    Members who have been in for ``silent_days`` local days and did nothing in the last ``silent_days``, by number.

    Formula: joined on or before through − silent_days, and no act after through − silent_days. Unit: persons.
    Source: the project (GLOSSARY.md, 潜水); the 30 days are those of Savannah's inactivity check.
    """
    return tuple(
        sorted(
            one.person_id
            for one in members
            if (through - one.joined_on).days >= silent_days
            and (one.last_act_on is None or (through - one.last_act_on).days >= silent_days)
        )
    )
