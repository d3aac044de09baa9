"""
The rules of the ledger, played at random against a plain model: stock, points, coupons, reversals, in any order.

QUNFLOW_SOAK=1 runs the long form: one hundred thousand steps.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import func, select

from qunflow.store import coupons, ledger, spending, stock
from qunflow.store.coupons import CouponOrder
from qunflow.store.engine import Store
from qunflow.store.ledger import Entry
from qunflow.store.migrate import upgrade
from qunflow.store.reversals import reverse
from qunflow.store.spending import Purchase
from qunflow.store.stock import Prize
from qunflow.store.tables import ledger_entries, ledger_postings, persons
from qunflow.weekly_activity.points import points_account

SOAK = os.environ.get("QUNFLOW_SOAK") == "1"
AT = datetime(2026, 3, 1, tzinfo=UTC)
PEOPLE = (1, 2)
CUP = Prize("n", "cup", most_each=2)
EXAMPLES, STEPS = (1_000, 100) if SOAK else (15, 50)
person = st.sampled_from(PEOPLE)
points = st.integers(1, 9)


class Shop(RuleBasedStateMachine):
    """A community whose operators and members do everything the ledger offers, often twice."""

    template: Path
    granted: Bundle[str] = Bundle("granted")
    issued: Bundle[str] = Bundle("issued")

    @initialize()
    def open(self) -> None:
        # In memory: nothing here has to survive a power cut, and there are three commits a step.
        memory = Path("/dev/shm")
        self.folder = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
        path = self.folder / "shop.sqlite3"
        shutil.copy(self.template, path)
        self.store = Store.open(f"sqlite:///{path}")
        self.now, self.number = AT, 0
        self.have: Counter[int] = Counter()
        self.cups: Counter[int] = Counter()
        self.shelf = 0
        self.undo: dict[str, Any] = {}
        self.reversed: set[str] = set()
        self.codes: dict[str, str] = {}
        self.ends: dict[str, datetime] = {}
        self.over: dict[str, str] = {}
        self.deliver(3)
        for who in PEOPLE:
            self.earn(who, 20)

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            shutil.rmtree(self.folder)

    def key(self) -> str:
        self.number += 1
        return f"event {self.number}"

    @rule(target=granted, who=person, amount=points)
    def earn(self, who: int, amount: int) -> str:
        key, account = self.key(), points_account("n", who)
        entry = Entry(key, "n", "points", "checkin", {account: amount, "points:n:issued": -amount}, {account: who})
        for expected in ([key], []):
            assert self.store.write(lambda conn: ledger.book_many(conn, [entry], self.now)) == expected
        self.have[who] += amount
        self.undo[key] = ("points", who, -amount)
        return key

    @rule(target=granted, who=person, amount=points)
    def spend(self, who: int, amount: int) -> str:
        purchase = Purchase(self.key(), "n", who, amount)
        found = self.store.write(lambda conn: spending.spend(conn, purchase, self.now))
        assert found == ("spent" if amount <= self.have[who] else "too_few_points")
        if found == "spent":
            self.have[who] -= amount
            self.undo[purchase.event_key] = ("points", who, amount)
        return purchase.event_key

    @rule(target=granted, pieces=st.integers(1, 4))
    def deliver(self, pieces: int) -> str:
        key = self.key()
        assert self.store.write(lambda conn: stock.put(conn, key, CUP, pieces, self.now))
        self.shelf += pieces
        self.undo[key] = ("shelf", 0, -pieces)
        return key

    @rule(target=granted, who=person, times=st.integers(1, 3))
    def give(self, who: int, times: int) -> str:
        key = self.key()
        expected = "cap_reached" if self.cups[who] >= CUP.most_each else "sold_out" if not self.shelf else "given"
        outcomes = [self.store.write(lambda conn: stock.give(conn, key, CUP, who, self.now)) for _ in range(times)]
        assert outcomes == [expected, *["given_before" if expected == "given" else expected] * (times - 1)]
        if expected == "given":
            self.cups[who] += 1
            self.shelf -= 1
            self.undo[key] = ("cup", who, -1)
        return key

    @rule(target=granted, who=person, price=points)
    def exchange(self, who: int, price: int) -> str:
        purchase = Purchase(self.key(), "n", who, price)
        found = self.store.write(lambda conn: spending.exchange(conn, purchase, CUP, self.now))
        able = self.shelf > 0 and self.cups[who] < CUP.most_each and self.have[who] >= price
        assert (found == "exchanged") == able
        paid = spending.exchange_keys(purchase.event_key)[0]
        if able:
            self.have[who] -= price
            self.cups[who] += 1
            self.shelf -= 1
            self.undo[paid] = ("exchange", who, price)
        return paid

    @rule(target=issued, who=person, days=st.integers(1, 5))
    def issue(self, who: int, days: int) -> str:
        key, ends = self.key(), self.now + timedelta(days=days)
        order = CouponOrder(key, "welcome3", "n", who, ends)
        codes = [self.store.write(lambda conn: coupons.issue(conn, [order], self.now))[key] for _ in range(2)]
        assert codes[0] == codes[1]
        self.codes[key], self.ends[key] = codes[0], ends
        return key

    @rule(key=issued)
    def redeem(self, key: str) -> None:
        found = self.store.write(lambda conn: coupons.redeem(conn, self.codes[key], self.now))
        state = self.over.get(key, "late" if self.ends[key] <= self.now else "open")
        assert found == {"open": "redeemed", "used": "used_before"}.get(state, "expired")
        if state == "open":
            self.over[key] = "used"

    @rule(hours=st.integers(1, 60))
    def pass_time(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule()
    def expire(self) -> None:
        due = [key for key, ends in self.ends.items() if ends <= self.now and key not in self.over]
        assert self.store.write(lambda conn: coupons.expire(conn, self.now)) == len(due)
        self.over |= dict.fromkeys(due, "expired")

    @rule(key=issued)
    def take_back_a_coupon(self, key: str) -> None:
        found = self.store.write(lambda conn: reverse(conn, f"coupon:{key}", "slip", "zhou", self.now))
        state = self.over.get(key, "open")
        assert found == {"open": "reversed", "taken back": "reversed_before"}.get(state, "used")
        if state == "open":
            self.over[key] = "taken back"

    @rule(key=granted, half=st.booleans())
    def reverse(self, key: str, half: bool) -> None:
        asked = f"{key.removesuffix(':points')}:piece" if half and key.endswith(":points") else key
        found = self.store.write(lambda conn: reverse(conn, asked, "slip", "zhou", self.now))
        assert found == self.expected_reversal(key)
        if found == "reversed":
            self.reversed.add(key)
            self.undone(*self.undo[key])

    def expected_reversal(self, key: str) -> str:
        if key not in self.undo:
            return "unknown"
        if key in self.reversed:
            return "reversed_before"
        kind, who, amount = self.undo[key]
        held = {"points": self.have[who], "shelf": self.shelf, "cup": self.cups[who], "exchange": self.cups[who] - 1}
        needed = 0 if kind == "exchange" else -amount
        return "reversed" if held[kind] >= needed else "used"

    def undone(self, kind: str, who: int, amount: int) -> None:
        if kind in ("points", "exchange"):
            self.have[who] += amount
        if kind in ("cup", "exchange"):
            self.cups[who] -= 1
            self.shelf += 1
        if kind == "shelf":
            self.shelf += amount

    @invariant()
    def everything_adds_up(self) -> None:
        if not hasattr(self, "store"):
            return
        with self.store.reading() as conn:
            ledger.require_balanced(conn)
            sums = select(ledger_entries.c.unit, func.sum(ledger_postings.c.amount)).join_from(
                ledger_entries, ledger_postings
            )
            assert all(row[1] == 0 for row in conn.execute(sums.group_by(ledger_entries.c.unit)))
            assert stock.left(conn, [CUP])["cup"] == self.shelf >= 0
            for who in PEOPLE:
                assert ledger.balance(conn, points_account("n", who)) == self.have[who] >= 0
                assert ledger.balance(conn, CUP.held_by(who), "stock") == self.cups[who] >= 0
            used = Counter(self.over.values())
            assert ledger.balance(conn, "coupon:redeemed:welcome3") == used["used"]
            assert ledger.balance(conn, "coupon:expired:welcome3") == used["expired"]
            assert ledger.balance(conn, "coupon:issued:welcome3") == used["taken back"] - len(self.codes)


@pytest.mark.soak
def test_whatever_is_done_in_whatever_order_the_ledger_agrees_with_a_plain_count(tmp_path: Path) -> None:
    """Sums are 0, nothing is below 0, a coupon is used once, a reversal booked once: after every single step."""
    template = tmp_path / "template.sqlite3"
    upgrade(f"sqlite:///{template}")
    store = Store.open(f"sqlite:///{template}")
    with store.writing() as conn:
        conn.execute(persons.insert(), [{"person_id": one, "created_at": AT} for one in PEOPLE])
    store.close()
    Shop.template = template
    run_state_machine_as_test(
        Shop,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=not SOAK,
            suppress_health_check=list(HealthCheck),
        ),
    )
