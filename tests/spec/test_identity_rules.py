"""The rules by which marks name one person, as a table: what came together, who was known, what follows."""

from __future__ import annotations

from itertools import permutations

import pytest

from qunflow.acquisition.identity import Mark, Pair, Why, decide, doubts

EXTERNAL, UNION, OPEN = Mark("external_userid", "wm1"), Mark("unionid", "oU1"), Mark("openid", "oP1")
PHONE, ENTRY, COUPON = Mark("phone", "+8613800138000"), Mark("form_entry", "f/1"), Mark("coupon", "c1")
A, B = 1, 2

# marks of the record | known: mark → person | kinds of marks each person has | person | merges | reviews
TABLE = [
    ("nobody is known: a stranger", [EXTERNAL, PHONE], {}, {}, None, [], []),
    ("a known account", [EXTERNAL, PHONE], {EXTERNAL: A}, {A: ["external_userid"]}, A, [], []),
    ("a known phone alone", [PHONE, ENTRY], {PHONE: A}, {A: ["phone"]}, A, [], []),
    ("a phone's person gets an account", [UNION, PHONE], {PHONE: A}, {A: ["phone"]}, A, [], []),
    ("a coupon names its owner", [COUPON, PHONE], {COUPON: A}, {A: ["coupon"]}, A, [], []),
    ("a buyer's new account is the coupon's owner's", [COUPON, OPEN], {COUPON: A}, {A: ["external_userid"]}, A, [], []),
    (
        "one line names both accounts",
        [EXTERNAL, UNION],
        {EXTERNAL: A, UNION: B},
        {A: ["external_userid"], B: ["unionid"]},
        A,
        [Pair(A, B, Why.SAME_ACCOUNT)],
        [],
    ),
    (
        "the person of a phone alone is the account's",
        [EXTERNAL, PHONE],
        {EXTERNAL: A, PHONE: B},
        {A: ["external_userid"], B: ["phone", "form_entry"]},
        A,
        [Pair(A, B, Why.PHONE_OF_KNOWN)],
        [],
    ),
    (
        "one phone, two unionids",
        [UNION, PHONE],
        {UNION: A, PHONE: B},
        {A: ["unionid"], B: ["unionid", "phone"]},
        A,
        [],
        [Pair(A, B, Why.PHONE_TWO_UNIONIDS)],
    ),
    (
        "one phone, two accounts",
        [EXTERNAL, PHONE],
        {EXTERNAL: A, PHONE: B},
        {A: ["external_userid"], B: ["external_userid", "phone"]},
        A,
        [],
        [Pair(A, B, Why.PHONE_TWO_ACCOUNTS)],
    ),
    (
        "an account whose unionid is another's",
        [EXTERNAL, UNION],
        {EXTERNAL: A, UNION: B},
        {A: ["external_userid", "unionid"], B: ["unionid"]},
        A,
        [],
        [Pair(A, B, Why.UNIONID_DIFFERS)],
    ),
    (
        "a phone and a coupon lead to two who have nothing of a kind",
        [PHONE, COUPON],
        {PHONE: A, COUPON: B},
        {A: ["form_entry", "phone"], B: ["external_userid"]},
        A,
        [Pair(A, B, Why.COUPON_OF_KNOWN)],
        [],
    ),
    (
        "a coupon given away: both have a phone",
        [PHONE, COUPON],
        {PHONE: A, COUPON: B},
        {A: ["phone"], B: ["external_userid", "phone"]},
        A,
        [],
        [Pair(A, B, Why.COUPON_OF_ANOTHER)],
    ),
    (
        "a coupon given away: the buyer has an account like the owner's",
        [OPEN, COUPON],
        {OPEN: A, COUPON: B},
        {A: ["openid"], B: ["external_userid", "openid"]},
        A,
        [],
        [Pair(A, B, Why.COUPON_OF_ANOTHER)],
    ),
    (
        "a new phone with the coupon of somebody who has one: a stranger",
        [PHONE, COUPON],
        {COUPON: B},
        {B: ["external_userid", "phone"]},
        None,
        [],
        [],
    ),
    (
        "a new account with the phone of somebody who has one: a stranger",
        [EXTERNAL, PHONE],
        {PHONE: B},
        {B: ["external_userid", "phone"]},
        None,
        [],
        [],
    ),
]


@pytest.mark.parametrize(
    ("marks", "known", "kinds", "person", "merge", "review"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_marks_that_came_together_name_one_person(
    marks: list[Mark],
    known: dict[Mark, int],
    kinds: dict[int, list[str]],
    person: int | None,
    merge: list[Pair],
    review: list[Pair],
) -> None:
    """Each row of the table, in whatever order the marks stand in the record."""
    for ordered in permutations(marks):
        found = decide(ordered, known, kinds)
        assert (found.person, list(found.merge), list(found.review)) == (person, merge, review)
        assert set(found.link) == {mark for mark in marks if mark not in known}


def test_a_stranger_is_asked_about_with_everybody_their_marks_led_to() -> None:
    """The phone's person and the coupon's, each with its own reason; a unionid in the record weighs more."""
    known = {PHONE: A, COUPON: B}
    assert doubts([OPEN, PHONE, COUPON], known, 9) == [
        Pair(A, 9, Why.PHONE_TWO_ACCOUNTS),
        Pair(B, 9, Why.COUPON_OF_ANOTHER),
    ]
    assert doubts([UNION, PHONE], known, 9) == [Pair(A, 9, Why.PHONE_TWO_UNIONIDS)]
