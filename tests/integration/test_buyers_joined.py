"""Who bought is found by everything an order says, once, in any order; what is doubtful waits for a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import permutations
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import insert, select

from qunflow.acquisition.identity import Mark
from qunflow.errors import StoreBusy
from qunflow.runtime import Runtime
from qunflow.runtime.identity import person_of
from qunflow.runtime.stage import StageRun
from qunflow.settings.workspace import Community
from qunflow.store import coupons, inbox, ledger, merging
from qunflow.store.engine import Store
from qunflow.store.history import History
from qunflow.store.tables import orders, persons, short_links
from qunflow.store.vault import Vault
from tasks.conversion_incoming import keep, read

AT = datetime(2026, 3, 2, 4, tzinfo=UTC)
HOUR = timedelta(hours=1)
COMMUNITY = Community(key="neighbours", name="小满邻里", type="购物", helper="helper_xm")  # type: ignore[call-arg]
PHONE, OTHER_PHONE = "13800138000", "13900139000"


@dataclass
class Shop:
    """A house that takes orders: ``lead`` came by form, ``friend`` is a contact with a coupon of their own."""

    here: Runtime
    lead: int
    friend: int
    coupon: str
    sold: int = 0

    def order(self, **about: Any) -> None:
        """Push an order, a minute after the one before."""
        self.sold += 1
        number, at = about.pop("order_no", f"E{self.sold}"), AT + timedelta(minutes=self.sold)
        body = {"order_no": number, "status": "paid", "amount_fen": 2990, "paid_at": at.isoformat()} | about
        key = f"{number}/{body['status']}"
        self.here.store.write(lambda conn: inbox.keep(conn, [inbox.sealed(self.here.vault, "order", key, body)], at))

    def click(self, actor: str) -> None:
        """Follow the short link of the house as somebody."""
        body = {"code": "abcdefghij", "actor": actor, "at": AT.isoformat()}
        self.here.store.write(lambda conn: inbox.keep(conn, [inbox.sealed(self.here.vault, "click", actor, body)], AT))

    def take_in(self) -> int:
        """Apply what came in; returns how many orders there were."""
        run = StageRun("conversion", self.here, COMMUNITY, AT.date(), AT + HOUR, dry_run=False, backfill=False)
        return self.here.store.write(lambda conn: keep(conn, run=run, incoming=read(conn, run)))

    def buyers(self) -> list[int | None]:
        """Whose each order is, in the order they were paid."""
        with self.here.store.reading() as conn:
            return list(conn.execute(select(orders.c.person_id).order_by(orders.c.paid_at)).scalars())

    def asked(self) -> list[tuple[str, set[int]]]:
        """What waits for a person."""
        with self.here.store.reading() as conn:
            return [(one.reason, {one.person_id, one.other_id}) for one in merging.reviews(conn)]

    def people(self) -> int:
        """How many persons there are."""
        with self.here.store.reading() as conn:
            return len(conn.execute(select(persons.c.person_id)).all()) - len(merging.aliases(conn))


def opened(store: Store, vault: Vault, history: History) -> Shop:
    workspace = SimpleNamespace(communities=[COMMUNITY])
    here = cast(Runtime, SimpleNamespace(store=store, vault=vault, history=history, workspace=workspace))
    link = {"code": "abcdefghij", "link_key": "k", "destination": "https://shop.example.com", "community": "neighbours"}
    when = {"created_at": AT, "expires_at": AT + 99 * HOUR, "campaign": "", "slot_key": ""}
    with store.writing() as conn:
        lead = person_of(conn, here, [Mark("phone", f"+86{PHONE}"), Mark("form_entry", "f/1")], AT)
        friend = person_of(conn, here, [Mark("external_userid", "wm1")], AT)
        wanted = coupons.CouponOrder("welcome:1", "welcome", "neighbours", friend, AT + 99 * HOUR)
        code = coupons.issue(conn, [wanted], AT)["welcome:1"]
        conn.execute(insert(short_links), link | when)
    return Shop(here, lead, friend, code)


@pytest.fixture
def shop(store: Store, vault: Vault, history: History) -> Shop:
    return opened(store, vault, history)


def test_a_form_an_order_a_coupon_and_a_click_are_one_person(shop: Shop) -> None:
    """The phone finds the form's person, the openid the next order, the coupon its holder's account."""
    shop.order(openid="oP1", phone=PHONE)
    shop.order(openid="oP1", coupon=shop.coupon.lower())
    shop.click("wm1")
    assert shop.take_in() == 2

    (buyer,) = set(shop.buyers())
    assert shop.people() == 1 and shop.asked() == []
    seen = shop.here.history.query("SELECT kind, person_id FROM events ORDER BY kind")
    assert [(kind, who) for kind, who in seen.itertuples(index=False)] == [
        ("click", buyer),
        ("order", buyer),
        ("order", buyer),
    ]
    with shop.here.store.reading() as conn:
        assert coupons.holders(conn, [shop.coupon]) == {shop.coupon: buyer}
        assert ledger.balances(conn, "coupon:held:") == {f"coupon:held:welcome:{shop.friend}": 0}
        assert ledger.balance(conn, "coupon:redeemed:welcome") == 1


def test_the_same_orders_in_any_order_make_the_same_persons(store: Store, vault: Vault, history: History) -> None:
    """However pushes and days fall, the buyer of three orders that hang together is one."""
    shop = opened(store, vault, history)
    told: list[dict[str, Any]] = [
        {"openid": "oA"},
        {"openid": "oA", "unionid": "uA"},
        {"unionid": "uA", "phone": PHONE},
    ]
    for turn, row in enumerate(permutations(told)):
        for about in row:
            renamed = {
                name: f"{value}{turn}" if name != "phone" else f"1380013800{turn}" for name, value in about.items()
            }
            shop.order(**renamed)
            if turn % 2:
                shop.take_in()
        before = len(set(shop.buyers()))
        shop.take_in()
        assert len(set(shop.buyers())) == turn + 1 >= before


def test_what_was_taken_in_is_not_taken_in_twice(shop: Shop) -> None:
    """A second run, a repeated push and a refund add neither person nor question nor booking."""
    shop.order(openid="oP1", coupon=shop.coupon, phone=OTHER_PHONE)
    shop.take_in()
    first = (shop.buyers(), shop.people(), shop.asked())
    shop.order(order_no="E1", openid="oP1", coupon=shop.coupon, phone=OTHER_PHONE)
    shop.order(order_no="E1", status="refunded", openid="oP1", coupon=shop.coupon)
    shop.take_in()
    shop.take_in()
    assert (shop.buyers(), shop.people(), shop.asked()) == first == ([shop.friend], 2, [])
    with shop.here.store.reading() as conn:
        assert ledger.balance(conn, "coupon:redeemed:welcome") == 1


def test_a_coupon_that_was_given_away_joins_nobody(shop: Shop) -> None:
    """Both have a phone: the order is the payer's, the coupon is used, and somebody is asked once."""
    with shop.here.store.writing() as conn:
        shop.here.vault.link(conn, "phone", f"+86{OTHER_PHONE}", shop.friend, AT)
    shop.order(phone=PHONE, coupon=shop.coupon)
    shop.order(phone=PHONE, coupon=shop.coupon)
    shop.take_in()
    assert shop.buyers() == [shop.lead] * 2
    assert shop.asked() == [("coupon_of_another", {shop.lead, shop.friend})]


