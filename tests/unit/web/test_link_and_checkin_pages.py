"""Short links and the check-in page: what is kept, where people are sent, and how guessing ends."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from qunflow.clock import FixedClock
from qunflow.delivery.links import short_link
from qunflow.delivery.personal import token_of
from qunflow.store import inbox
from qunflow.store.activities import open_activity
from qunflow.store.tables import short_links
from qunflow.web.app import create_app
from qunflow.web.guessing import GuessLimit
from qunflow.web.ports import WebPorts

HOUR = timedelta(hours=1)


@pytest.fixture
def link(ports: WebPorts) -> str:
    """A short link to the shop that is good for an hour."""
    host, at = ports.workspace.redirect_hosts[0], ports.clock.now()
    with ports.store.writing() as conn:
        return short_link(
            conn,
            "spring-orange/g1",
            f"https://{host}/orange?from=g1",
            community=ports.workspace.communities[0].key,
            at=at,
            expires_at=at + HOUR,
            hosts=[host],
        )


@pytest.fixture
def week(ports: WebPorts) -> str:
    """The code of a check-in week around the frozen day."""
    with ports.store.writing() as conn:
        open_activity(
            conn,
            community=ports.workspace.communities[0].key,
            activity_key="2026-W10",
            code="checkin001",
            title="早餐打卡周",
            opens_on=date(2026, 3, 2),
            closes_on=date(2026, 3, 8),
            points_per_checkin=5,
        )
    return "checkin001"


def kept(ports: WebPorts, source: str) -> list[inbox.Body]:
    """The bodies in the inbox."""
    with ports.store.reading() as conn:
        return [row.body for row in inbox.unapplied(conn, ports.vault, source, 100)]


def cookie(ports: WebPorts, actor: str = "wmSBX01") -> dict[str, str]:
    """The header that says who is asking, as a personal link left it."""
    return {"Cookie": f"qf_actor={token_of(ports.vault, actor, ports.clock.now())}"}


def later(ports: WebPorts, by: timedelta) -> None:
    """Let time pass."""
    assert isinstance(ports.clock, FixedClock)
    ports.clock.at += by


def test_a_click_is_kept_and_leads_to_the_stored_address(client: TestClient, ports: WebPorts, link: str) -> None:
    """The visitor reaches the shop, and who clicked which link when is in the inbox before that."""
    found = client.get(f"/s/{link}", headers=cookie(ports))
    assert found.status_code == 302
    assert found.headers["location"] == f"https://{ports.workspace.redirect_hosts[0]}/orange?from=g1"
    assert kept(ports, "click") == [{"code": link, "actor": "wmSBX01", "at": "2026-03-05T04:00:00+00:00"}]


def test_a_personal_link_makes_the_click_somebodys_and_stays_behind(
    client: TestClient, ports: WebPorts, link: str
) -> None:
    """Who brings a token is known and remembered; the shop gets the stored address without it."""
    token = token_of(ports.vault, "wmSBX01", ports.clock.now())
    found = client.get(f"/s/{link}?p={token}")
    assert found.headers["location"] == f"https://{ports.workspace.redirect_hosts[0]}/orange?from=g1"
    assert found.headers["set-cookie"].startswith(f"qf_actor={token};")
    assert [body["actor"] for body in kept(ports, "click") if isinstance(body, dict)] == ["wmSBX01"]


def test_clicks_of_nobody_are_each_one_of_their_own(client: TestClient, ports: WebPorts, link: str) -> None:
    """Two visitors without a cookie in one instant are two clicks; a cookie that is no id counts as nobody."""
    client.get(f"/s/{link}")
    client.get(f"/s/{link}", headers={"Cookie": "qf_actor=<script>"})
    assert [body["actor"] for body in kept(ports, "click") if isinstance(body, dict)] == ["", ""]


def test_an_expired_link_says_so_and_counts_nothing(client: TestClient, ports: WebPorts, link: str) -> None:
    """After its hour a link shows a page in Chinese, not the shop."""
    later(ports, HOUR)
    found = client.get(f"/s/{link}", headers=cookie(ports))
    assert (found.status_code, "过期" in found.text, kept(ports, "click")) == (410, True, [])


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/x",
        "//evil.example",
        "javascript:alert(1)",
        "https://shop@evil.example",
        "https:\\\\evil.example",
    ],
)
def test_a_stored_address_elsewhere_is_not_followed(
    client: TestClient, ports: WebPorts, link: str, elsewhere: str
) -> None:
    """Even a changed row cannot send people to a host the workspace does not allow."""
    with ports.store.writing() as conn:
        conn.execute(update(short_links).values(destination=elsewhere))
    found = client.get(f"/s/{link}", headers=cookie(ports))
    assert (found.status_code, "location" in found.headers, kept(ports, "click")) == (410, False, [])


def test_guessing_codes_is_stopped(ports: WebPorts, link: str) -> None:
    """After so many codes that do not exist, even one that does is refused with 429 until the window has passed."""
    now = [100.0]
    limit = GuessLimit(misses=5, window_s=60, timer=lambda: now[0])
    with TestClient(create_app(ports, guesses=limit), follow_redirects=False) as client:
        statuses = [client.get(f"/s/aaaaaaaaa{n}").status_code for n in range(6)]
        blocked = client.get(f"/s/{link}")
        now[0] += 61
        free = client.get(f"/s/{link}")
    assert statuses == [404, 404, 404, 404, 404, 429]
    assert (blocked.status_code, int(blocked.headers["retry-after"]) > 0, free.status_code) == (429, True, 302)


@pytest.mark.parametrize(
    ("addresses", "statuses"),
    [
        (["2001:db8:7::1", "2001:db8:7::2", "2001:db8:7:0:ffff::3"], [404, 404, 429]),
        (["2001:db8:7::1", "2001:db8:7:1::1", "2001:db8:7:2::1"], [404, 404, 404]),
        (["::ffff:203.0.113.7", "203.0.113.7", "203.0.113.7"], [404, 404, 429]),
        (["203.0.113.7", "203.0.113.8", "203.0.113.9"], [404, 404, 404]),
    ],
)
def test_who_has_a_whole_network_guesses_no_more_than_who_has_one_address(
    ports: WebPorts, addresses: list[str], statuses: list[int]
) -> None:
    """IPv6 gives each customer a network of addresses: it counts as one."""
    app = create_app(ports, guesses=GuessLimit(misses=2, timer=lambda: 1.0))
    phones = [TestClient(app, client=(address, 50000)) for address in addresses]
    assert [phone.get(f"/s/aaaaaaaaa{number}").status_code for number, phone in enumerate(phones)] == statuses


@pytest.mark.parametrize("code", ["%00", "a" * 5000, "..%2f..%2fetc", "%ff%fe", "'; DROP TABLE persons"])
@pytest.mark.parametrize("page", ["s", "c", "hand"])
def test_an_impossible_code_is_simply_not_found(client: TestClient, page: str, code: str) -> None:
    """Nothing written in an address is more than an unknown code."""
    assert client.get(f"/{page}/{code}").status_code == 404


def test_a_check_in_counts_once_a_day(client: TestClient, ports: WebPorts, week: str) -> None:
    """Pressing the button twice on a day is one row; the next local day is another one."""
    assert "打卡成功" in client.post(f"/c/{week}", headers=cookie(ports)).text
    assert "已经打过" in client.post(f"/c/{week}", headers=cookie(ports)).text
    later(ports, timedelta(hours=13))
    told = client.post(f"/c/{week}", headers={**cookie(ports), "Accept": "application/json"})
    assert told.json() == {"state": "done", "day": "2026-03-06"}
    assert [body["at"] for body in kept(ports, "checkin") if isinstance(body, dict)] == [
        "2026-03-05T04:00:00+00:00",
        "2026-03-05T17:00:00+00:00",
    ]


def test_the_check_in_page_has_one_button_for_a_known_person_only(
    client: TestClient, ports: WebPorts, week: str
) -> None:
    """A stranger is told where to come from; nothing can be pressed without a person."""
    assert "<button" in client.get(f"/c/{week}", headers=cookie(ports)).text
    stranger = client.get(f"/c/{week}")
    assert ("<button" in stranger.text, "认不出" in stranger.text) == (False, True)
    assert client.post(f"/c/{week}").status_code == 403


def test_another_site_cannot_check_somebody_in(client: TestClient, ports: WebPorts, week: str) -> None:
    """A form on a foreign page is refused."""
    found = client.post(f"/c/{week}", headers={**cookie(ports), "Sec-Fetch-Site": "cross-site"})
    assert (found.status_code, kept(ports, "checkin")) == (403, [])


@pytest.mark.parametrize(("days", "status"), [(-4, 403), (-3, 200), (3, 200), (4, 410)])
def test_a_week_begins_and_ends_on_its_local_days(
    client: TestClient, ports: WebPorts, week: str, days: int, status: int
) -> None:
    """The page is open from the first to the last local day, both included."""
    later(ports, timedelta(days=days))
    assert client.post(f"/c/{week}", headers=cookie(ports)).status_code == status
