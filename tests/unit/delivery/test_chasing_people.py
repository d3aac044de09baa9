"""Reminders with words, escalation once, and the morning card: what the team is told, and how often."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import select, update

from qunflow.delivery.chasing import card_moments
from qunflow.delivery.morning import good_morning
from qunflow.delivery.ports import Ports
from qunflow.delivery.remind import remind
from qunflow.delivery.sender import drain
from qunflow.settings.workspace import Delivery
from qunflow.store import absences
from qunflow.store.tables import calls, targets
from tests.unit.delivery.platform_fake import DAY, NOON, FakePlatform, a_plan, add_groups, put, states
from tests.unit.delivery.team import at, heard, rows, to_dos, with_team

HALF_HOUR = NOON + timedelta(minutes=30)


def minute(number: float) -> datetime:
    return NOON + timedelta(minutes=number)


def give_cards(ports: Ports) -> None:
    """Two cards of the admin with the same words, given out at noon, good for half an hour."""
    plans = [
        a_plan(one, "早呀", way="hand_send", sender_userid="admin_lin", slot_key="sign", not_after=HALF_HOUR)
        for one in add_groups(ports.store, 2)
    ]
    put(ports.store, *plans)
    drain(ports, now=NOON)


def beat(ports: Ports, *minutes: float) -> None:
    """Rounds of reminding, each of them twice."""
    for one in minutes:
        for _ in range(2):
            remind(at(ports, minute(one)), minute(one))


def test_moments_lie_inside_the_window() -> None:
    """Ten minutes after it is due and ten before its end; in a short window only what fits."""
    settings = Delivery()
    assert card_moments(NOON, minute(60), settings) == (minute(10), minute(50))
    assert card_moments(NOON, minute(15), settings) == (minute(5),)
    assert card_moments(NOON, minute(10), settings) == ()


def test_cards_are_reminded_of_in_one_word_for_all_groups(ports: Ports, platform: FakePlatform) -> None:
    """Twice at most, with title, groups and the latest time; a round more changes nothing."""
    house = with_team(ports)
    give_cards(house)
    beat(house, 1, 9.9, 10, 11, 20, 21)
    told = [(who, text.splitlines()[0]) for who, text in heard(house, platform, minute(22))]
    words = "日签还有 2 个群没发：1 群、2 群。还剩 {} 分钟（最晚 12:30），发完点「已发」；不方便就转给别人。"
    assert told == [("admin_lin", words.format(20)), ("admin_lin", words.format(10))]
    assert [one[0] for one in rows(house, "slot_key", way="staff_notice")] == [
        "remind/admin_lin/sign/1",
        "remind/admin_lin/sign/2",
    ]


def test_a_posted_card_is_not_reminded_of(ports: Ports, platform: FakePlatform) -> None:
    """The other group still is."""
    house = with_team(ports)
    give_cards(house)
    with house.store.writing() as conn:
        conn.execute(update(targets).where(targets.c.target_id == 1).values(outcome="delivered"))
    beat(house, 10)
    (told,) = heard(house, platform, minute(10))
    assert told[1].startswith("日签还有 1 个群没发：2 群。")


def test_what_reminding_does_not_help_goes_to_somebody_else_once(ports: Ports, platform: FakePlatform) -> None:
    """A to-do and a word for the approver; at most one of each."""
    house = with_team(ports)
    give_cards(house)
    beat(house, 10, 20, 24.9)
    assert to_dos(house) == []
    beat(house, 25, 26, 29)
    assert to_dos(house) == [("chase", "boss")]
    told = [text for who, text in heard(house, platform, minute(29)) if who == "boss"]
    assert [one.splitlines()[0] for one in told] == [
        "催过了还没发：日签，阿琳 名下 2 个群，最晚 12:30。问一下，或者换人发。"
    ]


def test_a_stand_in_is_asked_before_the_approver(ports: Ports) -> None:
    """Who is away has named one."""
    house = with_team(ports)
    give_cards(house)
    with house.store.writing() as conn:
        absences.note(conn, "admin_lin", minute(1), minute(600), "admin_tang", by="boss", at=NOON)
    beat(house, 25)
    assert to_dos(house) == [("chase", "admin_tang")]


def test_an_owner_is_told_in_words_and_the_task_escalates_after_the_last(ports: Ports, platform: FakePlatform) -> None:
    """Created, soon, soon, late: the platform's three reminders and no more; then the approver."""
    house = with_team(ports)
    put(house.store, *(a_plan(one, not_after=NOON + timedelta(hours=2)) for one in add_groups(house.store, 2)))
    drain(house, now=NOON)
    beat(house, 0, 10, 20, 30, 39)
    assert len(platform.sent("remind_groupmsg_send")) == 3
    assert to_dos(house) == []
    beat(house, 40, 50, 60)
    assert to_dos(house) == [("chase", "boss")]
    told = [text.splitlines()[0] for who, text in heard(house, platform, minute(60)) if who == "owner_zhou"]
    assert told == [
        "秒杀已备好，2 个群共 1 条，最晚 14:00。点开看一眼，到点按发送，大约 20 秒。",
        "秒杀还有 110 分钟就过点（最晚 14:00），你名下 2 个群还没确认，大约 20 秒。现在不方便就点开下面，转给别人。",
        "秒杀还有 100 分钟就过点（最晚 14:00），你名下 2 个群还没确认，大约 20 秒。现在不方便就点开下面，转给别人。",
        "12:30 了，秒杀还有 2 个群没发。14:00 之后就不发这条了，免得群友看到一条过期的消息。",
    ]


