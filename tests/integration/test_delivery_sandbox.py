"""Delivery against the sandbox over HTTP: what a day of sending looks like from both sides."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection, insert, select

from qunflow.clock import FixedClock
from qunflow.connectors.wecom.client import WeCom
from qunflow.delivery.model import Content, Planned
from qunflow.delivery.outbox import approve, check, plan
from qunflow.delivery.poll import poll
from qunflow.delivery.ports import Ports
from qunflow.delivery.remind import remind
from qunflow.delivery.resident import tick
from qunflow.delivery.sender import drain
from qunflow.delivery.welcome import Newcomer
from qunflow.delivery.workers import FileLocks
from qunflow.errors import ChannelRefused, ConfigurationError
from qunflow.sandbox.options import Limits, Options
from qunflow.sandbox.running import running
from qunflow.settings.workspace import Community, Workspace
from qunflow.store.engine import Store
from qunflow.store.inbox import keep, sealed
from qunflow.store.tables import groups, targets
from qunflow.store.vault import Vault

# Nobody confirms by himself: tests say when.
STAFF = [
    {"userid": f"{role}_{name}", "name": name, "role": role}
    for role, name in (
        ("helper", "xm"),
        ("owner", "zhou"),
        ("owner", "he"),
        ("owner", "shen"),
        ("admin", "lin"),
        ("admin", "tang"),
    )
]
START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


@dataclass
class House:
    """Ports over a sandbox of empty groups; ``clock`` follows it."""

    ports: Ports
    url: str
    clock: FixedClock
    group_ids: list[int]

    @property
    def now(self) -> datetime:
        return self.clock.at

    def ask(self, path: str) -> Any:
        return httpx.get(f"{self.url}/_sandbox/{path}", trust_env=False).raise_for_status()

    def tell(self, path: str, body: Any) -> Any:
        return httpx.post(f"{self.url}/_sandbox/{path}", json=body, trust_env=False).raise_for_status().json()

    def wait(self, seconds: int) -> None:
        self.clock.at = datetime.fromisoformat(self.tell("clock", {"advance_s": seconds})["now"]).astimezone(UTC)

    def log(self, path: str) -> list[Any]:
        rows = [json.loads(line) for line in self.ask("log").text.splitlines()]
        return [row for row in rows if row["path"].endswith(path)]

    def queue(self, *planned: Planned) -> None:
        with self.ports.store.writing() as conn:
            made = plan(conn, planned, self.now)
            check(conn, made.ids)
            approve(conn, made.ids, by="li", at=self.now)

    def message(self, place: int, text: str = "早", **changes: Any) -> Planned:
        one = Planned(
            community="neighbours",
            stage="daily_content",
            campaign="",
            slot_key=f"slot-{text}",
            day=self.now.date(),
            way="mass_task",
            sender_userid="owner_zhou",
            target_kind="chat",
            target_ref=self.group_ids[place],
            content=Content(text),
            due_at=self.now,
            not_after=self.now + timedelta(hours=9),
            marketing=True,
        )
        return replace(one, **changes)

    def column(self, name: str) -> list[Any]:
        with self.ports.store.reading() as conn:
            return list(conn.execute(select(targets.c[name]).order_by(targets.c.target_id)).scalars())


@pytest.fixture
def store(sqlite_template: Path, tmp_path: Path) -> Iterator[Store]:
    """SQLite alone: what differs between the engines is tested without a platform."""
    shutil.copy(sqlite_template, tmp_path / "qunflow.sqlite3")
    opened = Store.open(f"sqlite:///{tmp_path / 'qunflow.sqlite3'}")
    yield opened
    opened.close()


@pytest.fixture
def house(store: Store, vault: Vault, tmp_path: Path) -> Iterator[House]:
    """A house on a sandbox, at ten in the morning in Shanghai."""
    spec = tmp_path / "spec.yaml"
    spec.write_text(json.dumps({"staff": [{**one, "habit": "never"} for one in STAFF]}))
    options = Options(
        "ww1", "s3cret", populated=False, spec=spec, start=START - timedelta(hours=1), limits=Limits(dispatch_s=2)
    )
    with running(options) as url:
        made = _house(store, vault, tmp_path, url)
        made.wait(3_600)
        yield made
        made.ports.wecom.close()


def _house(store: Store, vault: Vault, folder: Path, url: str) -> House:
    clock = FixedClock(START)
    community = Community(key="neighbours", name="邻里", type="购物", helper="helper_xm")
    ports = Ports(
        store=store,
        vault=vault,
        wecom=WeCom(url, "ww1", "s3cret", 1_000_002, production=False),
        clock=clock,
        workspace=Workspace(brand="小满", communities=(community,)),
        liveness=FileLocks(folder),
        web_url="http://127.0.0.1:8790",
    )
    world = httpx.get(f"{url}/_sandbox/world", trust_env=False).json()["groups"]
    fields = ("chat_id", "name", "kind")
    rows = [
        {"community": "neighbours", "group_key": one["key"], **{name: one[name] for name in fields}} for one in world
    ]
    with store.writing() as conn:
        conn.execute(insert(groups), rows)
        ids = list(conn.execute(select(groups.c.group_id).order_by(groups.c.group_id)).scalars())
    return House(ports, url, clock, ids)


def test_a_task_is_created_confirmed_and_counted(house: House) -> None:
    """Created is not delivered; after the owner confirms, it is."""
    house.queue(house.message(0))
    assert drain(house.ports, now=house.now).sent == 1
    house.wait(5)
    assert poll(house.ports, house.now).waiting == 1
    [row] = house.log("add_msg_template")
    house.tell("act", {"act": "confirm", "msgid": row["msgid"], "userid": "owner_zhou"})
    assert poll(house.ports, house.now).outcomes == {"delivered": 1}
    assert house.column("outcome") == ["delivered"]


def test_a_chat_of_another_owner_is_unreachable(house: House) -> None:
    """The platform lists it as failed; the others of the task are sent."""
    house.queue(house.message(0), house.message(1))
    report = drain(house.ports, now=house.now)
    assert (report.sent, report.refused) == (1, 1)
    assert house.column("state") == ["sent", "refused"]


@pytest.mark.parametrize("mode", ["reply_lost", "truncated", "late", "dropped", "http_502", "html"])
def test_after_any_fault_the_message_is_there_once(house: House, mode: str) -> None:
    """Arrived or not, after the wait the platform holds exactly one task."""
    house.tell("faults", [{"path": "externalcontact/add_msg_template", "mode": mode, "times": 1, "seconds": 0.05}])
    house.queue(house.message(0))
    assert drain(house.ports, now=house.now).unknown == 1
    time.sleep(0.15)  # the wait has to be longer than a request can be late, and simulated time takes none
    house.wait(601)
    drain(house.ports, now=house.now)
    assert len(house.log("add_msg_template")) == 1
    assert house.column("state") == ["sent"]


def test_a_card_with_a_lost_reply_is_there_once(house: House) -> None:
    """The duplicate check of the platform makes the second call harmless."""
    house.tell("faults", [{"path": "message/send", "mode": "reply_lost", "times": 1}])
    house.queue(house.message(0, way="hand_send", sender_userid="admin_lin"))
    assert drain(house.ports, now=house.now).unknown == 1
    assert drain(house.ports, now=house.now).sent == 1
    [row] = house.log("message/send")
    assert row["targets"] == ["admin_lin"]


def test_an_owner_who_does_nothing_is_reminded_and_the_task_withdrawn(house: House) -> None:
    """Three reminders, and at quiet hours the task is gone on both sides."""
    house.queue(house.message(0))
    drain(house.ports, now=house.now)
    for _ in range(5):
        house.wait(601)
        remind(house.ports, house.now)
    assert len(house.log("remind_groupmsg_send")) == 3
    house.wait(12 * 3_600)
    assert poll(house.ports, house.now).waiting == 1
    assert remind(house.ports, house.now).withdrawn == 1
    assert house.column("outcome") == ["cancelled"]
    [row] = house.log("add_msg_template")
    with pytest.raises(ChannelRefused) as refused:
        house.ports.wecom.remind(row["msgid"])
    assert refused.value.code == 41093


def _said(words: str) -> Callable[[Connection, Newcomer], Content]:
    return lambda _conn, one: Content(f"{words} {one.channel}")


def test_a_new_contact_is_welcomed_within_the_window_and_not_after(house: House) -> None:
    """One beat of the resident sender answers the fresh code; an old one is refused by the platform, definitely."""
    fresh = house.tell("act", {"act": "add_contact", "state": "poster-a"})
    _callback(house, fresh)
    house.wait(5)
    assert tick(house.ports, now=house.now, compose=_said("你好")).welcomes.sent == 1
    assert [row["body"]["text"]["content"] for row in house.log("send_welcome_msg")] == ["你好 poster-a"]
    late = house.tell("act", {"act": "add_contact", "state": "poster-a"})
    house.wait(25)
    with pytest.raises(ChannelRefused) as refused:
        house.ports.wecom.send_welcome(late["welcome_code"], "你好")
    assert refused.value.code == 41050


def _callback(house: House, added: dict[str, Any]) -> None:
    fields = {
        "Event": "change_external_contact",
        "ChangeType": "add_external_contact",
        "UserID": "helper_xm",
        "ExternalUserID": added["external_userid"],
        "State": "poster-a",
        "WelcomeCode": added["welcome_code"],
        "CreateTime": int(house.now.timestamp()),
    }
    body = "<xml>" + "".join(f"<{name}>{value}</{name}>" for name, value in fields.items()) + "</xml>"
    with house.ports.store.writing() as conn:
        keep(conn, [sealed(house.ports.vault, "wecom", body, body.encode())], house.now)


def test_the_token_outlives_its_own_expiry(house: House) -> None:
    """Hours later the first call is refused for the token, renewed once and made."""
    house.ports.wecom.follow_users()
    house.wait(8_000)
    assert "helper_xm" in house.ports.wecom.follow_users()


def test_a_wrong_secret_names_the_variable(house: House) -> None:
    """The operator reads which setting to mend."""
    stranger = WeCom(house.url, "ww1", "wrong", 1, production=False)
    with pytest.raises(ConfigurationError, match="QUNFLOW_WECOM_SECRET"):
        stranger.follow_users()
    stranger.close()


def test_what_the_connector_reads_is_what_the_sandbox_shows(house: House) -> None:
    """Groups, their owners, live codes and customers come through."""
    wecom = house.ports.wecom
    chats = [one["chat_id"] for one in wecom.groups()]
    assert len(chats) == 3
    assert wecom.group(chats[0])["owner"] == "owner_zhou"
    config = wecom.add_join_way(chats[:1], state="poster-a")
    assert wecom.get_join_way(config).chat_ids == tuple(chats[:1])
    wecom.update_join_way(config, chats[:2], state="poster-a")
    assert wecom.get_join_way(config).chat_ids == tuple(chats[:2])
    added = house.tell("act", {"act": "add_contact"})
    [customer] = wecom.customers("helper_xm")
    assert customer["external_contact"]["external_userid"] == added["external_userid"]
    assert wecom.customer(added["external_userid"])["follow_user"][0]["userid"] == "helper_xm"
    assert wecom.customers("owner_zhou") == []
