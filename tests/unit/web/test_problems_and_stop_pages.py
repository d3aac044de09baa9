"""Settling and stopping with a tap: what is shown, what is written, and who may."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from qunflow.delivery import switches
from qunflow.settings.workspace import Member
from qunflow.store import audit
from qunflow.web.app import create_app
from qunflow.web.ports import WebPorts
from tests.unit.web.desk import JSON, NOW, column, give_out, phone_of, put

ROLES = ("author", "approver", "operator", "engineer")
SETTLES, RESUMES = ("approver", "operator", "engineer"), ("approver", "engineer")


def with_roles(ports: WebPorts) -> WebPorts:
    """One person for each role, called like it."""
    team = tuple(Member(userid=role, name=role, roles=(role,)) for role in ROLES)
    return replace(ports, workspace=ports.workspace.model_copy(update={"team": team}))


def a_dead_letter(ports: WebPorts, text: str = "砂糖橘 29.9") -> int:
    """A card that may or may not have arrived, still inside its window."""
    number = put(ports, text=text)
    reason = "it may or may not have arrived, and can no longer be asked for"
    give_out(ports, number, state="dead", call="sent", reason=reason)
    return number


@pytest.mark.parametrize("role", ROLES)
def test_only_those_who_settle_see_and_settle(ports: WebPorts, role: str) -> None:
    """An author is neither shown the page nor let through by its address."""
    here = with_roles(ports)
    number = a_dead_letter(here)
    phone = phone_of(here, role)
    expected = (200, 303) if role in SETTLES else (403, 403)
    answer = phone.post("/problems/settle", data={"number": number, "how": "dropped"})
    assert (phone.get("/problems").status_code, answer.status_code) == expected
    assert column(here, "state") == (["reconciled"] if role in SETTLES else ["dead"])


@pytest.mark.parametrize("role", ROLES)
def test_anybody_stops_but_only_some_go_on(ports: WebPorts, role: str) -> None:
    """The brake is everybody's."""
    here = with_roles(ports)
    phone = phone_of(here, role)
    assert phone.post("/stop/set", data={"scope": "all", "key": "all"}).status_code == 303
    with here.store.reading() as conn:
        assert [(row["scope"], row["set_by"]) for row in switches.stopped(conn)] == [("all", role)]
    assert ("恢复发送" in phone.get("/stop").text) == (role in RESUMES)
    answer = phone.post("/stop/resume", data={"scope": "all", "key": "all"})
    assert answer.status_code == (303 if role in RESUMES else 403)
    with here.store.reading() as conn:
        assert bool(switches.stopped(conn)) == (role not in RESUMES)


@pytest.mark.parametrize("path", ["/problems/settle", "/stop/set", "/stop/resume"])
def test_strangers_and_other_sites_are_refused(ports: WebPorts, path: str) -> None:
    """401 without a session, 403 from a foreign page, and nothing is changed."""
    number = a_dead_letter(ports)
    form = {"scope": "all", "key": "all", "number": str(number), "how": "again"}
    stranger = TestClient(create_app(ports), base_url="https://testserver")
    assert stranger.post(path, data=form, headers=JSON).status_code == 401
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert phone_of(ports, "ops_li").post(path, data=form, headers=foreign).status_code == 403
    assert column(ports, "state") == ["dead"]
    with ports.store.reading() as conn:
        assert switches.stopped(conn) == []


def test_a_problem_is_shown_with_what_is_known(ports: WebPorts) -> None:
    """The words as a bubble, the reason in words, the group, and a warning before it is sent again."""
    a_dead_letter(ports, "<b>砂糖橘</b>")
    shown = phone_of(ports, "ops_li").get("/problems").text
    assert "&lt;b&gt;砂糖橘&lt;/b&gt;</p>" in shown
    assert "可能到了也可能没到" in shown
    assert ports.workspace.communities[0].groups[0].name in shown
    assert "群友会看到两遍" in shown


def test_what_is_still_asked_about_has_no_button_to_send_again(ports: WebPorts) -> None:
    """The address behind the button refuses too."""
    number = put(ports, way="mass_task", sender_userid=ports.workspace.communities[0].groups[0].owner)
    give_out(ports, number, state="unknown")
    phone = phone_of(ports, "ops_li")
    shown = phone.get("/problems").text
    assert "系统还在向平台核实" in shown
    assert 'value="again"' not in shown
    assert phone.post("/problems/settle", data={"number": number, "how": "again"}).status_code == 409
    assert column(ports, "state") == ["unknown"]


def test_settling_twice_is_told(ports: WebPorts) -> None:
    """Two people tapped: the second is told so, and nothing is changed."""
    number = a_dead_letter(ports)
    phone = phone_of(ports, "ops_li")
    told = phone.post("/problems/settle", data={"number": number, "how": "again"}, headers=JSON).json()
    assert told == {"number": number, "how": "again", "messages": 1}
    assert phone.post("/problems/settle", data={"number": number, "how": "dropped"}).status_code == 409
    assert column(ports, "state") == ["approved"]
    assert "没有待处理的" in phone.get("/problems").text


@pytest.mark.parametrize("form", [{"number": "1", "how": "burn"}, {"number": "-1", "how": "again"}, {"how": "again"}])
def test_a_senseless_tap_is_refused(ports: WebPorts, form: dict[str, str]) -> None:
    """And changes nothing."""
    a_dead_letter(ports)
    assert phone_of(ports, "ops_li").post("/problems/settle", data=form).status_code == 422
    assert column(ports, "state") == ["dead"]


def test_problems_are_data_for_a_program(ports: WebPorts) -> None:
    """One row a problem."""
    number = a_dead_letter(ports)
    (told,) = phone_of(ports, "ops_li").get("/problems", headers=JSON).json()
    assert (told["number"], told["state"], told["bar"], told["way"]) == (number, "dead", "", "hand_send")


def test_a_group_is_stopped_alone_and_it_is_in_the_audit(ports: WebPorts) -> None:
    """Twice the same tap is one; what the workspace does not know is not found."""
    community = ports.workspace.communities[0]
    key = f"{community.key}/{community.groups[1].key}"
    phone = phone_of(ports, "ops_li")
    changed = [
        phone.post("/stop/set", data={"scope": "group", "key": key}, headers=JSON).json()["changed"] for _ in range(2)
    ]
    assert changed == [True, False]
    assert f"{community.groups[1].name}已停发" in phone.get("/stop").text
    told = phone.get("/stop", headers=JSON).json()
    assert [(one["scope"], one["by"]) for one in told] == [("group", "ops_li")]
    assert phone.post("/stop/set", data={"scope": "group", "key": "nowhere/g9"}).status_code == 404
    with ports.store.reading() as conn:
        assert [(one.actor, one.action) for one in audit.entries(conn, 1)] == [("ops_li", "delivery.stop")]


def test_a_switch_for_something_that_is_gone_can_be_let_go(ports: WebPorts) -> None:
    """A group that was taken out of the workspace file while it was stopped."""
    with ports.store.writing() as conn:
        switches.stop(conn, "group", "old/g1", by="li", at=NOW)
    phone = phone_of(ports, "ops_li")
    assert "old/g1已停发" in phone.get("/stop").text
    phone.post("/stop/resume", data={"scope": "group", "key": "old/g1"})
    with ports.store.reading() as conn:
        assert switches.stopped(conn) == []
