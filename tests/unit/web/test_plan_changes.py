"""Releasing a wave and taking a slot back, on the page of the plan."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from qunflow.store import todos
from qunflow.web.app import create_app
from qunflow.web.ports import WebPorts
from tests.unit.web.desk import DAY, JSON, NOW, column, give_out, phone_of, put
from tests.unit.web.test_problems_and_stop_pages import ROLES, with_roles

SLOT = {"day": str(DAY), "slot": "benefit-daily/daily-sign"}


@pytest.mark.parametrize("role", ROLES)
def test_only_an_approver_releases(ports: WebPorts, role: str) -> None:
    """The button is not shown to others, and its address refuses them."""
    here = with_roles(ports)
    put(here, wave=1)
    put(here, group=1, wave=2)
    phone = phone_of(here, role)
    assert ("放行这 1 个群" in phone.get(f"/plan?day={DAY}").text) == (role == "approver")
    answer = phone.post("/plan/release", data={**SLOT, "wave": "2"})
    assert answer.status_code == (303 if role == "approver" else 403)
    again = phone.post("/plan/release", data={**SLOT, "wave": "2"}, headers=JSON)
    assert again.status_code == (200 if role == "approver" else 403)
    if role == "approver":
        assert again.json() == {"released": False}
        assert "已放行" in phone.get(f"/plan?day={DAY}").text


@pytest.mark.parametrize(
    ("change", "status"), [({"wave": "3"}, 409), ({"wave": "x"}, 422), ({"slot": "other", "wave": "2"}, 409)]
)
def test_a_wave_that_is_none_is_refused(ports: WebPorts, change: dict[str, str], status: int) -> None:
    """Also one that is not its turn."""
    put(ports, wave=1)
    put(ports, group=1, wave=2)
    assert phone_of(ports, "ops_li").post("/plan/release", data={**SLOT, **change}).status_code == status


@pytest.mark.parametrize("role", ROLES)
def test_anybody_stops_what_is_wrong_but_only_some_write_the_correction(ports: WebPorts, role: str) -> None:
    """What is posted becomes a to-do, what is not out is not sent, the correction waits."""
    here = with_roles(ports)
    posted, _ = put(here), put(here, group=1)
    give_out(here, posted, outcome="delivered", outcome_at=NOW)
    phone = phone_of(here, role)
    writes = role in ("author", "approver")
    answer = phone.post("/plan/wrong", data={**SLOT, "text": "更正"}, headers=JSON)
    if not writes:
        assert answer.status_code == 403
        answer = phone.post("/plan/wrong", data=SLOT, headers=JSON)
    assert answer.json() == {"stopped": 1, "recalls": 1, "corrections": int(writes)}
    assert column(here, "state") == ["sent", "skipped", *(["checked"] if writes else [])]
    with here.store.reading() as conn:
        assert [one.kind for one in todos.listed(conn)] == ["recall"]


@pytest.mark.parametrize("path", ["/plan/release", "/plan/wrong"])
def test_strangers_and_other_sites_are_refused(ports: WebPorts, path: str) -> None:
    """401 without a session, 403 from a foreign page, and nothing is stopped."""
    put(ports, wave=2)
    stranger = TestClient(create_app(ports), base_url="https://testserver")
    assert stranger.post(path, data={**SLOT, "wave": "2"}, headers=JSON).status_code == 401
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert phone_of(ports, "ops_li").post(path, data={**SLOT, "wave": "2"}, headers=foreign).status_code == 403
    assert column(ports, "state") == ["approved"]
