"""Over HTTP and against the sandbox: who comes by form, contact, page, order, coupon and link is one person."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import partial
from threading import Thread
from time import monotonic, sleep
from typing import Any

import httpx
import pytest
import uvicorn
from pydantic import SecretStr
from sqlalchemy import select

from flows.acquisition import acquisition
from flows.conversion import conversion
from qunflow import runtime
from qunflow.acquisition.params import AcquisitionParams
from qunflow.cli.people import review
from qunflow.cli.web import web_ports
from qunflow.conversion.params import ConversionParams
from qunflow.delivery.links import short_link
from qunflow.delivery.welcome import answer_welcomes
from qunflow.runtime import Runtime
from qunflow.runtime.greetings import welcome_composer
from qunflow.runtime.replay import replayed
from qunflow.store import figures, inbox, leads, live_codes, members, merging, tables
from qunflow.web.app import create_app
from qunflow.web.signatures import sign

pytestmark = pytest.mark.usefixtures("prefect_server")

DAY = date(2026, 3, 2)
KEY, CHANNEL = "neighbours", "poster-a"
WEB, SECRET = "https://q.example.com", "a secret of the hooks"
LIVE = AcquisitionParams(dry_run=False)
PHONE, OPENID = "13800138000", "oBuyer01"


@dataclass(frozen=True)
class Outside:
    """What people and the shop do, from outside: they only know addresses."""

    house: Any
    here: Runtime
    http: httpx.Client

    def push(self, path: str, body: dict[str, Any]) -> None:
        """Post a signed push, as the form platform and the shop do."""
        raw = json.dumps(body).encode()
        self.http.post(path, content=raw, headers={"X-Qunflow-Signature": sign(SECRET, raw)}).raise_for_status()

    def leave_phone(self) -> None:
        """Fill in the form of a poster."""
        form = self.here.workspace.forms[0].form
        inside = {"serial_number": 1, "field_1": "小林", "field_2": PHONE, "x_field_1": CHANNEL}
        self.push(f"/hooks/forms/{form}", {"form": form, "entry": inside})

    def order(self, number: str, **about: Any) -> None:
        """Buy something a minute ago."""
        paid_at = (self.house.clock.at - timedelta(minutes=1)).isoformat()
        self.push(
            "/hooks/orders", {"order_no": number, "status": "paid", "amount_fen": 2990, "paid_at": paid_at} | about
        )

    def befriend(self) -> str:
        """Add the helper on the platform, which calls back with a welcome code; returns the platform's id."""
        done = self.house.tell("act", {"act": "add_contact", "state": CHANNEL})
        told = {
            "CreateTime": int(self.house.clock.at.timestamp()),
            "Event": "change_external_contact",
            "ChangeType": "add_external_contact",
            "UserID": self.here.workspace.communities[0].helper,
            "ExternalUserID": done["external_userid"],
            "State": CHANNEL,
            "WelcomeCode": done["welcome_code"],
        }
        body = "".join(f"<{name}>{value}</{name}>" for name, value in told.items())
        raw, at = f"<xml>{body}</xml>".encode(), self.house.clock.at
        self.here.store.write(
            lambda conn: inbox.keep(conn, [inbox.sealed(self.here.vault, "wecom", "befriend", raw)], at)
        )
        return str(done["external_userid"])

    def follow(self, link: str) -> httpx.Response:
        """Open an address that a message gave, on the phone that keeps its cookies."""
        assert link.startswith(WEB)
        # The cookie is for https alone; loopback stands in for it here.
        kept = self.http.headers.get("cookie")
        answer = self.http.get(link.removeprefix(WEB), headers={"cookie": kept} if kept else {})
        if "set-cookie" in answer.headers:
            self.http.headers["cookie"] = answer.headers["set-cookie"].split(";")[0]
        return answer

    def scan(self, who: str) -> None:
        """Press long on the picture of the page and go in."""
        with self.here.store.reading() as conn:
            (code,) = (one for one in live_codes.codes_of(conn, KEY) if one.channel == CHANNEL)
        self.house.tell("act", {"act": "scan", "config_id": code.config_id, "external_userid": who})


@pytest.fixture
def outside(house: Any) -> Iterator[Outside]:
    """The house with its web served on loopback, at an address of the world."""
    told = {"web_url": WEB, "hook_secret": SecretStr(SECRET)}
    here = replace(house.runtime, environment=house.runtime.environment.model_copy(update=told))
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        server = uvicorn.Server(uvicorn.Config(create_app(web_ports(here)), log_level="error", access_log=False))
        thread = Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        until = monotonic() + 20
        while not server.started and monotonic() < until:
            sleep(0.02)
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with runtime.using(here), httpx.Client(base_url=address, trust_env=False, timeout=20) as http:
            yield Outside(house, here, http)
        server.should_exit = True
        thread.join()


