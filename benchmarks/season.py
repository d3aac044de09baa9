"""
A season in the WeCom sandbox with every delivery over HTTP: 200 groups, 40,000 people, 30 days.

Each day every group gets one mass message (one task an owner, confirmed by habit) and one card for its admin to post by
hand; newcomers are greeted; results are asked for, the late reminded, all rosters read. The founding is told apart: it
happens once a sandbox.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.loopback import Connection, body_of, connected, cores, cpu_s, free_port, on_one_core, request
from benchmarks.product import AES_KEY, TOKEN, Product, served

WANTED_S = 180
CORP, SECRET, AGENT = "wwseason", "season", 1_000_002
CALLERS = 8
GROUPS_AN_OWNER = 10
# Above the documented 200, as 40,000 people fill 200 groups and newcomers need a seat.
LIMITS = ("qr_members=400",)
EC = "externalcontact"
EXPIRED = 42001


@dataclass(frozen=True, slots=True)
class Size:
    """How big a season is; ``people`` ever came in the past, about half of them are in a group at its end."""

    groups: int
    people: int
    newcomers_a_day: int
    days: int
    past_days: int = 14


FULL = Size(groups=200, people=80_000, newcomers_a_day=600, days=30)
SHORT = Size(groups=20, people=3_800, newcomers_a_day=60, days=3)


@dataclass(slots=True)
class Season:
    """
    What happened: accepted calls as (path, msgid), and how often everything was done.

    ``delivered`` counts messages at their addressees, by way; seconds are real ones.
    """

    size: Size
    seated: int = 0
    accepted: list[tuple[str, str]] = field(default_factory=list)
    greeted: int = 0
    refused: Counter[int] = field(default_factory=Counter)
    delivered: Counter[str] = field(default_factory=Counter)
    heard: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    happened: int = 0
    founding_s: float = 0.0
    founding_cpu_s: float = 0.0
    cpu_s: float = 0.0
    days_s: list[float] = field(default_factory=list)
    log: list[dict[str, Any]] = field(default_factory=list)


def main(arguments: list[str]) -> int:
    """Live the season and print; ``short`` for a small one, ``file`` for one whose state survives, a number of days."""
    size = SHORT if "short" in arguments else FULL
    size = replace(size, days=next((int(word) for word in arguments if word.isdecimal()), size.days))
    with tempfile.TemporaryDirectory() as folder:
        db = str(Path(folder) / "box.sqlite3") if "file" in arguments else ":memory:"
        season = asyncio.run(live(size, Path(folder), db, tell=True))
    _print(season, db)
    return 0


async def live(size: Size, folder: Path, db: str, *, tell: bool = False) -> Season:
    """A whole season against a sandbox in another process."""
    season = Season(size)
    product = Product(CORP, _nobody)
    server, product_port = await served(product)
    try:
        began = time.perf_counter()
        with _sandbox(size, folder, db, product_port) as (process, port):
            await (await connected(port)).ask(request("GET", "/_sandbox/clock"))
            season.founding_s, season.founding_cpu_s = time.perf_counter() - began, cpu_s(process)
            await _Days(season, product, product_port, port, tell=tell).live()
            season.cpu_s = cpu_s(process) - season.founding_cpu_s
    finally:
        server.close()
    season.heard = product.heard
    return season


async def _nobody(code: str) -> None:
    """Nobody is greeted before the season begins."""


@contextmanager
def _sandbox(size: Size, folder: Path, db: str, product_port: int) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    spec, port = folder / "spec.yaml", free_port()
    spec.write_text(json.dumps(community(size), ensure_ascii=False), encoding="utf-8")
    product = f"http://127.0.0.1:{product_port}"
    words = ["--port", str(port), "--db", db, "--seed", "7", "--spec", str(spec), "--hook-url", product]
    words += ["--callback-url", f"{product}/callback", "--callback-token", TOKEN, "--callback-aes-key", AES_KEY]
    words += [word for limit in LIMITS for word in ("--limit", limit)]
    environment = {"QUNFLOW_WECOM_CORP_ID": CORP, "QUNFLOW_WECOM_SECRET": SECRET, "QUNFLOW_HOOK_SECRET": "hook"}
    environment["QUNFLOW_WECOM_AGENT_ID"] = str(AGENT)
    with on_one_core([sys.executable, "-m", "qunflow.cli", "sandbox", *words], port, None, environment) as process:
        yield process, port


def community(size: Size) -> dict[str, Any]:
    """The spec of a community of this size; every third owner and admin is late."""
    owners = max(size.groups // GROUPS_AN_OWNER, 1)
    staff = [{"userid": "helper_xm", "name": "小满", "role": "helper"}]
    for nth in range(owners):
        habit = "late" if nth % 3 == 2 else "prompt"
        staff += [
            {"userid": f"{role}_{nth}", "name": f"{role} {nth}", "role": role, "habit": habit}
            for role in ("owner", "admin")
        ]
    groups = [
        {
            "key": f"g{nth}",
            "name": f"小满邻里{nth}群",
            "kind": "benefit_group",
            "owner": f"owner_{nth % owners}",
            "admin": f"admin_{nth % owners}",
            "share": 1 / size.groups,
        }
        for nth in range(size.groups)
    ]
    return {
        "people": size.people,
        "past_days": size.past_days,
        "arrivals_per_day": size.newcomers_a_day,
        "staff": staff,
        "groups": groups,
    }


class _Days:
    """The product's day, over and over."""

    def __init__(self, season: Season, product: Product, product_port: int, port: int, *, tell: bool) -> None:
        self._season, self._product, self._tell = season, product, tell
        self._product_base, self._port = f"http://127.0.0.1:{product_port}", port
        self._free: asyncio.Queue[Connection] = asyncio.Queue()
        self._token, self._codes = "", [""]
        self._groups: list[dict[str, Any]] = []

    async def live(self) -> None:
        """Every day, then what the sandbox says of it."""
        for _ in range(CALLERS):
            self._free.put_nowait(await connected(self._port))
        world = await self._ask("GET", "/_sandbox/world")
        self._groups = world["groups"]
        self._season.seated = sum(group["members"] for group in self._groups)
        await self._renew()
        await self._make_codes()
        self._product.greet = self._greet
        midnight = datetime.fromisoformat(world["now"])
        for nth in range(self._season.size.days):
            began = time.perf_counter()
            await self._day(nth, midnight + timedelta(days=nth))
            self._season.days_s.append(time.perf_counter() - began)
            if self._tell:
                print(f"day {nth + 1:>2}: {self._season.days_s[-1]:5.1f} s", flush=True)
        self._season.log = [json.loads(line) for line in (await self._raw("GET", "/_sandbox/log")).splitlines()]

    async def _day(self, nth: int, midnight: datetime) -> None:
        await self._until(midnight, 9.0)
        await self._read_rosters()
        tasks = await self._send_tasks(nth)
        await self._send_cards(nth, midnight + timedelta(hours=9, minutes=5))
        await self._until(midnight, 13.0)
        late = [one for one in await asyncio.gather(*(self._state(*task) for task in tasks)) if one]
        await asyncio.gather(*(self._ask("POST", f"{EC}/remind_groupmsg_send", msgid=msgid) for msgid in late))
        self._season.accepted += [(f"{EC}/remind_groupmsg_send", msgid) for msgid in late]
        await self._until(midnight, 20.0)
        await asyncio.gather(*(self._count_sent(*task) for task in tasks))
        await self._until(midnight, 24.0)

    async def _until(self, midnight: datetime, hour: float) -> None:
        to = (midnight + timedelta(hours=hour)).isoformat()
        self._season.happened += (await self._ask("POST", "/_sandbox/clock", advance_to=to))["happened"]

    async def _read_rosters(self) -> None:
        await self._ask("POST", f"{EC}/groupchat/list", limit=1_000)
        chats = [group["chat_id"] for group in self._groups]
        await asyncio.gather(*(self._ask("POST", f"{EC}/groupchat/get", chat_id=chat, need_name=1) for chat in chats))

    async def _send_tasks(self, nth: int) -> list[tuple[str, str]]:
        """One task an owner: an offer on every third day, a question on the others."""
        link = f"{self._product_base}/s/{nth}"
        text = (
            f"今天的蜜桔 29.9 元一箱，中午十二点开抢：{link}"
            if nth % 3 == 0
            else f"第 {nth} 天早安，早餐吃什么？回复 1 或 2"
        )
        owners: dict[str, list[str]] = {}
        for group in self._groups:
            owners.setdefault(group["owner"], []).append(group["chat_id"])
        made = await asyncio.gather(*(self._send_task(owner, chats, text) for owner, chats in owners.items()))
        return list(zip(made, owners, strict=True))

    async def _send_task(self, owner: str, chats: Sequence[str], text: str) -> str:
        content = {"chat_type": "group", "sender": owner, "chat_id_list": chats, "text": {"content": text}}
        return await self._accepted(f"{EC}/add_msg_template", **content)

    async def _send_cards(self, nth: int, due: datetime) -> None:
        await asyncio.gather(*(self._send_card(nth, group, due) for group in self._groups))

    async def _send_card(self, nth: int, group: dict[str, Any], due: datetime) -> None:
        path, admin = f"/hand/{nth}-{group['key']}", group["admin"]
        self._product.cards[path] = {
            "state": "waiting",
            "due_at": due.isoformat(),
            "not_after": (due + timedelta(hours=10)).isoformat(),
            "chat_id": group["chat_id"],
            "text": f"{group['name']}的邻居们，今晚想聊什么？回复 1 聊菜谱，回复 2 聊带娃（第 {nth} 天）",
            "attachments": [],
        }
        card = {"title": group["name"], "description": f"第 {nth} 天的话题", "url": f"{self._product_base}{path}"}
        await self._accepted("message/send", touser=admin, msgtype="textcard", agentid=AGENT, textcard=card)
        self._season.delivered["card"] += 1

    async def _state(self, msgid: str, owner: str) -> str:
        """The task's msgid when its owner has to be reminded."""
        rows = (await self._ask("POST", f"{EC}/get_groupmsg_task", msgid=msgid))["task_list"]
        return msgid if any(row["status"] != 2 for row in rows) else ""

    async def _count_sent(self, msgid: str, owner: str) -> None:
        found = await self._ask("POST", f"{EC}/get_groupmsg_send_result", msgid=msgid, userid=owner)
        self._season.delivered["mass"] += sum(row["status"] == 1 for row in found["send_list"])

    async def _make_codes(self) -> None:
        """A live code over every five groups."""
        chats = [group["chat_id"] for group in self._groups]
        fives = [chats[place : place + 5] for place in range(0, len(chats), 5)]
        path = f"{EC}/groupchat/add_join_way"
        made = [await self._ask("POST", path, scene=2, chat_id_list=five, auto_create_room=0) for five in fives]
        self._season.accepted += [(path, one["config_id"]) for one in made]
        shown = [await self._ask("POST", f"{EC}/groupchat/get_join_way", config_id=one["config_id"]) for one in made]
        self._codes = [one["join_way"]["qr_code"] for one in shown]

    async def _greet(self, code: str) -> None:
        link = self._codes[self._season.greeted % len(self._codes)]
        text = {"content": f"你好，我是小满。邻居都在这个群里，扫码进群：{link}"}
        answer = await self._ask("POST", f"{EC}/send_welcome_msg", welcome_code=code, text=text)
        if answer["errcode"] == 0:
            self._season.greeted += 1
            self._season.delivered["welcome"] += 1

    async def _accepted(self, path: str, **body: Any) -> str:
        answer = await self._ask("POST", path, **body)
        self._season.accepted.append((path, answer["msgid"]))
        return str(answer["msgid"])

    async def _renew(self) -> None:
        self._token = (await self._ask("GET", f"/cgi-bin/gettoken?corpid={CORP}&corpsecret={SECRET}"))["access_token"]

    async def _ask(self, method: str, path: str, **body: Any) -> Any:
        answer = json.loads(await self._raw(method, path, **body))
        if answer.get("errcode") == EXPIRED:
            await self._renew()
            answer = json.loads(await self._raw(method, path, **body))
        if answer.get("errcode"):
            self._season.refused[answer["errcode"]] += 1
        return answer

    async def _raw(self, method: str, path: str, **body: Any) -> bytes:
        target = path if path.startswith("/") else f"/cgi-bin/{path}?access_token={self._token}"
        content = json.dumps(body, ensure_ascii=False).encode() if method == "POST" else b""
        connection = await self._free.get()
        try:
            if connection.stale:
                connection.close()
                connection = await connected(self._port)
            answer = await connection.ask(request(method, target, content))
        finally:
            self._free.put_nowait(connection)
        self._season.calls += 1
        return body_of(answer)


