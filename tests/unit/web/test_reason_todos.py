"""Why nobody reacted, picked on a phone: once, from the list, by whoever is asked."""

from __future__ import annotations

from datetime import timedelta

import pytest

from qunflow.store import todo_answers, todos
from qunflow.store.todos import NewTodo
from qunflow.web.ports import WebPorts
from tests.unit.web.desk import JSON, NOW, phone_of

KEY = "no-reaction/neighbours/benefit-daily/topic/2026-W10"
REASONS = ["bad_time", "other"]


@pytest.fixture
def number(ports: WebPorts) -> int:
    """The open question, put to the admin of the first group."""
    admin = ports.workspace.communities[0].groups[0].admin
    details = {"note": "“话题”没有人理", "slot": "benefit-daily/topic", "posts": 4, "reasons": REASONS}
    with ports.store.writing() as conn:
        todos.add(conn, [NewTodo(KEY, "neighbours", "other", admin, NOW, details)], NOW)
        return todos.listed(conn)[0].todo_id


def asked(ports: WebPorts) -> todo_answers.Asked:
    with ports.store.reading() as conn:
        [found] = todo_answers.asked_since(conn, "neighbours", "no-reaction/", NOW - timedelta(days=1))
    return found


def test_the_page_offers_the_reasons(ports: WebPorts, number: int) -> None:
    """In words, with a line for the change; not with a plain 办好了, which would say nothing."""
    shown = phone_of(ports, ports.workspace.communities[0].groups[0].admin).get("/today").text

    assert "时间不对" in shown
    assert 'action="/today/reason"' in shown
    assert shown.count('value="done"') == 0
    assert 'value="skipped"' in shown


def test_an_answer_closes_the_question_once(ports: WebPorts, number: int) -> None:
    """The reason and the change are kept; a second tap changes nothing."""
    phone = phone_of(ports, ports.workspace.communities[0].groups[0].admin)

    answer = phone.post("/today/reason", data={"todo": number, "reason": "bad_time", "change": " 改到 20:30 "})
    phone.post("/today/reason", data={"todo": number, "reason": "other", "change": "别的"})

    assert (answer.status_code, answer.headers["location"]) == (303, f"/today#todo{number}")
    found = asked(ports)
    assert (found.state, found.details["reason"], found.details["change"]) == ("done", "bad_time", "改到 20:30")
    assert found.closed_at == NOW


@pytest.mark.parametrize(("given", "status"), [("nonsense", 422), ("", 422)])
def test_a_reason_that_was_not_offered_is_refused(ports: WebPorts, number: int, given: str, status: int) -> None:
    """And the question stays open."""
    phone = phone_of(ports, "ops_li")

    answer = phone.post("/today/reason", data={"todo": number, "reason": given}, headers=JSON)

    assert (answer.status_code, asked(ports).state) == (status, "open")


def test_nobody_answers_for_another(ports: WebPorts, number: int) -> None:
    """Only whoever is asked, or who approves; a to-do that is not there is said so."""
    first = ports.workspace.communities[0].groups[0].admin
    other = next(one.userid for one in ports.workspace.team if one.userid != first and "approver" not in one.roles)
    data = {"todo": number, "reason": "other"}

    assert phone_of(ports, other).post("/today/reason", data=data, headers=JSON).status_code == 403
    assert phone_of(ports, "ops_li").post("/today/reason", data=data, headers=JSON).json()["reason"] == "other"
    missing = phone_of(ports, "ops_li").post("/today/reason", data={**data, "todo": 999}, headers=JSON)
    assert missing.status_code == 404
