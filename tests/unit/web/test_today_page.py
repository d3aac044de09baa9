"""The day on a phone: whose cards are shown, what a tap does, and that nobody taps for another."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from qunflow.store import todos
from qunflow.store.tables import targets
from qunflow.store.todos import NewTodo
from qunflow.web.app import create_app
from qunflow.web.ports import WebPorts
from tests.unit.web.desk import JSON, NOW, column, give_out, phone_of, put


@pytest.fixture
def admin(ports: WebPorts) -> str:
    """Whoever sends by hand in the first group."""
    return ports.workspace.communities[0].groups[0].admin


def other_than(ports: WebPorts, userid: str) -> str:
    """Somebody of the team who is no approver and not this person."""
    return next(one.userid for one in ports.workspace.team if one.userid != userid and "approver" not in one.roles)


def test_the_day_counts_cards_and_confirmations(ports: WebPorts, admin: str) -> None:
    """Two cards, one of them posted, are one of two; another person's are not among them."""
    first, second = put(ports), put(ports, slot_key="benefit-daily/topic", text="话题")
    give_out(ports, first)
    give_out(ports, second, outcome="delivered", outcome_at=NOW)
    assert "今天 1/2" in phone_of(ports, admin).get("/today").text
    assert "今天没有安排给你的内容" in phone_of(ports, other_than(ports, admin)).get("/today").text


def test_an_approver_sees_everybodys_day(ports: WebPorts) -> None:
    """With the name of whoever it is given to."""
    give_out(ports, put(ports))
    shown = phone_of(ports, "ops_li").get("/today").text
    assert ports.workspace.communities[0].groups[0].name in shown
    assert "早呀，今天三样" in shown


def test_what_looks_like_markup_stays_text(ports: WebPorts, admin: str) -> None:
    """In a bubble and in a to-do."""
    give_out(ports, put(ports, text="<script>alert(1)</script>"))
    shown = phone_of(ports, admin).get("/today").text
    assert "<script>alert" not in shown
    assert "&lt;script&gt;alert(1)" in shown


@pytest.mark.parametrize(
    ("minutes", "state", "phase"),
    [(0, "sent", "现在发"), (31, "sent", "晚了"), (0, "approved", "还没到点"), (0, "checked", "等审核")],
)
def test_each_card_says_where_it_stands(ports: WebPorts, admin: str, minutes: int, state: str, phase: str) -> None:
    """Now, late, later, or not approved yet; only what is given out has a button."""
    number = put(ports, not_after=NOW + timedelta(minutes=30 - minutes))
    give_out(ports, number)
    with ports.store.writing() as conn:
        conn.execute(update(targets).values(state=state))
    shown = phone_of(ports, admin).get("/today").text
    assert phase in shown
    assert ('action="/today/done"' in shown) == (state == "sent")


def test_a_tap_is_kept_counted_and_taken_back(ports: WebPorts, admin: str) -> None:
    """已发, then how many replied, then undone; the first tap keeps its time."""
    number = put(ports)
    give_out(ports, number)
    phone = phone_of(ports, admin)
    answer = phone.post("/today/done", data={"card": number})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/today#card{number}")
    assert column(ports, "outcome_at") == [NOW]
    phone.post("/today/done", data={"card": number, "reply_count": "12"})
    assert (column(ports, "outcome"), column(ports, "reply_count")) == (["delivered"], [12])
    phone.post("/today/undo", data={"card": number})
    assert (column(ports, "outcome"), column(ports, "reply_count")) == (["waiting"], [None])


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({}, 422),
        ({"card": "x"}, 422),
        ({"card": "999"}, 404),
        ({"card": "1", "reply_count": "-1"}, 422),
        ({"card": "1", "reply_count": "100001"}, 422),
    ],
)
def test_a_senseless_tap_is_refused(ports: WebPorts, admin: str, form: dict[str, str], status: int) -> None:
    """And changes nothing."""
    give_out(ports, put(ports))
    assert phone_of(ports, admin).post("/today/done", data=form).status_code == status
    assert column(ports, "outcome") == ["waiting"]