def test_a_reminder_that_fails_on_the_way_is_counted_and_not_repeated(ports: Ports, platform: FakePlatform) -> None:
    """Whether it arrived is not known, and three a day is the platform's limit; the words go out."""
    house = with_team(ports)
    put(house.store, a_plan(add_groups(house.store, 1)[0], not_after=NOON + timedelta(hours=2)))
    drain(house, now=NOON)
    platform.faults["remind_groupmsg_send"] = ["lost", 41094]
    beat(house, 10, 20)
    with house.store.reading() as conn:
        assert conn.execute(select(calls.c.reminders).where(calls.c.way == "mass_task")).scalar_one() == 2


def test_without_a_team_nobody_is_told_anything(ports: Ports, platform: FakePlatform) -> None:
    """Reminders of the platform go on as before."""
    put(ports.store, *(a_plan(one, not_after=NOON + timedelta(hours=2)) for one in add_groups(ports.store, 1)))
    drain(ports, now=NOON)
    beat(ports, 0, 10, 20, 30, 60)
    assert len(platform.sent("remind_groupmsg_send")) == 3
    assert (heard(ports, platform, minute(60)), to_dos(ports), states(ports.store)) == ([], [], ["sent"])


def test_everybody_with_work_gets_one_morning_card(ports: Ports, platform: FakePlatform) -> None:
    """Three lines and the page; counted at ten to eight, told once."""
    house = with_team(ports)
    ids = add_groups(house.store, 2)
    cards = [a_plan(one, "早呀", way="hand_send", sender_userid="admin_lin", slot_key="sign") for one in ids]
    put(house.store, *cards, *(a_plan(one) for one in ids))
    early = datetime(2026, 3, 3, 23, 49, tzinfo=UTC)
    assert good_morning(house, early) == 0
    now = early + timedelta(minutes=1)
    assert (good_morning(house, now), good_morning(house, now + timedelta(minutes=5))) == (2, 0)
    told = dict(heard(house, platform, now + timedelta(minutes=5)))
    assert told["admin_lin"].splitlines() == [
        "今天要手动发 2 条，第一条 12:00。",
        "群发任务要确认 0 个。",
        "昨天都发完了。",
        "http://127.0.0.1:8790/today",
    ]
    assert "群发任务要确认 1 个。" in told["owner_zhou"]
    assert "boss" not in told


def test_the_morning_card_names_what_yesterday_left(ports: Ports, platform: FakePlatform) -> None:
    """Cards nobody posted, and what waits to be settled by whoever may settle."""
    house = with_team(ports)
    ids = add_groups(house.store, 2)
    card = {"way": "hand_send", "sender_userid": "admin_lin", "slot_key": "sign"}
    put(house.store, a_plan(ids[0], "早呀", **card), a_plan(ids[0], "昨", day=DAY - timedelta(days=1), **card))
    put(house.store, a_plan(ids[1], "昨", day=DAY - timedelta(days=1), **card))
    with house.store.writing() as conn:
        conn.execute(update(targets).where(targets.c.target_id == 2).values(state="sent", outcome="missed"))
        conn.execute(update(targets).where(targets.c.target_id == 3).values(state="dead"))
    now = datetime(2026, 3, 3, 23, 50, tzinfo=UTC)
    good_morning(house, now)
    (told,) = (text for _, text in heard(house, platform, now) if text.startswith("今天"))
    assert told.splitlines()[2] == "昨天有 1 条没发出去。有 1 条等你核实。"