def _print(season: Season, db: str) -> None:
    size, seconds = season.size, sum(season.days_s)
    delivered = sum(season.delivered.values())
    memory_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1_024
    for line in (
        f"{size.days} days, {size.groups} groups, {season.seated:,} people in them at first, state in {_place(db)}",
        f"founding: {season.founding_s:.1f} s, {season.founding_cpu_s:.1f} s of CPU "
        f"({size.people:,} people, {size.past_days} days of past)",
        f"season: {seconds:.1f} s, {seconds / size.days:.2f} s a day, the sandbox's CPU {season.cpu_s:.1f} s",
        f"of the {WANTED_S} s allowed for {FULL.days} days: {seconds / size.days * FULL.days / WANTED_S:.2f}",
        f"deliveries: {delivered:,} ({_told(season.delivered)}), {delivered / seconds:,.0f}/s",
        f"accepted calls: {len(season.log):,}; all calls to the sandbox: {season.calls:,}",
        f"calls of its people: {sum(season.heard.values()):,} ({_told(season.heard)})",
        f"things that happened: {season.happened:,}; refusals: {_told(season.refused) or 'none'}",
        f"memory of the sandbox: {memory_mb:,} MB; cores: {len(cores()) or os.cpu_count()}",
    ):
        print(line)


def _place(db: str) -> str:
    return "memory" if db == ":memory:" else "a file, each acceptance on disk before its reply"


def _told(counted: Counter[Any]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in counted.most_common())