def test_a_card_that_is_not_given_out_takes_no_tap(ports: WebPorts, admin: str) -> None:
    """It has not been sent by hand before its time."""
    number = put(ports)
    assert phone_of(ports, admin).post("/today/done", data={"card": number}).status_code == 409


def test_nobody_taps_for_another_but_an_approver(ports: WebPorts, admin: str) -> None:
    """The card says who posted it, so it is theirs to say."""
    number = put(ports)
    give_out(ports, number)
    assert phone_of(ports, other_than(ports, admin)).post("/today/done", data={"card": number}).status_code == 403
    assert column(ports, "outcome") == ["waiting"]
    assert phone_of(ports, "ops_li").post("/today/done", data={"card": number}).status_code == 303


@pytest.mark.parametrize("path", ["/today/done", "/today/undo", "/today/todo"])
def test_strangers_and_other_sites_are_refused(ports: WebPorts, admin: str, path: str) -> None:
    """401 without a session, 403 from a foreign page."""
    stranger = TestClient(create_app(ports), base_url="https://testserver")
    assert stranger.post(path, data={"card": "1", "todo": "1"}, headers=JSON).status_code == 401
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert phone_of(ports, admin).post(path, data={"card": "1", "todo": "1"}, headers=foreign).status_code == 403
    assert stranger.get("/today", headers=JSON).status_code == 401


def test_a_mass_task_waits_for_its_owner_in_these_words(ports: WebPorts) -> None:
    """A created task is not a sent one."""
    owner = ports.workspace.communities[0].groups[0].owner
    give_out(ports, put(ports, way="mass_task", sender_userid=owner, slot_key="benefit-daily/flash-sale"))
    shown = phone_of(ports, owner).get("/today").text
    assert "任务已建，等群主确认" in shown
    assert "1 个群 0 人" in shown
    assert "还剩 30 分钟" in shown
    assert "今天 0/1" in shown


def test_a_to_do_is_closed_and_opened_again_with_a_tap(ports: WebPorts, admin: str) -> None:
    """Twice the same tap is one, and the audit names who tapped."""
    community = ports.workspace.communities[0].key
    with ports.store.writing() as conn:
        one = NewTodo("red/1", community, "red_packet", admin, NOW, {"note": "<b>20 元</b>，发 10 个"})
        assert (todos.add(conn, [one, one], NOW), todos.add(conn, [one], NOW)) == (1, 0)
    phone = phone_of(ports, admin)
    assert "&lt;b&gt;20 元" in phone.get("/today").text
    for _ in range(2):
        assert phone.post("/today/todo", data={"todo": "1", "state": "done"}).status_code == 303
    with ports.store.reading() as conn:
        found = todos.find(conn, 1)
    assert found is not None
    assert (found.state, found.closed_by, found.closed_at) == ("done", admin, NOW)
    phone.post("/today/todo", data={"todo": "1", "state": "open"})
    assert 'value="skipped"' in phone.get("/today").text
    assert phone.post("/today/todo", data={"todo": "1", "state": "lost"}).status_code == 422
    assert phone.post("/today/todo", data={"todo": "7", "state": "done"}).status_code == 404
    stranger = phone_of(ports, other_than(ports, admin))
    assert stranger.post("/today/todo", data={"todo": "1", "state": "done"}).status_code == 403


def test_the_day_is_data_for_a_program(ports: WebPorts, admin: str) -> None:
    """The same numbers as on the page."""
    give_out(ports, put(ports))
    told = phone_of(ports, admin).get("/today", headers=JSON).json()
    assert (told["done"], told["total"], told["sheets"][0]["cards"][0]["phase"]) == (0, 1, "now")


def test_pictures_are_named_and_linked(ports: WebPorts, admin: str) -> None:
    """An address that a browser would run is only text."""
    from qunflow.delivery.model import Content

    parts = (
        {"msgtype": "image", "image": {"pic_url": "https://img.example.com/a.png"}},
        {"msgtype": "link", "link": {"title": "看货", "url": "javascript:alert(1)"}},
    )
    give_out(ports, put(ports, content=Content("图", parts)))
    shown = phone_of(ports, admin).get("/today").text
    assert 'href="https://img.example.com/a.png"' in shown
    assert "javascript:" not in shown
