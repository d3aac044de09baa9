"""Points are spent, prizes given, coupons ended and mistakes reversed, each once, on both engines."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import Connection

from qunflow.errors import BadInput
from qunflow.store import audit, coupons, ledger, reversals, spending, stock
from qunflow.store.coupons import CouponOrder
from qunflow.store.engine import Store
from qunflow.store.ledger import Entry
from qunflow.store.reversals import reverse
from qunflow.store.spending import Purchase
from qunflow.store.statements import statement
from qunflow.store.stock import Prize
from qunflow.store.vault import Vault
from qunflow.weekly_activity.points import points_account

AT = datetime(2026, 3, 1, 4, tzinfo=UTC)
LATER = AT + timedelta(days=30)
CUP = Prize("n", "cup")
undo = partial(reverse, reason="booked for the wrong week", by="zhou", at=AT)


@pytest.fixture
def person(store: Store, vault: Vault) -> int:
    """Somebody with ten points of the community ``n``."""
    with store.writing() as conn:
        found = vault.persons_for(conn, "phone", ["1"], AT)["1"]
        account = points_account("n", found)
        moved = {account: 10, "points:n:issued": -10}
        ledger.book_many(conn, [Entry("week", "n", "points", "checkin", moved, {account: found})], AT)
    return found


def many(store: Store, work: Callable[[Connection, int], str], times: int) -> list[str]:
    """Outcomes of the same work, done by eight at once."""
    with ThreadPoolExecutor(8) as pool:
        return sorted(pool.map(lambda number: store.write(lambda conn: work(conn, number)), range(times)))


def order(key: str, person_id: int | None = None) -> CouponOrder:
    return CouponOrder(key, "welcome3", "n", person_id, AT + timedelta(days=14))


def test_nobody_spends_what_they_do_not_have(store: Store, person: int) -> None:
    """Twelve purchases of three points at once: ten points pay for three of them, and nothing is below 0."""
    found = many(store, lambda conn, n: spending.spend(conn, Purchase(f"p{n}", "n", person, 3), AT), 12)
    assert found == ["spent"] * 3 + ["too_few_points"] * 9
    with store.reading() as conn:
        assert ledger.balance(conn, points_account("n", person)) == 1
        assert ledger.balance(conn, "points:n:spent") == 9


def test_a_purchase_is_paid_once(store: Store, person: int) -> None:
    """The same event key asked for again takes nothing more, and a price below one point is refused."""
    with store.writing() as conn:
        assert spending.spend(conn, Purchase("p", "n", person, 3), AT) == "spent"
        assert spending.spend(conn, Purchase("p", "n", person, 9), AT) == "spent_before"
        assert ledger.balance(conn, points_account("n", person)) == 7
        with pytest.raises(BadInput, match="none"):
            spending.spend(conn, Purchase("q", "n", person, -3), AT)


def test_of_two_hundred_who_ask_at_once_as_many_get_a_prize_as_there_are(store: Store, vault: Vault) -> None:
    """Seven cups for two hundred: seven are given, and the shelf is empty and not below."""
    with store.writing() as conn:
        persons = list(vault.persons_for(conn, "phone", [str(number) for number in range(200)], AT).values())
        assert stock.put(conn, "delivery", CUP, 7, AT)
        assert not stock.put(conn, "delivery", CUP, 7, AT)
    found = many(store, lambda conn, n: stock.give(conn, f"g{n}", CUP, persons[n], AT), 200)
    assert found == ["given"] * 7 + ["sold_out"] * 193
    with store.reading() as conn:
        assert stock.left(conn, [CUP]) == {"cup": 0}
        assert sum(ledger.balance(conn, CUP.held_by(one)) for one in persons) == 7
        ledger.require_balanced(conn)


def test_a_person_gets_no_more_than_their_cap_and_a_piece_that_comes_back_is_there_again(
    store: Store, person: int
) -> None:
    """Two cups each: the third is refused, asking again for a given one is known, and bringing back makes room."""
    capped = Prize("n", "cup", most_each=2)
    with store.writing() as conn:
        stock.put(conn, "delivery", CUP, 5, AT)
        outcomes = [stock.give(conn, key, capped, person, AT) for key in ("a", "b", "c", "a")]
        assert outcomes == ["given", "given", "cap_reached", "given_before"]
        assert stock.bring_back(conn, "back", capped, person, AT)
        assert not stock.bring_back(conn, "back", capped, person, AT)
        assert stock.shelves(conn, "n") == {"cup": 4}
        assert stock.give(conn, "d", capped, person, AT) == "given"
        assert not stock.bring_back(conn, "stranger", Prize("n", "hat"), person, AT)


@pytest.mark.parametrize(("pieces", "key"), [(0, "cup"), (-1, "cup"), (1, "c" * 100)])
def test_nothing_or_a_nameless_lot_is_not_put_on_a_shelf(store: Store, pieces: int, key: str) -> None:
    """A slip of the hand is told at once."""
    with store.writing() as conn, pytest.raises(BadInput, match="shelf"):
        stock.put(conn, "delivery", Prize("n", key), pieces, AT)


def test_an_exchange_takes_points_and_gives_a_piece_or_does_neither(store: Store, person: int) -> None:
    """Five at once with ten points and three cups at four points: two exchanges, and the shelf agrees."""
    with store.writing() as conn:
        stock.put(conn, "delivery", CUP, 3, AT)
    found = many(store, lambda conn, n: spending.exchange(conn, Purchase(f"x{n}", "n", person, 4), CUP, AT), 5)
    assert found == ["exchanged"] * 2 + ["too_few_points"] * 3
    with store.writing() as conn:
        assert stock.left(conn, [CUP]) == {"cup": 1}
        assert ledger.balance(conn, points_account("n", person)) == 2
        assert spending.exchange(conn, Purchase("y", "n", person, 1), Prize("n", "hat"), AT) == "sold_out"
        capped = Prize("n", "cup", most_each=2)
        assert spending.exchange(conn, Purchase("y", "n", person, 1), capped, AT) == "cap_reached"


def test_an_exchange_is_reversed_as_a_whole(store: Store, person: int) -> None:
    """Asking by either entry gives the points back and the piece to the shelf, once."""
    with store.writing() as conn:
        stock.put(conn, "delivery", CUP, 1, AT)
        purchase = Purchase("x", "n", person, 4)
        assert spending.exchange(conn, purchase, CUP, AT) == "exchanged"
        assert spending.exchange(conn, purchase, CUP, AT) == "exchanged_before"
        paid, got = spending.exchange_keys("x")
        assert undo(conn, got) == "reversed"
        assert undo(conn, paid) == "reversed_before"
        assert stock.left(conn, [CUP]) == {"cup": 1}
        assert ledger.balance(conn, points_account("n", person)) == 10
        ledger.require_balanced(conn)


def test_an_entry_is_reversed_once_by_another_and_stays(store: Store, person: int) -> None:
    """Both entries are there, the sum is what it was, and who asked stands in the audit log."""
    with store.writing() as conn:
        assert undo(conn, "week") == "reversed"
        assert undo(conn, "week") == "reversed_before"
        assert undo(conn, "never") == "unknown"
        assert undo(conn, ledger.reversal_key("week")) == "is_reversal"
        assert ledger.balance(conn, points_account("n", person)) == 0
        assert ledger.booked(conn, ["week", "reversal:week"]) == {"week", "reversal:week"}
        written = [(one.actor, one.action, one.subject, one.detail) for one in audit.entries(conn)]
        assert written == [("zhou", "ledger.reverse", "week", {"reason": "booked for the wrong week"})]


def test_of_many_who_reverse_at_once_one_does(store: Store, person: int) -> None:
    """Two operators press the same button."""
    assert many(store, lambda conn, _: undo(conn, "week"), 6) == ["reversed"] + ["reversed_before"] * 5


def test_what_is_used_cannot_be_reversed(store: Store, person: int) -> None:
    """Spent points, given pieces: the account would be below 0, so nothing is booked."""
    with store.writing() as conn:
        spending.spend(conn, Purchase("p", "n", person, 3), AT)
        stock.put(conn, "delivery", CUP, 1, AT)
        stock.give(conn, "g", CUP, person, AT)
        assert [undo(conn, key) for key in ("week", "delivery")] == ["used", "used"]
        assert [undo(conn, key) for key in ("p", "g", "week", "delivery")] == ["reversed"] * 4
        assert ledger.balance(conn, points_account("n", person)) == 0
        assert stock.left(conn, [CUP]) == {"cup": 0}


def test_a_reversal_says_why_and_by_whom(store: Store, person: int) -> None:
    """Without a reason or a person nothing is booked."""
    with store.writing() as conn:
        for reason, by in (("", "zhou"), ("slip", " ")):
            with pytest.raises(BadInput, match="reason"):
                reverse(conn, "week", reason, by, AT)
        assert ledger.booked(conn, ["reversal:week"]) == set()


def test_a_long_event_key_has_a_reversal_too(store: Store) -> None:
    """The key of the reversal fits the column whatever the entry's own."""
    key = "k" * 200
    with store.writing() as conn:
        ledger.book_many(conn, [Entry(key, "n", "points", "checkin", {"a": 1, "b:issued": -1})], AT)
        assert undo(conn, key) == "reversed"
        assert undo(conn, key) == "reversed_before"
        assert len(ledger.reversal_key(key)) <= 200


