"""The ledger always sums to nothing, books a reason once, and a coupon is used once."""

from __future__ import annotations

import re
import threading
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from qunflow.errors import BadInput
from qunflow.store import coupons, ledger
from qunflow.store.coupons import ALPHABET, LENGTH, CouponOrder, new_code
from qunflow.store.engine import Store
from qunflow.store.ledger import Entry
from qunflow.store.tables import ledger_entries, ledger_postings
from qunflow.store.vault import Vault

AT = datetime(2026, 3, 1, 4, tzinfo=UTC)
EXPIRES = AT + timedelta(days=14)
_salt = count()


def entry(key: str, amount: int = 5, account: str = "points:1") -> Entry:
    return Entry(key, "n", "points", "checkin", {account: amount, "points:brand": -amount})


def test_an_entry_moves_between_accounts(store: Store) -> None:
    """What one account gets the other gives."""
    with store.writing() as conn:
        assert ledger.book(conn, "a", "n", "points", "checkin", {"points:1": 5, "points:brand": -5}, {}, AT)
        assert ledger.balance(conn, "points:1") == 5
        assert ledger.balance(conn, "points:brand") == -5
        assert ledger.balance(conn, "points:nobody") == 0


def test_the_same_event_is_booked_once(store: Store) -> None:
    """A repeated run changes nothing, not even with another amount."""
    with store.writing() as conn:
        assert ledger.book_many(conn, [entry("a")], AT) == ["a"]
        assert ledger.book_many(conn, [entry("a", 100), entry("b")], AT) == ["b"]
        assert ledger.book_many(conn, [entry("c", 1), entry("c", 2)], AT) == ["c"]
        assert ledger.balance(conn, "points:1") == 11
        assert ledger.booked(conn, ["a", "b", "c", "d"]) == {"a", "b", "c"}


@pytest.mark.parametrize("postings", [{"a": 5}, {"a": 5, "b": -4}, {"a": 0, "b": 0}, {}, {"a": 5, "b": -5, "c": 0}])
def test_a_booking_that_does_not_balance_is_refused(store: Store, postings: dict[str, int]) -> None:
    """Nothing is booked, not even the sound entries of the same call."""
    with store.writing() as conn:
        with pytest.raises(BadInput, match="no double entry"):
            ledger.book_many(conn, [entry("good"), Entry("bad", "n", "points", "x", postings)], AT)
        assert ledger.booked(conn, ["good", "bad"]) == set()


def test_balances_are_listed_by_the_beginning_of_the_name(store: Store) -> None:
    """A prefix is taken literally, and units can be told apart."""
    with store.writing() as conn:
        ledger.book_many(conn, [entry("a", 5, "p_1"), entry("b", 7, "p%2"), entry("c", 9, "px1")], AT)
        ledger.book(conn, "d", "n", "prize", "award", {"p_1": 1, "prize:stock": -1}, {}, AT)
        assert ledger.balances(conn, "p_") == {"p_1": 6}
        assert ledger.balances(conn, "p%") == {"p%2": 7}
        assert ledger.balances(conn, "p_", "points") == {"p_1": 5}
        assert ledger.balance(conn, "p_1", "prize") == 1


def test_what_persons_hold_is_summed_over_their_accounts(store: Store, vault: Vault) -> None:
    """Points of one person in two communities add up; persons without any are left out."""
    with store.writing() as conn:
        lin, zhou = vault.persons_for(conn, "phone", ["1", "2"], AT).values()
        for community in ("n", "m"):
            account = f"points:{community}:{lin}"
            postings = {account: 5, "points:brand": -5}
            ledger.book(conn, f"c/{community}", community, "points", "checkin", postings, {account: lin}, AT)
        assert ledger.balances_of_persons(conn, [lin, zhou], "points") == {lin: 10}
        assert ledger.balances_of_persons(conn, [lin], "prize") == {}


