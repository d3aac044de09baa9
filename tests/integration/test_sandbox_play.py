"""What a person at the keyboard can do to a sandbox: stop its clock, speak in a group, take an owner over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx
import pytest

from qunflow.sandbox.options import Options
from qunflow.sandbox.running import running

STATISTIC = "externalcontact/groupchat/statistic_group_by_day"
DAY_S = 86_400


class Room:
    """A sandbox with staff and empty groups, seen through plain HTTP."""

    def __init__(self, base: str) -> None:
        self.http = httpx.Client(base_url=base, trust_env=False, timeout=10)

    def post(self, path: str, **body: Any) -> httpx.Response:
        """An order to the sandbox itself."""
        return self.http.post(f"/_sandbox/{path}", json=body)

    def clock(self) -> dict[str, Any]:
        """What the clock says."""
        found: dict[str, Any] = self.http.get("/_sandbox/clock").json()
        return found

    def act(self, act: str, **about: Any) -> dict[str, Any]:
        """A client's act that is accepted."""
        found: dict[str, Any] = self.post("act", act=act, **about).raise_for_status().json()
        return found

    def call(self, path: str, **body: Any) -> dict[str, Any]:
        """A platform call with a fresh token."""
        credentials = {"corpid": "wwtest", "corpsecret": "secret"}
        token = self.http.get("/cgi-bin/gettoken", params=credentials).json()["access_token"]
        found: dict[str, Any] = self.http.post(f"/cgi-bin/{path}", params={"access_token": token}, json=body).json()
        return found

    def chat(self) -> str:
        """The first group, of owner_zhou."""
        return str(self.http.get("/_sandbox/world").json()["groups"][0]["chat_id"])

    def member(self, name: str) -> str:
        """Somebody new in the first group."""
        who = str(self.act("add_customer", name=name)["external_userid"])
        self.act("pull_in", chat_id=self.chat(), external_userid=who)
        return who


@pytest.fixture
def room() -> Iterator[Room]:
    """A sandbox whose clock moves only when told to."""
    with running(Options("wwtest", "secret", populated=False)) as base:
        room = Room(base)
        yield room
        room.http.close()


def test_setting_the_clock_jumps_without_living_the_time_between(room: Room) -> None:
    """What fell due meanwhile happens with the next advance; a past instant, or one without offset, is refused."""
    chat = room.chat()
    room.post("clock", advance_s=10 * 3_600)
    made = room.call("externalcontact/add_msg_template", chat_type="group", sender="owner_zhou", text={"content": "早"})
    told = room.post("clock", set="2026-01-01T20:00:00+08:00").json()
    assert (told["now"], told["happened"]) == (room.clock()["now"], 0)
    assert datetime.fromisoformat(told["now"]) == datetime.fromisoformat("2026-01-01T20:00:00+08:00")
    tasks = room.call("externalcontact/get_groupmsg_task", msgid=made["msgid"])["task_list"]
    assert tasks == [{"userid": "owner_zhou", "status": 0}]
    assert room.post("clock", advance_s=1).json()["happened"] == 1
    sent = room.call("externalcontact/get_groupmsg_send_result", msgid=made["msgid"], userid="owner_zhou")
    assert [(row["chat_id"], row["status"]) for row in sent["send_list"]] == [(chat, 1)]
    for bad in ("2026-01-01T08:00:00+08:00", "2026-01-02T08:00:00"):
        assert room.post("clock", set=bad).status_code == 400


def test_a_frozen_clock_stands_still_until_it_may_go_on(room: Room) -> None:
    """Freezing stops only the clock's own going; being told to move works all the same."""
    assert {name: room.clock()[name] for name in ("frozen", "rate")} == {"frozen": False, "rate": 0.0}
    frozen = room.post("clock", freeze=True, rate=7_200).json()
    assert (frozen["frozen"], frozen["rate"]) == (True, 7_200)
    sleep(0.2)
    assert room.clock()["now"] == frozen["now"]
    moved = room.post("clock", advance_s=60).json()["now"]
    assert moved > frozen["now"]
    room.post("clock", freeze=False)
    patience = monotonic() + 5
    while room.clock()["now"] == moved and monotonic() < patience:
        sleep(0.05)
    assert room.clock()["now"] > moved
    room.post("clock", rate=0)
    for bad in ({"freeze": "false"}, {"rate": -1}, {"rate": "nan"}, {"hurry": 1}):
        assert room.post("clock", **bad).status_code == 400


def test_a_frozen_clock_stays_frozen_after_a_restart(tmp_path: Path) -> None:
    """Whoever stopped the clock finds it stopped."""
    options = Options("wwtest", "secret", populated=False, db=str(tmp_path / "box.sqlite3"), rate=3_600)
    with running(options) as base:
        now = Room(base).post("clock", freeze=True).json()["now"]
    with running(options) as base:
        assert Room(base).clock() == {"now": now, "frozen": True, "rate": 3_600}


def test_words_of_a_member_count_in_the_figures_of_the_day(room: Room) -> None:
    """A customer's words are messages of the group; the day after, the official figures tell of them."""
    who, chat = room.member("甲"), room.chat()
    now = int(datetime.fromisoformat(room.clock()["now"]).timestamp())
    room.act("speak", chat_id=chat, userid=who, text="今天的橘子还有吗")
    room.act("speak", chat_id=chat, userid=who, text="想要两份")
    room.post("clock", advance_s=DAY_S)
    data = room.call(STATISTIC, day_begin_time=now, owner_filter={"userid_list": ["owner_zhou"]})["items"][0]["data"]
    assert (data["msg_total"], data["member_has_msg"], data["chat_has_msg"]) == (2, 1, 1)


def test_only_who_is_in_a_group_can_speak_there(room: Room) -> None:
    """Strangers, dissolved groups, empty and over-long words are told in words."""
    who, chat = room.member("甲"), room.chat()
    outsider = room.act("add_customer", name="乙")["external_userid"]
    for about in (
        {"userid": outsider, "text": "在吗"},
        {"userid": who, "text": "  "},
        {"userid": who, "text": "好" * 1_334},
        {"userid": who, "text": "在吗", "chat_id": "wrNo"},
    ):
        assert room.post("act", act="speak", **{"chat_id": chat, **about}).status_code == 400
    room.act("speak", chat_id=chat, userid=who, text="好" * 1_333)
    room.act("dismiss", chat_id=chat)
    assert room.post("act", act="speak", chat_id=chat, userid=who, text="在吗").status_code == 400


def test_whoever_takes_an_owner_over_confirms_alone(room: Room) -> None:
    """With the habit "never" even what was planned before no longer happens by itself."""
    room.post("clock", advance_s=10 * 3_600)
    body = {"chat_type": "group", "sender": "owner_zhou", "text": {"content": "早"}}
    made = [room.call("externalcontact/add_msg_template", **body)["msgid"]]
    room.act("habit", userid="owner_zhou", habit="never")
    made.append(room.call("externalcontact/add_msg_template", **body)["msgid"])
    room.post("clock", advance_s=6 * 3_600)
    for msgid in made:
        tasks = room.call("externalcontact/get_groupmsg_task", msgid=msgid)["task_list"]
        assert tasks == [{"userid": "owner_zhou", "status": 0}]
    assert room.act("confirm", msgid=made[0], userid="owner_zhou")["served"] == [room.chat()]
    for bad in ({"userid": "nobody", "habit": "never"}, {"userid": "owner_zhou", "habit": "asleep"}):
        assert room.post("act", act="habit", **bad).status_code == 400
