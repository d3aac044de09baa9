"""The rules by which marks name one person, as a table: what came together, who was known, what follows."""

from __future__ import annotations

from itertools import permutations

import pytest

from qunflow.acquisition.identity import Mark, Pair, Why, decide

EXTERNAL, UNION, OPEN = Mark("external_userid", "wm1"), Mark("unionid", "oU1"), Mark("openid", "oP1")
PHONE, ENTRY, COUPON = Mark("phone", "+8613800138000"), Mark("form_entry", "f/1"), Mark("coupon", "c1")
LINK = Mark("link", "s1")
A, B = 1, 2

# marks of the record | known: mark → person | kinds of marks each person has | person | merges | reviews
TABLE = [
    ("nobody is known: a stranger", [EXTERNAL, PHONE], {}, {}, None, [], []),
    ("a known account", [EXTERNAL, PHONE], {EXTERNAL: A}, {A: ["external_userid"]}, A, [], []),
    ("a known phone alone", [PHONE, ENTRY], {PHONE: A}, {A: ["phone"]}, A, [], []),
    ("a phone's person gets an account", [UNION, PHONE], {PHONE: A}, {A: ["phone"]}, A, [], []),
    ("a coupon names its owner", [COUPON, PHONE], {COUPON: A}, {A: ["coupon"]}, A, [], []),
    ("a link of one's own names its owner", [LINK, OPEN], {LINK: A}, {A: ["link", "phone"]}, A, [], []),
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