def test_a_used_coupon_stays_used_and_an_open_one_can_be_taken_back(store: Store, person: int) -> None:
    """After use the issue stands, use stands for ever; a code taken back works no more, even by an older clock."""
    with store.writing() as conn:
        codes = coupons.issue(conn, [order("used", person), order("open", person)], AT)
        assert coupons.redeem(conn, codes["used"], AT) == "redeemed"
        assert undo(conn, "coupon:used") == "used"
        assert undo(conn, "coupon-redeemed:used") == "final"
        assert undo(conn, "coupon:open") == "reversed"
        assert coupons.redeem(conn, codes["open"], AT - timedelta(days=1)) == "expired"
        assert coupons.issue(conn, [order("open", person)], AT) == {"open": codes["open"]}
        assert ledger.balance(conn, f"coupon:held:welcome3:{person}") == 0
        assert coupons.expire(conn, LATER) == 0


def test_a_coupon_nobody_used_in_time_expires_once(store: Store, person: int) -> None:
    """Expiry is an entry like any other, and afterwards no clock makes the code good."""
    with store.writing() as conn:
        code = coupons.issue(conn, [order("late", person), order("other")], AT)["late"]
        assert coupons.expire(conn, AT) == 0
        assert coupons.expire(conn, LATER) == 2
        assert coupons.expire(conn, LATER) == 0
        assert coupons.redeem(conn, code, AT) == "expired"
        assert undo(conn, "coupon:late") == "used"
        assert ledger.balance(conn, "coupon:expired:welcome3") == 2
        assert ledger.balance(conn, f"coupon:held:welcome3:{person}") == 0


