"""Absences and handing over on a phone: who may, what is written, and what happens to the cards."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from qunflow.store import absences
from qunflow.web.app import create_app
from qunflow.web.ports import WebPorts
from tests.unit.web.desk import JSON, NOW, column, give_out, phone_of, put
from tests.unit.web.test_problems_and_stop_pages import ROLES, with_roles

FORM = {"who": "author", "first": "2026-03-06", "last": "2026-03-07", "stand_in": "operator"}


def noted(ports: WebPorts) -> list[Any]:
    with ports.store.reading() as conn:
        return absences.noted(conn, NOW)


@pytest.mark.parametrize("role", ROLES)
def test_operators_and_approvers_note_absences(ports: WebPorts, role: str) -> None:
    """Both days are included, in the community's zone; the others are told whom to ask."""
    here = with_roles(ports)
    phone = phone_of(here, role)
    may = role in ("operator", "approver")
    assert phone.post("/today/away/note", data=FORM).status_code == (303 if may else 403)
    found = [(one.userid, one.from_at, one.until_at, one.stand_in_userid) for one in noted(here)]
    days = (datetime(2026, 3, 5, 16, tzinfo=UTC), datetime(2026, 3, 7, 16, tzinfo=UTC))
    assert found == ([("author", *days, "operator")] if may else [])
    assert ('action="/today/away/note"' in phone.get("/today/away").text) == may


def test_the_same_twice_is_one_and_it_can_be_taken_back(ports: WebPorts) -> None:
    """And an absence that is over or cancelled is not shown."""
    here = with_roles(ports)
    phone = phone_of(here, "operator")
    numbers = {phone.post("/today/away/note", data=FORM, headers=JSON).json()["absence"] for _ in range(2)}
    assert len(numbers) == 1
    assert "operator 代班" in phone.get("/today/away").text
    phone.post("/today/away/cancel", data={"absence": str(numbers.pop())})
    assert "现在没有人请假" in phone.get("/today/away").text
    assert phone.get("/today/away", headers=JSON).json() == []


@pytest.mark.parametrize(
    "change",
    [{"who": "nobody"}, {"stand_in": "author"}, {"first": "soon"}, {"last": "2026-03-05"}, {"last": "2028-01-01"}],
)
def test_an_absence_that_makes_no_sense_is_refused(ports: WebPorts, change: dict[str, str]) -> None:
    """Unknown people, oneself as stand-in, an end before the beginning."""
    here = with_roles(ports)
    assert phone_of(here, "operator").post("/today/away/note", data=FORM | change).status_code == 422
    assert noted(here) == []


@pytest.mark.parametrize("path", ["/today/away/note", "/today/away/cancel", "/today/hand-over"])
def test_strangers_and_other_sites_are_refused(ports: WebPorts, path: str) -> None:
    """401 without a session, 403 from a foreign page."""
    here = with_roles(ports)
    stranger = TestClient(create_app(here), base_url="https://testserver")
    assert stranger.post(path, data=FORM, headers=JSON).status_code == 401
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert phone_of(here, "operator").post(path, data=FORM, headers=foreign).status_code == 403
    assert stranger.get("/today/away", headers=JSON).status_code == 401


def test_the_cards_of_one_message_are_given_to_a_colleague(ports: WebPorts) -> None:
    """Those of the other groups go with it; what is posted stays, and so does another message."""
    here = with_roles(ports)
    mine = {"sender_userid": "author"}
    first, second, posted = (put(here, group=one, **mine) for one in range(3))
    give_out(here, first)
    give_out(here, second)
    give_out(here, posted, outcome="delivered", outcome_at=NOW)
    give_out(here, put(here, slot_key="benefit-daily/topic", text="话题", **mine))
    phone = phone_of(here, "author")
    assert "转给别人" in phone.get("/today").text
    told = phone.post("/today/hand-over", data={"card": first, "to": "operator"}, headers=JSON).json()
    assert told == {"handed_over": 2}
    assert column(here, "sender_userid") == ["operator", "operator", "author", "author"]


@pytest.mark.parametrize(
    ("form", "status"),
    [({"card": "1", "to": "nobody"}, 422), ({"card": "9", "to": "operator"}, 404), ({"to": "operator"}, 422)],
)
def test_a_senseless_hand_over_is_refused(ports: WebPorts, form: dict[str, str], status: int) -> None:
    """The card stays where it is."""
    here = with_roles(ports)
    give_out(here, put(here, sender_userid="author"))
    assert phone_of(here, "author").post("/today/hand-over", data=form).status_code == status
    assert column(here, "sender_userid") == ["author"]


def test_nobody_gives_away_anothers_card(ports: WebPorts) -> None:
    """But an approver does."""
    here = with_roles(ports)
    give_out(here, put(here, sender_userid="author"))
    form = {"card": "1", "to": "engineer"}
    assert phone_of(here, "operator").post("/today/hand-over", data=form).status_code == 403
    assert phone_of(here, "approver").post("/today/hand-over", data=form).status_code == 303
    assert column(here, "sender_userid") == ["engineer"]


def test_a_mass_task_is_handed_over_by_being_away_for_its_while(ports: WebPorts) -> None:
    """The rest is done by whoever covers absences: withdrawn first, then sent by hand."""
    here = with_roles(ports)
    give_out(here, put(here, way="mass_task", sender_userid="author", slot_key="benefit-daily/flash-sale"))
    phone = phone_of(here, "author")
    assert 'name="minutes" value="30"' in phone.get("/today").text
    assert phone.post("/today/hand-over", data={"minutes": "30", "to": "operator"}).status_code == 303
    (one,) = noted(here)
    assert (one.userid, one.stand_in_userid, one.until_at) == ("author", "operator", NOW + timedelta(minutes=30))
