"""
How fast the outbox takes, claims and marks messages on a file that survives a power cut, beside bare SQLite doing the
same; and how many calls one shared client makes in a second, beside a client for each call.

``./run bench delivery [MESSAGES]``
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import event, insert, select

from benchmarks.loopback import free_port, on_one_core
from qunflow.clock import FixedClock
from qunflow.connectors.http import Http, LoopThread
from qunflow.delivery.claims import claim
from qunflow.delivery.model import Content, Planned
from qunflow.delivery.outbox import approve, check, plan
from qunflow.delivery.ports import Ports
from qunflow.delivery.settle import CallOutcome, settle
from qunflow.delivery.workers import FileLocks
from qunflow.settings.workspace import Community, Workspace
from qunflow.store.engine import Store
from qunflow.store.migrate import upgrade
from qunflow.store.tables import groups
from qunflow.store.vault import Vault

NOON = datetime(2026, 3, 4, 4, 0, tzinfo=UTC)
DAY = date(2026, 3, 4)
CHATS = 2_000
_AT, _LATE = "2026-03-04 04:00:00.000000", "2026-03-04 05:00:00.000000"
_CONTENTS = "INSERT INTO contents VALUES (?, ?, '[]', ?)"
_COLUMNS = (
    "community, stage, campaign, slot_key, local_day, way, sender_userid, target_kind, target_ref, content_version, "
    "due_at, not_after, marketing, catch_up, state, reason, attempts, planned_at, outcome"
)
_TARGETS = f"INSERT INTO targets ({_COLUMNS}) VALUES ({', '.join('?' * 19)})"  # noqa: S608 - our own names
_DUE = "SELECT * FROM targets WHERE state = 'approved' AND due_at <= ? ORDER BY target_id LIMIT ?"
_CALL = (
    "INSERT INTO calls (way, sender_userid, content_version, fingerprint, state, worker, intent_at, reason, reminders)"
    " VALUES ('mass_task', 'owner_zhou', ?, 'f', 'intent', 'w', ?, '', 0)"
)
_CLAIM = "UPDATE targets SET state = 'intent', call_id = ?, attempts = attempts + 1, reason = '' WHERE target_id = ?"
_MARK = "UPDATE targets SET state = ?, sent_at = ?, outcome = ?, reason = '' WHERE target_id = ?"


class Stopwatch:
    """Seconds by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def on(self, name: str) -> Iterator[None]:
        """Add the block's time to a name."""
        began = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began


def main(arguments: list[str]) -> int:
    """Measure and print; always 0."""
    messages = int(arguments[0]) if arguments else 20_000
    with tempfile.TemporaryDirectory(prefix="qunflow-bench-", dir=Path.cwd()) as folder:
        file = Path(folder) / "state.sqlite3"
        upgrade(f"sqlite:///{file}")
        empty = file.read_bytes()
        ours, commits, mode = _outbox(file, messages)
        file.write_bytes(empty)
        bare = _bare(file, messages, commits)
        _print_outbox(file, messages, ours, bare, commits, mode)
    _print_clients(*_clients())
    return 0