def test_a_buyer_nobody_knows_is_known_the_next_time(shop: Shop) -> None:
    """A stranger gets a number with the first order, and no second one; an order that names nobody has no buyer."""
    shop.order(openid="oNew")
    shop.order(openid="oNew", phone=OTHER_PHONE)
    shop.order(phone=OTHER_PHONE)
    shop.order()
    shop.take_in()
    *new, nobody = shop.buyers()
    assert len(set(new)) == 1 and not {shop.lead, shop.friend} & set(new)
    assert (nobody, shop.people()) == (None, 3)


def test_an_erased_buyer_stays_erased(shop: Shop) -> None:
    """The refund of an order whose buyer was forgotten makes nobody of them; their coupon names nobody either."""
    shop.order(order_no="E9", openid="oP1", coupon=shop.coupon)
    shop.take_in()
    with shop.here.store.writing() as conn:
        shop.here.vault.erase(conn, shop.friend, AT)
    shop.order(order_no="E9", status="refunded", openid="oP1", coupon=shop.coupon)
    shop.order(coupon=shop.coupon)
    shop.take_in()
    assert shop.buyers() == [shop.friend, None] and shop.people() == 2
    with shop.here.store.reading() as conn:
        assert shop.here.vault.known_persons(conn, "openid", ["oP1"]) == {}


def test_a_busy_store_keeps_nothing_and_the_next_run_everything(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half an order is none: neither person nor question nor use of the coupon is left when the rest could not be."""
    shop.order(openid="oP1", phone=PHONE, coupon=shop.coupon)
    before = shop.people()

    def busy(*_: Any, **__: Any) -> None:
        raise StoreBusy("locked", "try again")

    with monkeypatch.context() as patched:
        patched.setattr(inbox, "mark", busy)
        with pytest.raises(StoreBusy):
            shop.take_in()
    assert (shop.people(), shop.buyers()) == (before, [])
    with shop.here.store.reading() as conn:
        assert ledger.balance(conn, "coupon:redeemed:welcome") == 0
    assert shop.take_in() == 1
    assert shop.people() == before - 1


def test_an_order_that_cannot_be_used_makes_nobody(shop: Shop) -> None:
    """From the future or without an amount: set aside with its reason, its buyer stays unknown, others go on."""
    shop.order(openid="oNew", paid_at=(AT + 99 * HOUR).isoformat())
    shop.order(openid="oOther", amount_fen=None)
    shop.order(phone=PHONE)
    assert shop.take_in() == 1
    assert (shop.buyers(), shop.people()) == ([shop.lead], 2)
    with shop.here.store.reading() as conn:
        assert inbox.quarantined(conn, AT) == {("order", "in_the_future"): 1, ("order", "bad_amount"): 1}
