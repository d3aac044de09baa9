"""Conversion as a flow: warmed up, judged, offered, counted; no bare link, no order twice, nobody who said no."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy import func, select, update

from flows.conversion import conversion
from qunflow.clock import instant_of
from qunflow.conversion.params import ConversionParams
from qunflow.delivery.outbox import mark_hand_sent
from qunflow.delivery.sender import drain
from qunflow.errors import CheckFailed, StoreBusy
from qunflow.runtime import Runtime
from qunflow.store import campaigns, figures, inbox, members, people, tables
from qunflow.store import orders as order_store
from tests.seating import seated

pytestmark = pytest.mark.usefixtures("prefect_server")

LIVE = ConversionParams(dry_run=False)
KEY = "spring-orange"
COUNTED = (
    "short_links",
    "coupons",
    "orders",
    "buyers",
    "targets",
    "calls",
    "history_batches",
    "figures",
    "campaigns",
    "ledger_entries",
    "quarantine",
)


def home(here: Runtime) -> str:
    return here.workspace.communities[0].key


def campaign(here: Runtime) -> Any:
    return here.workspace.communities[0].campaign(KEY)


def groups(here: Runtime) -> list[int]:
    with here.store.reading() as conn:
        return [row.group_id for row in members.groups_of(conn, home(here))]


def moment(here: Runtime, day: date, at: time) -> datetime:
    return instant_of(day, at, here.workspace.communities[0].zone_info)


def move_in(here: Runtime, count: int, group_id: int) -> list[int]:
    """People known by an id of the platform (``buyer-0`` …) who are in a group."""
    at = moment(here, date(2026, 2, 20), time(12))
    names = [f"buyer-{number}" for number in range(count)]

    def write(conn: Any) -> list[int]:
        found = here.vault.persons_for(conn, "external_userid", names, at)
        seated(conn, group_id, found.values(), at)
        return [found[name] for name in names]

    return here.store.write(write)


def order(here: Runtime, number: str, at: datetime, status: str = "paid", **more: Any) -> None:
    body = {"order_no": number, "amount_fen": 2990, "paid_at": at.isoformat(), "status": status, **more}
    here.store.write(lambda conn: inbox.keep(conn, [inbox.sealed(here.vault, "order", f"{number}/{status}", body)], at))


def click(here: Runtime, code: str, actor: str, at: datetime) -> None:
    body = {"code": code, "actor": actor, "at": at.isoformat()}
    here.store.write(
        lambda conn: inbox.keep(conn, [inbox.sealed(here.vault, "click", f"{code}/{actor}/{at}", body)], at)
    )


def links(here: Runtime) -> dict[tuple[str, int], str]:
    table = tables.short_links
    with here.store.reading() as conn:
        rows = conn.execute(select(table.c.slot_key, table.c.group_id, table.c.code))
        return {(row.slot_key, row.group_id): row.code for row in rows}


def state(here: Runtime) -> str:
    with here.store.reading() as conn:
        (row,) = campaigns.campaigns_of(conn, home(here))
    return row.state


def figure(here: Runtime, name: str, as_of: date) -> figures.Figure:
    with here.store.reading() as conn:
        (found,) = figures.current(conn, home(here), "conversion", as_of, name=name)
    return found


def rows_of(here: Runtime) -> dict[str, int]:
    with here.store.reading() as conn:
        return {
            name: conn.execute(select(func.count()).select_from(getattr(tables, name))).scalar_one() for name in COUNTED
        }


def warm_up(house: Any, only: set[int], replies: int) -> None:
    """The first evening of the warm-up: cards go out, and in some groups a person really posts and counts answers."""
    here, day = house.runtime, campaign(house.runtime).warm_up_on
    house.move_to(day, time(8, 50))
    conversion(LIVE)
    now = house.move_to(day, time(19, 45))
    drain(here.ports, now=now).raise_for_problem()
    table = tables.targets
    query = select(table.c.card_digest, table.c.target_ref).where(
        table.c.stage == "conversion", table.c.state == "sent", table.c.way == "hand_send"
    )

    def post(conn: Any) -> None:
        for digest, group_id in conn.execute(query).all():
            if group_id in only:
                mark_hand_sent(conn, digest, replies, now)

    here.store.write(post)


def offer_reaches(house: Any, at: time = time(12, 5)) -> None:
    """The owners confirm: what was created as a task can be read in the groups."""
    here = house.runtime
    now = house.move_to(campaign(here).offer_on, time(11, 30))
    drain(here.ports, now=now).raise_for_problem()
    read_at = moment(here, campaign(here).offer_on, at)
    table = tables.targets
    confirmed = update(table).where(table.c.stage == "conversion", table.c.way == "mass_task", table.c.state == "sent")
    here.store.write(lambda conn: conn.execute(confirmed.values(outcome="delivered", outcome_at=read_at)))


def test_a_campaign_from_warm_up_to_its_numbers(house: Any) -> None:
    """Warmed-up groups get the offer with their own link; clicks and orders become payers, revenue and refunds."""
    here = house.runtime
    first = groups(here)[0]
    everyone = move_in(here, 10, first)
    warm_up(house, only={first}, replies=4)
    assert links(here) == {}
    house.move_to(campaign(here).offer_on, time(8, 50))
    offered = conversion(LIVE)
    code = links(here)[f"{KEY}/offer", first]
    offer_reaches(house)
    sold_at = moment(here, campaign(here).offer_on, time(12, 30))
    for number in range(3):
        click(here, code, f"buyer-{number}", sold_at)
    order(here, "A1", sold_at, external_userid="buyer-0", link_code=code)
    order(here, "A2", sold_at, external_userid="buyer-1")
    order(here, "A2", sold_at, "refunded", external_userid="buyer-1", refunded_fen=990)
    house.move_to(campaign(here).closes_on, time(8, 50))
    conversion(LIVE)
    conversion(LIVE)
    day = campaign(here).offer_on

    assert offered["campaigns"] == {KEY: "offered"}
    assert {group for _, group in links(here)} == {first}
    assert (figure(here, "warmup_response_rate", day).numerator, figure(here, "offer_delivered", day).value) == (4, 10)
    assert (figure(here, "clicks", day).value, figure(here, "payers", day).value) == (3, 2)
    assert (figure(here, "revenue_fen", day).value, figure(here, "refunds_fen", day).value) == (5980, 990)
    assert figure(here, "conversion_rate", day).value == pytest.approx(0.2)
    assert len(everyone) == 10
    house.move_to(campaign(here).closes_on + timedelta(days=1), time(8, 50))
    conversion(LIVE)
    assert state(here) == "closed"


def test_the_day_after_the_offer(house: Any) -> None:
    """The coupon finds its campaign, who clicked without buying is asked once, sold pieces are said fresh."""
    here = house.runtime
    first = groups(here)[0]
    buyers = move_in(here, 3, first)
    at = moment(here, date(2026, 2, 20), time(12))
    friends = [people.Contact(who, "helper", home(here), "", at) for who in buyers]
    here.store.write(lambda conn: people.add_contacts(conn, friends))
    warm_up(house, only={first}, replies=0)
    house.move_to(campaign(here).offer_on, time(8, 50))
    conversion(LIVE)
    offer_text, coupon = texts(here, "offer")[0], only_coupon(here)
    offer_reaches(house)
    sold_at = moment(here, campaign(here).offer_on, time(12, 30))
    for number in range(2):
        click(here, links(here)[f"{KEY}/offer", first], f"buyer-{number}", sold_at)
    order(here, "A1", sold_at, external_userid="buyer-0")
    order(here, "A2", sold_at, coupon=coupon)
    house.move_to(campaign(here).closes_on, time(11, 0))
    conversion(LIVE)

    assert coupon in offer_text
    assert offer_text.startswith("前两天聊的那一样")
    assert "出了 2 份" in texts(here, "progress")[0]
    assert asked(here) == {buyers[1]}
    assert figure(here, "payers", campaign(here).offer_on).value == 2


def texts(here: Runtime, slot: str) -> list[str]:
    table = tables.targets
    query = select(tables.contents.c.text).join(table, table.c.content_version == tables.contents.c.content_version)
    with here.store.reading() as conn:
        return list(conn.execute(query.where(table.c.slot_key == f"{KEY}/{slot}")).scalars())


def only_coupon(here: Runtime) -> str:
    with here.store.reading() as conn:
        return str(conn.execute(select(tables.coupons.c.code)).scalar_one())


def asked(here: Runtime) -> set[int]:
    table = tables.targets
    with here.store.reading() as conn:
        return set(conn.execute(select(table.c.target_ref).where(table.c.way == "private_task")).scalars())


def test_without_a_delivered_warm_up_no_link_ever_goes_out(house: Any) -> None:
    """Planned but never posted is no warm-up: the campaign is held, no short link is made, no task created."""
    here = house.runtime
    move_in(here, 5, groups(here)[0])
    warm_up(house, only=set(), replies=0)
    house.move_to(campaign(here).offer_on, time(8, 50))
    done = conversion(LIVE)
    drain(here.ports, now=house.move_to(campaign(here).offer_on, time(12, 5)))
    house.move_to(campaign(here).closes_on, time(8, 50))
    conversion(LIVE)

    assert done["campaigns"] == {KEY: "held"}
    assert links(here) == {}
    assert [path for path in house.accepted() if "add_msg_template" in path] == []


def test_the_same_day_twice_changes_nothing(house: Any) -> None:
    """On the day of the offer a second run with the same input adds no row and sends nothing."""
    here = house.runtime
    first = groups(here)[0]
    move_in(here, 5, first)
    warm_up(house, only={first}, replies=2)
    house.move_to(campaign(here).offer_on, time(11, 30))
    order(here, "A1", moment(here, campaign(here).offer_on, time(11, 0)), external_userid="buyer-0")
    conversion(LIVE)
    before, sent = rows_of(here), house.accepted()

    again = conversion(LIVE)

    assert rows_of(here) == before
    assert house.accepted() == sent
    assert (again["orders"], again["figures_changed"], again["messages"]["planned"]) == (0, 0, 0)


def test_a_dry_run_touches_nothing_outside(house: Any) -> None:
    """Without sending nothing is queued, no link or coupon made, no campaign moved; what would be said is shown."""
    here = house.runtime
    first = groups(here)[0]
    move_in(here, 5, first)
    warm_up(house, only={first}, replies=2)
    before, sent = rows_of(here), house.accepted()
    house.move_to(campaign(here).offer_on, time(8, 50))

    done = conversion(ConversionParams(dry_run=True))

    after = rows_of(here)
    assert done["campaigns"] == {KEY: "offered"}
    assert done["messages"]["would_send"] > 0
    assert state(here) == "planned"
    assert {name: after[name] for name in ("short_links", "coupons", "targets", "calls")} == {
        name: before[name] for name in ("short_links", "coupons", "targets", "calls")
    }
    assert house.accepted() == sent


def test_likely_buyers_are_listed_with_reasons_and_never_against_their_will(house: Any) -> None:
    """The list says why in Chinese; somebody who opted out is not on it, whatever they bought."""
    here = house.runtime
    keen, refuser = move_in(here, 2, groups(here)[0])
    bought = moment(here, date(2026, 3, 1), time(12))
    for number, actor in enumerate(("buyer-0", "buyer-1")):
        order(here, f"B{number}", bought, external_userid=actor, amount_fen=12_000)
        order(here, f"C{number}", bought + timedelta(days=1) - timedelta(hours=6), external_userid=actor)
    here.store.write(lambda conn: people.suppress(conn, [refuser], "opt_out", bought, "test"))

    done = conversion(ConversionParams(dry_run=False, least_score=30))

    with here.store.reading() as conn:
        (row,) = campaigns.campaigns_of(conn, home(here))
        (listed,) = campaigns.buyers_of(conn, row.campaign_id)
    assert (listed.person_id, listed.score, listed.tier) == (keen, 40, "high")
    assert (
        listed.reasons == ("近 30 天买过 2 单,共 149.9 元", "0 天前还来过") or "近 30 天买过 2 单" in listed.reasons[0]
    )
    assert (done["rows_in"], done["rows_out"]) == (4, 1)


def test_what_cannot_be_used_is_set_aside_with_its_reason(house: Any) -> None:
    """A bad order and an unknown link are kept with reasons; an order seen twice is one order."""
    here = house.runtime
    move_in(here, 4, groups(here)[0])
    at = moment(here, date(2026, 3, 2), time(7, 0))
    for number in range(4):
        order(here, f"D{number}", at, external_userid=f"buyer-{number}")
    order(here, "BAD", at, amount_fen=-5)
    order(here, "D0", at, "refunded", external_userid="buyer-0")
    click(here, "zzzzzzzzzz", "buyer-0", at)

    done = conversion(LIVE)

    with here.store.reading() as conn:
        known = order_store.known_orders(conn, [f"D{number}" for number in range(4)])
        reasons = set(conn.execute(select(tables.quarantine.c.reason)).scalars())
    assert (done["rows_in"], done["orders"]) == (7, 5)
    assert (len(known), known["D0"].refunded_fen) == (4, 2990)
    assert reasons == {"bad_amount", "unknown_code"}


def test_a_locked_database_is_tried_again(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A transient failure recovers by itself, and what came in is taken in once."""
    here = house.runtime
    move_in(here, 1, groups(here)[0])
    order(here, "A1", moment(here, date(2026, 3, 2), time(7, 0)), external_userid="buyer-0")
    from tasks import conversion as steps

    monkeypatch.setattr(steps, "keep_incoming", steps.keep_incoming.with_options(retry_delay_seconds=0.01))
    real, tries = steps.conversion_incoming.keep, []

    def busy_once(*args: Any, **kwargs: Any) -> int:
        tries.append(1)
        if len(tries) <= 5:
            raise StoreBusy("the database stayed locked", "try again")
        return real(*args, **kwargs)

    with patch.object(steps.conversion_incoming, "keep", busy_once):
        done = conversion(LIVE)

    assert done["orders"] == 1
    assert rows_of(here)["orders"] == 1


def test_a_link_into_a_cold_group_stops_the_run(house: Any) -> None:
    """Should a rule ever fail, the check before queueing stops the day: nothing is queued, nothing sent."""
    here = house.runtime
    first = groups(here)[0]
    move_in(here, 5, first)
    warm_up(house, only={first}, replies=2)
    house.move_to(campaign(here).offer_on, time(8, 50))
    before, sent = rows_of(here), house.accepted()
    from tasks import conversion_messages

    with (
        patch.object(conversion_messages, "may_say", lambda *_, **__: True),
        pytest.raises(CheckFailed, match="conversion_messages"),
    ):
        conversion(LIVE)

    assert rows_of(here)["targets"] == before["targets"]
    assert house.accepted() == sent
