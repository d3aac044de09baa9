"""
Who is the same person: the rules by which marks that came together name one, and which cases a person must look at.

A mark is what somebody can be known by. Some are sure: the platform gives an external id, a unionid or an openid to one
account only, and a form entry was written by one person. Others are likely: a phone number changes hands, is shared in
families and mistyped; a coupon is given away. Nobody is joined on a likely mark alone against a sure one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

# The surest first: of several known persons the one named by the surest mark is kept.
ACCOUNTS = ("external_userid", "unionid", "openid")
SURE = (*ACCOUNTS, "form_entry")
LIKELY = ("phone", "coupon")
KINDS = (*SURE, *LIKELY)
# Likely mark → what two persons must not both have of their own to be one by it.
_OF_ONE_ONLY: Mapping[str, tuple[str, ...]] = {"phone": ACCOUNTS, "coupon": (*ACCOUNTS, "phone")}


class Why(StrEnum):
    """Why two numbers are one person, or may be."""

    SAME_ACCOUNT = "same_account"
    PHONE_OF_KNOWN = "phone_of_known"
    PHONE_TWO_UNIONIDS = "phone_two_unionids"
    PHONE_TWO_ACCOUNTS = "phone_two_accounts"
    COUPON_OF_KNOWN = "coupon_of_known"
    COUPON_OF_ANOTHER = "coupon_of_another"
    UNIONID_DIFFERS = "unionid_differs"
    BY_HAND = "by_hand"


_BEYOND_DOUBT = (Why.SAME_ACCOUNT, Why.PHONE_OF_KNOWN, Why.COUPON_OF_KNOWN)


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
        marks: what came together in one record: a form entry, an order, a line of a roster, a contact.
        known: mark → person, for those that are known.
        kinds_of: person → the kinds of marks that person is known by.
    """
    ordered = _surest_first(marks)
    led_by = leading(marks, known)
    if not led_by:
        return Decision(None, tuple(ordered))
    kept, first = next(iter(led_by.items()))
    new = tuple(mark for mark in ordered if mark not in known)
    if _clashes(first, new, kinds_of[kept]):
        return Decision(None, new)
    brought = {*kinds_of[kept], *(mark.kind for mark in ordered)}
    pairs = [
        Pair(kept, other, _why(by, brought, kinds_of[kept], kinds_of[other]))
        for other, by in led_by.items()
        if other != kept
    ]
    merge = tuple(pair for pair in pairs if pair.why in _BEYOND_DOUBT)
    return Decision(kept, new, merge, tuple(pair for pair in pairs if pair not in merge))


def doubts(marks: Sequence[Mark], known: Mapping[Mark, int], stranger: int) -> list[Pair]:
    """What to look at when likely marks of known persons came with something that made a stranger of the record."""
    has_unionid = any(mark.kind == "unionid" for mark in marks if mark not in known)
    by_phone = Why.PHONE_TWO_UNIONIDS if has_unionid else Why.PHONE_TWO_ACCOUNTS
    return [
        Pair(person, stranger, by_phone if by.kind == "phone" else Why.COUPON_OF_ANOTHER)
        for person, by in leading(marks, known).items()
    ]


def leading(marks: Iterable[Mark], known: Mapping[Mark, int]) -> dict[int, Mark]:
    """Person → the surest mark that leads to them; who is named by the surest of all comes first."""
    found: dict[int, Mark] = {}
    for mark in _surest_first(marks):
        if mark in known:
            found.setdefault(known[mark], mark)
    return found


def _surest_first(marks: Iterable[Mark]) -> list[Mark]:
    return sorted(dict.fromkeys(marks), key=lambda mark: KINDS.index(mark.kind))


def _clashes(by: Mark, new: Sequence[Mark], kinds: Collection[str]) -> bool:
    """Whether somebody known by a likely mark has one of their own of a kind the record brings a new one of."""
    alone = _OF_ONE_ONLY.get(by.kind, ())
    return any(mark.kind in alone and mark.kind in kinds for mark in new)


def _why(by: Mark, brought: Collection[str], kept: Collection[str], other: Collection[str]) -> Why:
    """Why a second person belongs to a record, or may: ``by`` is the surest mark that leads there."""
    if by.kind in SURE:
        # One line of the platform's own names both: they are one, unless each has a unionid of its own.
        return Why.UNIONID_DIFFERS if "unionid" in kept and "unionid" in other else Why.SAME_ACCOUNT
    shared = [kind for kind in _OF_ONE_ONLY[by.kind] if kind in other and kind in brought]
    if by.kind == "coupon":
        return Why.COUPON_OF_ANOTHER if shared else Why.COUPON_OF_KNOWN
    if "unionid" in shared:
        return Why.PHONE_TWO_UNIONIDS
    return Why.PHONE_TWO_ACCOUNTS if shared else Why.PHONE_OF_KNOWN