def test_two_runs_booking_the_same_award_book_it_once(store: Store) -> None:
    """Of runs at the same time one books each key."""
    new: list[list[str]] = []
    work = [entry(f"award/{n}") for n in range(20)]
    threads = [
        threading.Thread(target=lambda: new.append(store.write(lambda conn: ledger.book_many(conn, work, AT))))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(key for keys in new for key in keys) == sorted(entry.event_key for entry in work)
    with store.reading() as conn:
        assert ledger.balance(conn, "points:1") == 100


def test_a_ledger_changed_by_hand_is_noticed(store: Store) -> None:
    """An amount altered in the table is reported with its entry."""
    with store.writing() as conn:
        ledger.book_many(conn, [entry("a")], AT)
        ledger.require_balanced(conn)
        conn.execute(update(ledger_postings).where(ledger_postings.c.account == "points:1").values(amount=500))
        with pytest.raises(BadInput, match="does not balance"):
            ledger.require_balanced(conn)


BOOKINGS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(0, 3), st.integers(-50, 50).filter(bool)), max_size=15
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bookings=BOOKINGS, portion=st.integers(1, 4))
def test_any_bookings_sum_to_nothing_and_count_once(
    store: Store, bookings: list[tuple[int, int, int, int]], portion: int
) -> None:
    """Whatever is booked in whatever portions, however often: the sum is 0 and each key moved its first amount."""
    salt = f"s{next(_salt)}"
    entries = [
        Entry(f"{salt}/{key}", salt, "points", "x", {f"{salt}:{giver}": -amount, f"{salt}:{taker + 10}": amount})
        for key, giver, taker, amount in bookings
    ]
    expected: dict[str, int] = {}
    first = {one.event_key: one for one in reversed(entries)}
    for one in first.values():
        for account, amount in one.postings.items():
            expected[account] = expected.get(account, 0) + amount
    with store.writing() as conn:
        for _ in range(2):
            for start in range(0, len(entries), portion):
                ledger.book_many(conn, entries[start : start + portion], AT)
        assert ledger.balances(conn, f"{salt}:") == expected
        keys = select(func.count()).select_from(ledger_entries).where(ledger_entries.c.community == salt)
        assert conn.execute(keys).scalar_one() == len(first)
        ledger.require_balanced(conn)


def order(key: str, person: int | None = None) -> CouponOrder:
    return CouponOrder(key, "welcome3", "n", person, EXPIRES)


def test_a_reason_gives_one_coupon(store: Store, vault: Vault) -> None:
    """Asking again gives the same code, and the ledger holds it once."""
    with store.writing() as conn:
        person = vault.persons_for(conn, "phone", ["1"], AT)["1"]
        first = coupons.issue(conn, [order("welcome/1", person), order("welcome/2")], AT)
        again = coupons.issue(conn, [order("welcome/1", person), order("welcome/3")], AT)
        assert first["welcome/1"] == again["welcome/1"]
        assert len({*first.values(), *again.values()}) == 3
        assert ledger.balance(conn, f"coupon:held:welcome3:{person}") == 1
        assert ledger.balance(conn, "coupon:issued:welcome3") == -3


def test_a_code_is_long_and_drawn_from_the_safe_alphabet() -> None:
    """Thirteen characters of thirty-two, without look-alikes: 65 bits."""
    codes = {new_code() for _ in range(500)}
    assert len(codes) == 500
    assert all(re.fullmatch(f"[{ALPHABET}]{{{LENGTH}}}", code) for code in codes)
    assert len(set(ALPHABET)) == 32
    assert LENGTH == 13
    assert not set("ILOU") & set(ALPHABET)


def test_a_coupon_is_used_once(store: Store) -> None:
    """The first use redeems, the second is told so, and the ledger moves once."""
    with store.writing() as conn:
        code = coupons.issue(conn, [order("a")], AT)["a"]
        spelled = f" {code[:5].lower()}-{code[5:].lower()} ".replace("0", "o").replace("1", "l")
        assert coupons.redeem(conn, spelled, AT) == "redeemed"
        assert coupons.redeem(conn, code, AT) == "used_before"
        assert ledger.balance(conn, "coupon:redeemed:welcome3") == 1
        assert ledger.balance(conn, "coupon:held:welcome3:anyone") == 0


def test_an_expired_or_unknown_coupon_is_refused(store: Store) -> None:
    """Each refusal has its own word."""
    with store.writing() as conn:
        code = coupons.issue(conn, [order("a")], AT)["a"]
        assert coupons.redeem(conn, code, EXPIRES) == "expired"
        assert coupons.redeem(conn, "NEVER", AT) == "unknown"
        assert coupons.redeem(conn, code, EXPIRES - timedelta(seconds=1)) == "redeemed"


def test_of_many_who_use_one_coupon_at_once_one_succeeds(store: Store) -> None:
    """A shared code pays once."""
    code = store.write(lambda conn: coupons.issue(conn, [order("a")], AT))["a"]
    results: list[str] = []
    threads = [
        threading.Thread(target=lambda: results.append(store.write(lambda conn: coupons.redeem(conn, code, AT))))
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["redeemed", *["used_before"] * 4]