def test_whoever_guesses_codes_is_locked_out_for_an_hour(store: Store) -> None:
    """After five wrong codes even the right one is not looked at; others, and the next hour, are free."""
    with store.writing() as conn:
        code = coupons.issue(conn, [order("a")], AT)["a"]
    found = many(store, lambda conn, n: coupons.redeem(conn, f"WRONG{n}", AT, guesser="till:3"), 12)
    assert found == ["locked"] * 7 + ["unknown"] * 5
    with store.writing() as conn:
        assert coupons.redeem(conn, code, AT + timedelta(minutes=59), guesser="till:3") == "locked"
        assert coupons.redeem(conn, "WRONG", AT, guesser="till:4") == "unknown"
        assert coupons.redeem(conn, code, AT + timedelta(hours=1), guesser="till:3") == "redeemed"


def test_two_hundred_redemptions_of_one_coupon_are_one(store: Store, person: int) -> None:
    """A shared code pays once, whoever is first."""
    code = store.write(lambda conn: coupons.issue(conn, [order("a", person)], AT))["a"]
    assert many(store, lambda conn, _: coupons.redeem(conn, code, AT), 200) == ["redeemed"] + ["used_before"] * 199
    with store.reading() as conn:
        assert ledger.balance(conn, "coupon:redeemed:welcome3") == 1


def test_a_statement_tells_what_a_person_got_and_gave(store: Store, person: int) -> None:
    """Every entry with its amount and what was left, by unit, in order; other people's entries are not in it."""
    with store.writing() as conn:
        stock.put(conn, "delivery", CUP, 1, AT)
        spending.exchange(conn, Purchase("x", "n", person, 4), CUP, AT)
        coupons.issue(conn, [order("a", person), order("b")], AT)
        undo(conn, spending.exchange_keys("x")[0])
        lines = [(one.unit, one.reason, one.amount, one.left) for one in statement(conn, person)]
    assert lines[0] == ("points", "checkin", 10, 10)
    assert sorted(lines[1:3]) == [("points", "exchanged", -4, 6), ("stock", "given", 1, 1)]
    assert lines[3] == ("coupon", "issued", 1, 1)
    assert sorted(lines[4:]) == [("points", "reversal", 4, 10), ("stock", "reversal", -1, 0)]


def test_a_reversal_that_is_not_covered_leaves_no_trace(store: Store, person: int) -> None:
    """Neither half of an exchange is reversed when the piece is no longer theirs."""
    with store.writing() as conn:
        stock.put(conn, "delivery", CUP, 1, AT)
        spending.exchange(conn, Purchase("x", "n", person, 4), CUP, AT)
        stock.bring_back(conn, "back", CUP, person, AT)
        assert undo(conn, spending.exchange_keys("x")[0]) == "used"
        assert ledger.balance(conn, points_account("n", person)) == 6
        assert audit.entries(conn) == []
        assert reversals.reverse(conn, "back", "slip", "zhou", AT) == "reversed"
