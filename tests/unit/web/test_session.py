"""Signing in by a personal link, and what happens to everybody else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fastapi import Request
from fastapi.testclient import TestClient

from qunflow.settings.workspace import Member
from qunflow.store import team
from qunflow.web.app import create_app
from qunflow.web.ports import WebPorts
from qunflow.web.session import COOKIE, allowed


@pytest.fixture
def team_ports(ports: WebPorts) -> WebPorts:
    """A workspace with an operator in its team."""
    return replace(
        ports, workspace=ports.workspace.model_copy(update={"team": (Member(userid="li", roles=("operator",)),)})
    )


@pytest.fixture
def phone(team_ports: WebPorts) -> TestClient:
    """A phone that does not follow redirects, on an application with two probing routes."""
    app = create_app(team_ports)

    @app.get("/today/who")
    def who(request: Request) -> str:
        return allowed(request, "look").userid

    @app.post("/today/approve")
    def approve(request: Request) -> str:
        return allowed(request, "approve").userid

    @app.post("/today/stop")
    def stop(request: Request) -> str:
        return allowed(request, "stop").userid

    return TestClient(app, base_url="https://testserver", follow_redirects=False)


def link(ports: WebPorts, userid: str = "li") -> str:
    with ports.store.writing() as conn:
        return team.issue(conn, userid, "link", ports.clock.now())


def test_a_link_signs_in_and_leaves_the_address_bar(phone: TestClient, team_ports: WebPorts) -> None:
    """The answer leads on to the day's page with an http-only cookie."""
    answer = phone.get(f"/in/{link(team_ports)}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/today")
    assert "httponly" in answer.headers["set-cookie"].lower()
    assert "samesite=lax" in answer.headers["set-cookie"].lower()
    assert phone.get("/today/who").json() == "li"


def test_nobody_is_let_in_without_a_link(phone: TestClient) -> None:
    """No cookie and a made-up cookie are the same."""
    assert phone.get("/today/who", headers={"accept": "text/html"}).status_code == 401
    phone.cookies.set(COOKIE, "x" * 43)
    assert phone.get("/today/who").status_code == 401


@pytest.mark.parametrize("userid", ["somebody", ""])
def test_a_link_of_somebody_who_is_not_in_the_team_is_refused(
    phone: TestClient, team_ports: WebPorts, userid: str
) -> None:
    """Taken out of the settings, or never there."""
    token = link(team_ports, userid) if userid else "x" * 43
    assert phone.get(f"/in/{token}").status_code == 404


def test_a_role_allows_what_it_allows(phone: TestClient, team_ports: WebPorts) -> None:
    """An operator may stop everything and approve nothing."""
    phone.get(f"/in/{link(team_ports)}")
    assert phone.post("/today/stop").json() == "li"
    assert phone.post("/today/approve").status_code == 403


def test_another_site_cannot_press_buttons(phone: TestClient, team_ports: WebPorts) -> None:
    """A browser says where a request comes from."""
    phone.get(f"/in/{link(team_ports)}")
    assert phone.post("/today/stop", headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert phone.post("/today/stop", headers={"sec-fetch-site": "same-origin"}).status_code == 200


def test_signing_out_ends_the_session_on_the_server(phone: TestClient, team_ports: WebPorts) -> None:
    """The old cookie is worth nothing afterwards."""
    phone.get(f"/in/{link(team_ports)}")
    old = phone.cookies[COOKIE]
    phone.post("/out")
    phone.cookies.clear()
    phone.cookies.set(COOKIE, old)
    assert phone.get("/today/who").status_code == 401


def test_taking_back_a_link_ends_its_sessions(phone: TestClient, team_ports: WebPorts) -> None:
    """Whoever leaves the company is out at once."""
    phone.get(f"/in/{link(team_ports)}")
    with team_ports.store.writing() as conn:
        team.revoke(conn, "li", team_ports.clock.now())
    assert phone.get("/today/who").status_code == 401
