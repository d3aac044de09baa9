"""Who a page takes somebody for: a sealed token from a personal link, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import replace
from datetime import date, timedelta

import pytest
from fastapi.testclient import TestClient

from qunflow.clock import FixedClock
from qunflow.delivery.personal import GOOD_FOR, token_of
from qunflow.store.activities import open_activity
from qunflow.store.sealing import derive_keys
from qunflow.store.vault import Vault
from qunflow.web.app import create_app
from qunflow.web.ports import WebPorts

WHO = "wmSBX01"
PAGE = "/c/checkin001"


@pytest.fixture(autouse=True)
def week(ports: WebPorts) -> None:
    """A check-in week around the frozen day, whose page tells a known person from a stranger."""
    with ports.store.writing() as conn:
        open_activity(
            conn,
            community=ports.workspace.communities[0].key,
            activity_key="2026-W10",
            code="checkin001",
            title="早餐打卡周",
            opens_on=date(2026, 3, 2),
            closes_on=date(2027, 3, 8),
            points_per_checkin=5,
        )


@pytest.fixture
def at_home(ports: WebPorts) -> Iterator[TestClient]:
    """A program of this machine, at a web whose own address nobody else can reach."""
    app = create_app(replace(ports, web_url="http://127.0.0.1:8790"))
    with TestClient(app, client=("127.0.0.1", 50000), follow_redirects=False) as opened:
        yield opened


def knows(client: TestClient, cookie: str = "", link: str = "", **headers: str) -> bool:
    """Whether the page has a button, which only a known person gets."""
    client.cookies.clear()
    found = client.get(PAGE + (f"?p={link}" if link else ""), headers={"Cookie": f"qf_actor={cookie}", **headers})
    assert found.status_code == 200
    return "<button" in found.text


def test_a_personal_link_makes_the_person_known_on_the_next_page_too(client: TestClient, ports: WebPorts) -> None:
    """The token comes once in an address and stays as a cookie no script can read; the id itself is in neither."""
    link = token_of(ports.vault, WHO, ports.clock.now())
    client.base_url = "https://testserver"
    found = client.get(f"{PAGE}?p={link}")
    kept = found.headers["set-cookie"]
    assert all(word in kept for word in ("HttpOnly", "Secure", "SameSite=lax"))
    assert WHO not in kept + link
    assert "<button" in client.get(PAGE).text


def test_a_bare_or_changed_or_foreign_token_is_nobody(client: TestClient, ports: WebPorts) -> None:
    """Neither a bare id, nor one changed letter, nor another purpose or key of the house makes a person."""
    good = token_of(ports.vault, WHO, ports.clock.now())
    assert knows(client, good)
    for place in range(0, len(good), 7):
        other = "A" if good[place] != "A" else "B"
        assert not knows(client, good[:place] + other + good[place + 1 :])
    other_house = token_of(another_vault(ports), WHO, ports.clock.now())
    assert not any(knows(client, wrong) for wrong in (WHO, "", "....", good[:-8], other_house))
    assert not knows(client, "", link="WHO")


def another_vault(ports: WebPorts) -> Vault:
    """The vault of a house with another master key."""
    made = copy(ports.vault)
    made.__dict__["_keys"] = derive_keys(bytes([1]) * 32, bytes)
    return made


def test_a_token_ends_after_half_a_year(client: TestClient, ports: WebPorts) -> None:
    """Whoever finds an old phone is not its former owner for ever."""
    token = token_of(ports.vault, WHO, ports.clock.now())
    assert isinstance(ports.clock, FixedClock)
    ports.clock.at += GOOD_FOR - timedelta(seconds=1)
    assert knows(client, token)
    ports.clock.at += timedelta(seconds=1)
    assert not knows(client, token)


def test_simulated_people_are_believed_on_this_machine_only(at_home: TestClient, client: TestClient) -> None:
    """A bare id counts from loopback at a loopback address; never through a proxy, never at an address of the world."""
    assert knows(at_home, WHO)
    assert not knows(at_home, WHO, **{"X-Forwarded-For": "203.0.113.7"})
    assert not knows(at_home, "<script>")
    assert not knows(client, WHO)


@pytest.mark.parametrize(
    ("web_url", "caller"),
    [
        ("https://q.example.com", "127.0.0.1"),
        ("", "127.0.0.1"),
        ("http://127.0.0.1:8790", "203.0.113.7"),
        ("http://127.0.0.1.example.com", "127.0.0.1"),
    ],
)
def test_no_other_pair_of_address_and_caller_is_believed(ports: WebPorts, web_url: str, caller: str) -> None:
    """Both must be of this machine: the address the web goes by, and whoever asks."""
    app = create_app(replace(ports, web_url=web_url))
    with TestClient(app, client=(caller, 50000)) as client:
        assert not knows(client, WHO)
