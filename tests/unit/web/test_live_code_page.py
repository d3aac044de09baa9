"""The page behind a poster: which group comes next, what is loaded from where, and what happens when all are full."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from qunflow.delivery.personal import token_of
from qunflow.store import inbox, members
from qunflow.store.live_codes import LiveCode, keep_code
from qunflow.store.tables import groups
from qunflow.web.app import create_app
from qunflow.web.guessing import GuessLimit
from qunflow.web.ports import WebPorts
from tests.seating import seated

PICTURE = "https://wework.qpic.cn/wwpic/123_demo/0"
PHONE = "Mozilla/5.0 (iPhone) MicroMessenger/8.0.50"


@pytest.fixture
def numbers(ports: WebPorts) -> list[int]:
    """The first two groups of the demo behind the channel poster-a, in this order."""
    community = ports.workspace.communities[0]
    with ports.store.writing() as conn:
        known = members.sync_groups(conn, ports.workspace)
        found = [known[community.key, one.key] for one in community.groups[:2]]
        keep_code(
            conn, LiveCode("cfg1", community.key, "poster-a", tuple(found), PICTURE, ports.clock.now() - timedelta(1))
        )
    return found


def fill(ports: WebPorts, group_id: int) -> None:
    """Let a group have as many members as may be."""
    at = ports.clock.now()
    with ports.store.writing() as conn:
        count = ports.workspace.communities[0].acquisition.rotate_at
        who = ports.vault.persons_for(conn, "external_userid", [f"wm{group_id}x{n}" for n in range(count)], at)
        seated(conn, group_id, who.values(), at)


def name_of(ports: WebPorts, number: int) -> str:
    """The name of one of the groups as people see it."""
    return ports.workspace.communities[0].groups[number].name


def visits(ports: WebPorts) -> list[inbox.Body]:
    """What was kept of visits."""
    with ports.store.reading() as conn:
        return [row.body for row in inbox.unapplied(conn, ports.vault, "scan_page", 100)]


def test_the_page_shows_the_code_and_names_the_group_that_comes_next(
    client: TestClient, ports: WebPorts, numbers: list[int]
) -> None:
    """On a phone: the platform's picture, the next group's name, what to press; the picture's host is let through."""
    found = client.get("/g/poster-a", headers={"User-Agent": PHONE})
    assert found.status_code == 200
    assert f'src="{PICTURE}"' in found.text
    assert name_of(ports, 0) in found.text
    assert "长按" in found.text
    assert "请用微信打开" not in found.text
    assert "img-src data: https://wework.qpic.cn;" in found.headers["content-security-policy"]


def test_a_full_group_is_passed_over(client: TestClient, ports: WebPorts, numbers: list[int]) -> None:
    """When the first group has no room the page names the second, also when the first was dissolved."""
    fill(ports, numbers[0])
    assert name_of(ports, 1) in client.get("/g/poster-a").text
    with ports.store.writing() as conn:
        conn.execute(update(groups).where(groups.c.group_id == numbers[1]).values(dissolved_at=ports.clock.now()))
    assert "群都满了" in client.get("/g/poster-a").text


def test_while_all_are_full_the_page_says_what_happens_next(
    client: TestClient, ports: WebPorts, numbers: list[int]
) -> None:
    """Nobody scans a code that leads nowhere: no picture, but when to come back; the visit is kept all the same."""
    for number in numbers:
        fill(ports, number)
    found = client.get("/g/poster-a")
    assert (found.status_code, "<img" in found.text, "正在开新群" in found.text) == (200, False, True)
    assert [body["group_id"] for body in visits(ports) if isinstance(body, dict)] == [0]


def test_every_visit_is_kept_with_channel_group_and_person(
    client: TestClient, ports: WebPorts, numbers: list[int]
) -> None:
    """A visit of somebody known and one of nobody are two; a personal link is remembered here as everywhere."""
    token = token_of(ports.vault, "wmSBX01", ports.clock.now())
    assert "qf_actor" in client.get(f"/g/poster-a?p={token}").headers["set-cookie"]
    client.cookies.clear()
    client.get("/g/poster-a")
    client.get("/g/poster-a")
    told = {
        "community": ports.workspace.communities[0].key,
        "channel": "poster-a",
        "group_id": numbers[0],
        "at": "2026-03-05T04:00:00+00:00",
    }
    assert visits(ports) == [told | {"actor": who} for who in ("wmSBX01", "", "")]


def test_a_channel_of_two_communities_needs_the_community(
    client: TestClient, ports: WebPorts, numbers: list[int]
) -> None:
    """community.channel always works; a channel alone only while one community has it."""
    key = ports.workspace.communities[0].key
    assert client.get(f"/g/{key}.poster-a").status_code == 200
    assert client.get("/g/elsewhere.poster-a").status_code == 404


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "//evil.example/x", "https://a b/x", "https://u@evil.example/x", "", "data:x"]
)
def test_a_picture_from_nowhere_is_not_shown(client: TestClient, ports: WebPorts, numbers: list[int], url: str) -> None:
    """An address that is no plain one of the web neither becomes a picture nor a link, nor loosens the policy."""
    with ports.store.writing() as conn:
        keep_code(conn, LiveCode("cfg1", ports.workspace.communities[0].key, "poster-a", (1,), url, ports.clock.now()))
    found = client.get("/g/poster-a", headers={"Accept": "application/json"})
    assert (found.status_code, found.json()["error"]["code"]) == (410, "live_code_closed")
    assert "img-src data:;" in found.headers["content-security-policy"]


def test_guessing_channels_is_stopped(ports: WebPorts, numbers: list[int]) -> None:
    """Channels are words, so whoever tries words is made to wait, also for one that exists."""
    with TestClient(create_app(ports, guesses=GuessLimit(misses=5))) as client:
        assert [client.get(f"/g/poster-{n}").status_code for n in range(6)] == [404] * 5 + [429]
        assert client.get("/g/poster-a").status_code == 429


@pytest.mark.parametrize("code", ["%00", "a" * 5000, "a.b.c", "..%2f..%2fetc", "%ff%fe", "POSTER-A", "poster-a%0a"])
def test_an_impossible_code_is_simply_not_found(client: TestClient, numbers: list[int], code: str) -> None:
    """Nothing written in an address is more than an unknown code."""
    assert client.get(f"/g/{code}").status_code == 404