def _outbox(file: Path, messages: int) -> tuple[dict[str, float], int, str]:
    """Seconds of each step of the outbox, its commits, and the synchronous mode."""
    store = Store.open(f"sqlite:///{file}")
    community = Community(key="neighbours", name="邻里", type="购物", helper="helper_xm", caps={"group_per_day": 0})
    vault = Vault(store, bytes(32))
    with store.writing() as conn:
        same = {"community": "neighbours", "kind": "benefit_group"}
        rows = [{**same, "group_key": f"g{one}", "chat_id": f"wr{one}", "name": f"{one} 群"} for one in range(CHATS)]
        conn.execute(insert(groups), rows)
        chats = conn.execute(select(groups.c.group_id)).scalars().all()
    workspace = Workspace(brand="小满", communities=(community,))
    ports = Ports(store, vault, None, FixedClock(NOON), workspace, FileLocks(file.parent), "")  # type: ignore[arg-type]
    commits, watch = _counted(store), Stopwatch()
    planned = [_message(chats[one % CHATS], one // CHATS) for one in range(messages)]
    with watch.on("insert"):
        ids = store.write(partial(plan, planned=planned, at=NOON)).ids
    with watch.on("check, approve"):
        store.write(partial(check, ids=ids))
        store.write(partial(approve, which=ids, by="li", at=NOON))
    after = None
    while True:
        with watch.on("claim"):
            page = store.write(partial(claim, ports=ports, worker="w", now=NOON, after=after))
        ended = [CallOutcome(one, "sent", f"msg{one.call_id}") for one in page.claims]
        with watch.on("mark"):
            store.write(partial(settle, vault=vault, outcomes=ended, now=NOON))
        after = page.after
        if after is None:
            break
    with store.reading() as conn:
        mode = {2: "FULL", 1: "NORMAL", 0: "OFF"}[int(conn.exec_driver_sql("PRAGMA synchronous").scalar_one())]
    store.close()
    return watch.seconds, commits[0], mode


def _counted(store: Store) -> list[int]:
    commits = [0]

    @event.listens_for(store._engine, "commit")
    def _count(_conn: object) -> None:
        commits[0] += 1

    return commits


def _message(chat: int, slot: int) -> Planned:
    return Planned(
        community="neighbours",
        stage="daily_content",
        campaign="",
        slot_key=f"g/slot-{slot}",
        day=DAY,
        way="mass_task",
        sender_userid="owner_zhou",
        target_kind="chat",
        target_ref=chat,
        content=Content(f"今日特价 {slot}"),
        due_at=NOON,
        not_after=NOON + timedelta(hours=1),
        marketing=True,
    )


def _bare(file: Path, messages: int, commits: int) -> dict[str, float]:
    """The same rows in the same tables through bare ``sqlite3``: inserted, read, and changed twice."""
    watch = Stopwatch()
    with closing(sqlite3.connect(file, isolation_level=None)) as conn:
        for setting in ("journal_mode = DELETE", "synchronous = FULL", "foreign_keys = ON"):
            conn.execute(f"PRAGMA {setting}")
        slots = range(messages // CHATS + 1)
        with watch.on("insert"), _transaction(conn):
            conn.executemany(_CONTENTS, [(f"v{one}", "text", _AT) for one in slots])
            conn.executemany(_TARGETS, [_row(one) for one in range(messages)])
        step = max(messages // max((commits - 3) // 2, 1), 1)
        for start in range(0, messages, step):
            with watch.on("claim"), _transaction(conn):
                found = conn.execute(_DUE, (_AT, step)).fetchall()
                call = conn.execute(_CALL, (f"v{start // CHATS}", _AT)).lastrowid
                conn.executemany(_CLAIM, [(call, row[0]) for row in found])
            with watch.on("mark"), _transaction(conn):
                conn.executemany(_MARK, [("sent", _AT, "waiting", row[0]) for row in found])
    return watch.seconds


@contextmanager
def _transaction(conn: sqlite3.Connection) -> Iterator[None]:
    conn.execute("BEGIN IMMEDIATE")
    yield
    conn.execute("COMMIT")


def _row(one: int) -> tuple[object, ...]:
    place = (f"g/slot-{one // CHATS}", "2026-03-04", "mass_task", "owner_zhou", "chat", one % CHATS, f"v{one // CHATS}")
    return ("neighbours", "daily_content", "", *place, _AT, _LATE, 1, "skip", "approved", "", 0, _AT, "waiting")


def _print_outbox(
    file: Path, messages: int, ours: dict[str, float], bare: dict[str, float], commits: int, mode: str
) -> None:
    counted = ("insert", "claim", "mark")
    rate, most = (messages / sum(times[name] for name in counted) for times in (ours, bare))
    print(f"outbox: {messages} messages, {file.parent.name}/{file.name}, rollback journal, synchronous {mode}")
    print(f"  {commits} commits, each of them on the disk before the next step")
    for name in (*counted, "check, approve"):
        beside = f", bare SQLite {messages / bare[name]:9,.0f}/s" if name in bare else ", not counted"
        print(f"  {name:15} {messages / ours[name]:9,.0f}/s{beside}")
    print(f"  insert + claim + mark {rate:,.0f} messages/s, {rate / most:.0%} of bare SQLite's {most:,.0f}/s")


def _clients() -> tuple[float, float]:
    """Calls a second through one shared client, and through a client for each call."""
    port = free_port()
    with on_one_core([sys.executable, "-m", "benchmarks.bare_server", str(port)], port, None):
        url = f"http://127.0.0.1:{port}"
        thread = LoopThread("bench")
        shared = Http(url, platform="bench")
        fast = _per_second(lambda: _ask(thread, shared), 4_000)
        thread.run(shared.close())
        slow = _per_second(partial(_with_its_own, url), 200)
        thread.close()
    return fast, slow


def _ask(thread: LoopThread, client: Http) -> None:
    thread.run(client.send("POST", "/cgi-bin/x", query={}, json={"text": "今日特价"}))


def _with_its_own(url: str) -> None:
    thread = LoopThread("bench")
    client = Http(url, platform="bench")
    _ask(thread, client)
    thread.run(client.close())
    thread.close()


def _per_second(call: Callable[[], object], number: int) -> float:
    with ThreadPoolExecutor(8) as pool:
        began = time.perf_counter()
        for done in [pool.submit(call) for _ in range(number)]:
            done.result()
        return number / (time.perf_counter() - began)


def _print_clients(fast: float, slow: float) -> None:
    print(
        f"calls: one shared client {fast:,.0f}/s, a client for each call {slow:,.0f}/s: {fast / slow:.0f} times as many"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
