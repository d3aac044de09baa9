"""
Who is the same person: the rules by which marks that came together name one, and which cases a person must look at.

A mark is what somebody can be known by. Some are sure: the platform gives an external id, a unionid or an openid to one
account only, a form entry, a coupon and a link belong to one person. A phone number is likely: it changes hands, is
shared in families and mistyped. Nobody is joined on a likely mark alone against a sure one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

# The surest first: of several known persons the one named by the surest mark is kept.
ACCOUNTS = ("external_userid", "unionid", "openid")
SURE = (*ACCOUNTS, "form_entry", "coupon", "link")
LIKELY = ("phone",)
KINDS = (*SURE, *LIKELY)


class Why(StrEnum):
    """Why two numbers are one person, or may be."""

    SAME_ACCOUNT = "same_account"
    PHONE_OF_KNOWN = "phone_of_known"
    PHONE_TWO_UNIONIDS = "phone_two_unionids"
    PHONE_TWO_ACCOUNTS = "phone_two_accounts"
    UNIONID_DIFFERS = "unionid_differs"
    BY_HAND = "by_hand"


@dataclass(frozen=True, slots=True)
class Mark:
    """One thing somebody is known by; the value never leaves the vault."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Pair:
    """Two persons and why: the first is kept when they become one."""

    kept: int
    other: int
    why: Why


@dataclass(frozen=True, slots=True)
class Decision:
    """
    What a record of marks means.

    Args:
        person: whose record it is; ``None`` for a stranger.
        link: marks that lead to that person from now on.
        merge: persons that are one beyond doubt.
        review: pairs somebody must look at; nothing is joined until then.
    """

    person: int | None
    link: tuple[Mark, ...]
    merge: tuple[Pair, ...] = ()
    review: tuple[Pair, ...] = ()


def decide(marks: Sequence[Mark], known: Mapping[Mark, int], kinds_of: Mapping[int, Collection[str]]) -> Decision:
    """
    Whose record it is, and what follows for those its marks were known by.

    Args:
        marks: what came together in one record: a form entry, a line of a roster, a contact.
        known: mark → person, for those that are known.
        kinds_of: person → the kinds of marks that person is known by.
    """
    ordered = sorted(dict.fromkeys(marks), key=lambda mark: KINDS.index(mark.kind))
    sure = [mark for mark in ordered if mark.kind in SURE]
    persons = list(dict.fromkeys(known[mark] for mark in ordered if mark in known))
    if not persons:
        return Decision(None, tuple(ordered))
    kept = _named(sure, known) or (None if _clashes(sure, kinds_of[persons[0]]) else persons[0])
    pairs = [_pair(kept, other, sure, known, kinds_of) for other in persons if other != kept]
    merge = tuple(pair for pair in pairs if pair is not None and pair.why in (Why.SAME_ACCOUNT, Why.PHONE_OF_KNOWN))
    review = tuple(pair for pair in pairs if pair is not None and pair not in merge)
    return Decision(kept, tuple(mark for mark in ordered if mark not in known), merge, review)


def doubt(sure: Sequence[Mark], phone_of: int, stranger: int) -> Pair:
    """What to look at when a phone of somebody known came with an account that is new: the new one is a stranger."""
    has_unionid = any(mark.kind == "unionid" for mark in sure)
    return Pair(phone_of, stranger, Why.PHONE_TWO_UNIONIDS if has_unionid else Why.PHONE_TWO_ACCOUNTS)


def _named(sure: Sequence[Mark], known: Mapping[Mark, int]) -> int | None:
    return next((known[mark] for mark in sure if mark in known), None)


def _clashes(sure: Sequence[Mark], kinds: Collection[str]) -> bool:
    """Whether somebody known by a phone has another account of a kind the record brings."""
    return any(mark.kind in ACCOUNTS and mark.kind in kinds for mark in sure)


def _pair(
    kept: int | None,
    other: int,
    sure: Sequence[Mark],
    known: Mapping[Mark, int],
    kinds_of: Mapping[int, Collection[str]],
) -> Pair | None:
    if kept is None:
        return None
    if any(known.get(mark) == other for mark in sure):
        # One line of the platform's own names both: they are one, unless each has a unionid of its own.
        both = all("unionid" in kinds_of[person] for person in (kept, other))
        return Pair(kept, other, Why.UNIONID_DIFFERS if both else Why.SAME_ACCOUNT)
    shared = [kind for kind in ACCOUNTS if kind in kinds_of[other] and kind in {*kinds_of[kept], *_kinds(sure)}]
    if "unionid" in shared:
        return Pair(kept, other, Why.PHONE_TWO_UNIONIDS)
    return Pair(kept, other, Why.PHONE_TWO_ACCOUNTS if shared else Why.PHONE_OF_KNOWN)


def _kinds(marks: Sequence[Mark]) -> set[str]:
    return {mark.kind for mark in marks}