def one_day(house: Any, at: time, day: date = DAY) -> dict[str, Any]:
    """Both stages at a local time."""
    house.move_to(day, at)
    return acquisition(LIVE) | conversion(ConversionParams(dry_run=False))


def welcome_link(outside: Outside) -> str:
    """The link in the one welcome the platform took."""
    (sent,) = (line for line in outside.house.ask("log").splitlines() if "send_welcome_msg" in line)
    (link,) = re.findall(rf"{WEB}/[A-Za-z0-9_./?=&-]+", sent)
    return str(link)


def campaign_link(here: Runtime, at: datetime) -> str:
    """A short link as any message of the house has one."""
    about: dict[str, Any] = {
        "community": KEY,
        "at": at,
        "expires_at": at + timedelta(days=9),
        "hosts": ["shop.example.com"],
    }
    code = here.store.write(partial(short_link, link_key="k", destination="https://shop.example.com/o", **about))
    return f"{WEB}/s/{code}"


def known_as(here: Runtime, who: str) -> set[int]:
    """Whom the phone, the openid and the platform's id lead to."""
    marks = {"phone": f"+86{PHONE}", "openid": OPENID, "external_userid": who}
    with here.store.reading() as conn:
        return {here.vault.known_persons(conn, kind, [value])[value] for kind, value in marks.items()}


def told_of(here: Runtime, person: int) -> dict[str, int]:
    """How much state and history have of a person, by what it is."""
    with here.store.reading() as conn:
        found = {
            "leads": sum(one.person_id == person for one in leads.leads_of(conn, KEY)),
            "orders": len(conn.execute(select(tables.orders).where(tables.orders.c.person_id == person)).all()),
            "groups": sum(one.person_id == person for one in members.memberships_of(conn, KEY)),
        }
    events = here.history.query(
        "SELECT kind, count(*) AS n FROM events WHERE person_id = $who GROUP BY kind", who=person
    )
    return found | {f"{kind} events": int(count) for kind, count in events.itertuples(index=False)}


def figure(here: Runtime, day: date, name: str) -> figures.Figure:
    with here.store.reading() as conn:
        found = figures.current(conn, KEY, "acquisition", day, name=name)
    return next(one for one in found if one.dimensions == {"channel": CHANNEL})


def test_one_person_by_form_contact_page_order_coupon_and_link(
    outside: Outside, capsys: pytest.CaptureFixture[str]
) -> None:
    """Everything is theirs, the figures count them once, again changes nothing, and what is doubtful is on the list."""
    here, house = outside.here, outside.house
    outside.leave_phone()
    house.move_to(DAY, time(8, 10))
    acquisition(LIVE)
    who = outside.befriend()
    assert answer_welcomes(here.ports, welcome_composer(here), now=house.clock.at).sent == 1
    assert outside.follow(welcome_link(outside)).status_code == 200
    outside.scan(who)
    assert outside.follow(campaign_link(here, house.clock.at)).headers["location"] == "https://shop.example.com/o"
    with here.store.reading() as conn:
        coupon = str(conn.execute(select(tables.coupons.c.code)).scalar_one())
    outside.order("E1", openid=OPENID, phone=PHONE)
    outside.order("E2", openid=OPENID, coupon=coupon)
    one_day(house, time(9, 0))

    (person,) = known_as(here, who)
    theirs = {"leads": 1, "orders": 2, "groups": 1}
    acts = {"contact_added": 1, "scan": 1, "join": 1, "click": 1, "order": 2}
    assert told_of(here, person) == theirs | {f"{kind} events": count for kind, count in acts.items()}
    assert [figure(here, DAY, name).value for name in ("leads_valid", "scans")] == [1, 1]

    again = one_day(house, time(9, 0))
    assert again["figures_changed"] == 0 and known_as(here, who) == {person}
    assert told_of(here, person) == theirs | {f"{kind} events": count for kind, count in acts.items()}
    with here.store.reading() as conn:
        assert replayed(conn, here.vault, KEY).differing == ()
        assert [one.reason for one in merging.merges(conn)] == ["coupon_of_known"]
        neighbour = next(one for one in members.memberships_of(conn, KEY) if one.person_id != person)
        other = here.vault.external_userids(conn, [neighbour.person_id])[neighbour.person_id]

    outside.order("E3", external_userid=other, phone=PHONE)
    one_day(house, time(10, 0), DAY + timedelta(days=7))
    assert figure(here, DAY + timedelta(days=7), "scan_join_rate").numerator == 1
    capsys.readouterr()
    assert review(workspace=here.directory) == 0
    shown = capsys.readouterr().out
    assert "待核对：1 对" in shown and "一个手机号，两个" in shown
    assert {str(person), str(neighbour.person_id)} <= set(re.findall(r"\d+", shown))
    assert PHONE not in shown and other not in shown
