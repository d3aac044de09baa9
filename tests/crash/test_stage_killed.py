"""
kill -9 of the process that runs a real flow, in the middle of sending; then the same day again.

Mass tasks and private tasks can be asked for at the platform, so none may go out twice and none may be missing. The
judge is the sandbox's acceptance log, held against what the outbox was asked to send. QUNFLOW_SOAK=1 runs the long
form.
"""

from __future__ import annotations

import json
import os
import random
import select as waiting
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from sqlalchemy import func, select

from flows.commands.season import prefect_service
from flows.commands.services import free_port, start, stop, wait_ready
from qunflow.clock import instant_of
from qunflow.delivery.outbox import mark_hand_sent
from qunflow.delivery.sender import drain
from qunflow.runtime import Runtime, open_runtime
from qunflow.sandbox.options import Options
from qunflow.sandbox.running import running
from qunflow.settings.scaffold import write_workspace
from qunflow.store.tables import calls, contents, groups, targets

HERE = Path(__file__).parent
ZONE = ZoneInfo("Asia/Shanghai")
FIRST_DAY = date(2026, 3, 2)
PAST_DAYS = 20
GROUPS = 8
RECONCILE_AFTER_S = 20
# Simulated seconds between two runs: more than the wait before the platform is asked.
PAUSE_S = 25
SOAK = os.environ.get("QUNFLOW_SOAK") == "1"
KILLS = 8 if SOAK else 3
SEEDS = [pytest.param(seed, marks=pytest.mark.soak) for seed in range(10, 70)] if SOAK else [1, 2]
STAGES = ("acquisition", "daily_content", "weekly_activity", "retention", "conversion", "upkeep", "cycle")
QUERYABLE = ("mass_task", "private_task")
SEND = "externalcontact/add_msg_template"
# Longer than a reply takes and shorter than a run: a killed process leaves requests on their way.
FAULTS = [
    {"path": SEND, "mode": "slow", "probability": 0.35, "seconds": 0.4},
    {"path": SEND, "mode": "reply_lost", "probability": 0.3},
    {"path": SEND, "mode": "late", "probability": 0.15, "seconds": 0.3},
]


@dataclass
class Processes:
    """Runs flows, each in a process of its own."""

    zygote: subprocess.Popen[str]
    folder: Path
    number: int = 0

    def start(self, stage: str, workspace: Path, day: date, *, send: bool = True, claim: str = "again") -> Flow:
        self.number += 1
        answer = self.folder / f"answer-{self.number}.json"
        form = {"day": day.isoformat(), "dry_run": not send, "claim": claim}
        order = {"stage": stage, "form": form, "workspace": str(workspace), "answer": str(answer)}
        assert self.zygote.stdin is not None
        assert self.zygote.stdout is not None
        self.zygote.stdin.write(json.dumps(order) + "\n")
        self.zygote.stdin.flush()
        return Flow(os.pidfd_open(int(self.zygote.stdout.readline())), answer)

    def run(self, stage: str, workspace: Path, day: date, **form: Any) -> dict[str, Any]:
        flow = self.start(stage, workspace, day, **form)
        assert flow.ended(60), f"{stage} did not end in a minute"
        return flow.result()


@dataclass
class Flow:
    """A process that runs one flow."""

    handle: int
    answer: Path
    began: float = field(default_factory=time.monotonic)

    def ended(self, wait_s: float) -> bool:
        return bool(waiting.select([self.handle], [], [], wait_s)[0])

    def kill(self) -> None:
        signal.pidfd_send_signal(self.handle, signal.SIGKILL)
        assert self.ended(10)

    def result(self) -> dict[str, Any]:
        text = self.answer.read_text(encoding="utf-8")
        try:
            return dict(json.loads(text))
        except ValueError:
            pytest.fail(text)


@dataclass
class Brand:
    """A workspace on a sandbox of its own; a second runtime over it looks at the outbox."""

    runtime: Runtime
    sandbox: httpx.Client
    processes: Processes

    def tell(self, path: str, body: Any) -> Any:
        return self.sandbox.post(f"/_sandbox/{path}", json=body).raise_for_status().json()

    def move_to(self, day: date, hour: int, minute: int = 0) -> datetime:
        instant = instant_of(day, clock_time(hour, minute), ZONE)
        self.tell("clock", {"advance_to": instant.isoformat()})
        return instant

    def log(self) -> list[dict[str, Any]]:
        text = self.sandbox.get("/_sandbox/log").raise_for_status().text
        return [json.loads(line) for line in text.splitlines()]

    def tasks(self) -> int:
        """How many mass tasks and private tasks the platform has accepted."""
        return sum(row["path"].endswith("add_msg_template") for row in self.log())

    def asked(self) -> int:
        """How many it has been asked for since the faults were set."""
        return max(
            int(rule["asked"]) for rule in self.sandbox.get("/_sandbox/faults").raise_for_status().json()["plan"]
        )

    def run(self, stage: str, day: date, **form: Any) -> dict[str, Any]:
        return self.processes.run(stage, self.runtime.directory, day, **form)

    def intents(self) -> int:
        """How many calls are under way, or were when their process died."""
        with self.runtime.store.reading() as conn:
            return int(conn.execute(select(func.count()).where(calls.c.state == "intent")).scalar_one())

    def asked_for(self, stage: str) -> Counter[tuple[str, str]]:
        """What the outbox is to send by queryable ways: words and address, each once."""
        here = self.runtime
        query = (
            select(targets.c.target_kind, targets.c.target_ref, contents.c.text, groups.c.chat_id)
            .join(contents, contents.c.content_version == targets.c.content_version)
            .outerjoin(groups, (targets.c.target_kind == "chat") & (groups.c.group_id == targets.c.target_ref))
            .where(targets.c.stage == stage, targets.c.way.in_(QUERYABLE), targets.c.state != "cancelled")
            .where(targets.c.due_at <= here.clock.now())
        )
        with here.store.reading() as conn:
            rows = conn.execute(query).all()
            people = [row.target_ref for row in rows if row.target_kind == "person"]
            ids = here.vault.external_userids(conn, people)
        return Counter((row.text, row.chat_id or ids[row.target_ref]) for row in rows)

    def unfinished(self, stage: str) -> int:
        open_states = ("planned", "checked", "approved", "intent", "unknown")
        query = select(func.count()).where(
            targets.c.stage == stage,
            targets.c.way.in_(QUERYABLE),
            targets.c.state.in_(open_states),
            targets.c.due_at <= self.runtime.clock.now(),
        )
        with self.runtime.store.reading() as conn:
            return int(conn.execute(query).scalar_one())


def accepted(log: list[dict[str, Any]]) -> Counter[tuple[str, str]]:
    """How often the platform took each text for each address."""
    tasks = [row["body"] for row in log if row["path"].endswith("add_msg_template")]
    return Counter(
        (body["text"]["content"], address)
        for body in tasks
        for address in [*body.get("chat_id_list", ()), *body.get("external_userid", ())]
    )


def cards(log: list[dict[str, Any]]) -> Counter[str]:
    """How often the platform took each card and notice for staff."""
    return Counter(json.dumps(row["body"], sort_keys=True) for row in log if row["path"].endswith("message/send"))


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """One Prefect server and one process that makes others, for the module."""
    folder = tmp_path_factory.mktemp("processes")
    port = free_port()
    server = start(prefect_service(folder / "prefect", port), folder / "run")
    environment = {
        **os.environ,
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_HOME": str(folder / "home"),
    }
    environment |= {"PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL", "DO_NOT_TRACK": "1"}
    command = [sys.executable, str(HERE / "stage_zygote.py")]
    zygote = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        wait_ready(server)
        yield Processes(zygote, folder)
    finally:
        assert zygote.stdin is not None
        zygote.stdin.close()
        zygote.wait(timeout=20)
        stop(folder / "run", ["prefect"])


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sandbox database with eight groups, an owner each, and people who did not all find their way in."""
    folder = tmp_path_factory.mktemp("lived-in")
    staff = [{"userid": "helper_xm", "name": "小满", "role": "helper"}]
    staff += [{"userid": f"owner_{one}", "name": f"群主{one}", "role": "owner"} for one in range(GROUPS)]
    staff += [{"userid": "admin_lin", "name": "林小满", "role": "admin"}]
    rows = [
        {
            "key": f"g{one}",
            "name": f"邻里{one}群",
            "kind": "benefit_group",
            "owner": f"owner_{one}",
            "admin": "admin_lin",
            "share": 1 / GROUPS,
        }
        for one in range(GROUPS)
    ]
    world = {"staff": staff, "groups": rows, "people": 60, "past_days": PAST_DAYS, "arrivals_per_day": 3.0}
    (folder / "spec.yaml").write_text(json.dumps(world), encoding="utf-8")
    with running(options(folder, seed=1)):
        pass
    return folder


def options(folder: Path, seed: int) -> Options:
    began = datetime.combine(FIRST_DAY - timedelta(days=PAST_DAYS), clock_time.min, ZONE).astimezone(UTC)
    return Options(
        corp_id="wwtest",
        secret="test-secret",
        db=str(folder / "sandbox.sqlite3"),
        spec=folder / "spec.yaml",
        start=began,
        seed=seed,
    )


@contextmanager
def brand(folder: Path, lived_in: Path, database: Path, processes: Processes, seed: int) -> Iterator[Brand]:
    """A fresh workspace at 08:00 of the first day."""
    shutil.copytree(lived_in, folder / "sandbox")
    with running(options(folder / "sandbox", seed)) as url:
        sandbox = httpx.Client(base_url=url, timeout=120, trust_env=False)
        world = sandbox.get("/_sandbox/world").raise_for_status().json()
        variables = {
            "QUNFLOW_WECOM_BASE_URL": url,
            "QUNFLOW_WECOM_CORP_ID": "wwtest",
            "QUNFLOW_WECOM_SECRET": "test-secret",
            "QUNFLOW_WECOM_AGENT_ID": "1000002",
            "QUNFLOW_WEB_URL": "http://127.0.0.1:9",
            "QUNFLOW_CLOCK_URL": f"{url}/_sandbox/clock",
        }
        home = write_workspace(folder / "brand", world, FIRST_DAY, variables=variables)
        settings = home / "qunflow.yaml"
        text = settings.read_text(encoding="utf-8")
        assert "reconcile_after_s: 600" in text
        text = text.replace("reconcile_after_s: 600", f"reconcile_after_s: {RECONCILE_AFTER_S}")
        assert "daily_content, weekly_activity]" in text
        settings.write_text(text.replace("weekly_activity]", "weekly_activity, conversion]"), "utf-8")
        shutil.copy(database, home / "state" / "qunflow.sqlite3")
        here = open_runtime(home)
        made = Brand(here, sandbox, processes)
        made.move_to(FIRST_DAY, 8)
        try:
            yield made
        finally:
            here.close()
            sandbox.close()


def strike(one: Brand, flow: Flow, dice: random.Random) -> str:
    """
    Kill a flow at a point by chance; returns where, or "" when it was over first.

    ``asked``: requests are on their way, some of them held up. ``accepted``: the platform has just taken one or more,
    and nobody has written it down. ``anywhere``: at any time of the run.
    """
    where = dice.choice(("asked", "asked", "accepted", "accepted", "accepted", "anywhere"))
    more, wait_s = dice.randint(1, 4), dice.uniform(0.0, 0.3) if where == "asked" else dice.uniform(0.2, 2.5)
    tasks, asked = one.tasks(), one.asked()
    while not flow.ended(0.004):
        if where == "anywhere":
            hit = time.monotonic() - flow.began > wait_s
        else:
            hit = one.asked() > asked if where == "asked" else one.tasks() >= tasks + more
        if hit and not (where == "asked" and flow.ended(wait_s)):
            flow.kill()
            return where
    return ""


def kill_and_repeat(one: Brand, stage: str, day: date, seed: int) -> Counter[str]:
    """Run a day, killed again and again, until a run was left alone and nothing is open; returns where it was hit."""
    dice, struck = random.Random(seed), Counter[str]()
    one.tell("faults", FAULTS)
    while struck.total() < KILLS and (not struck or one.unfinished(stage)):
        flow = one.processes.start(stage, one.runtime.directory, day)
        where = strike(one, flow, dice)
        struck.update([where] if where else [])
        one.tell("clock", {"advance_s": PAUSE_S})
    # Left alone at last: first with replies that get lost, then on a good day.
    for plan in (FAULTS, [], [], []):
        one.tell("faults", plan)
        one.run(stage, day)
        if not one.unfinished(stage):
            return struck
        one.tell("clock", {"advance_s": PAUSE_S})
    pytest.fail(f"{one.unfinished(stage)} messages are still open")


def judge(one: Brand, stages: Sequence[str], least: int, before: Sequence[Any] = ()) -> None:
    """Hold the acceptance log, from where it stood before, against the outbox: everything once."""
    log = one.log()[len(before) :]
    wanted, taken = sum((one.asked_for(stage) for stage in stages), Counter[tuple[str, str]]()), accepted(log)
    assert len(wanted) >= least, "too little to send for a proof"
    assert set(wanted.values()) == {1}
    assert wanted - taken == Counter(), "messages are missing"
    assert taken - wanted == Counter(), "messages went out twice"
    assert set(cards(log).values()) <= {1}, "a card went out twice"


def test_nothing_goes_out_without_send(
    tmp_path: Path, lived_in: Path, sqlite_template: Path, processes: Processes
) -> None:
    """Every stage, upkeep and the whole cycle leave the acceptance log empty, on the day everything is due."""
    with brand(tmp_path, lived_in, sqlite_template, processes, 1) as one:
        one.move_to(FIRST_DAY, 12, 1)
        done = {stage: one.run(stage, FIRST_DAY, send=False) for stage in STAGES}
        assert one.log() == []
        assert done["daily_content"]["written"] > 0
        assert [stage["dry_run"] for stage in done["cycle"]["stages"]] == [True] * 5


@pytest.mark.parametrize("seed", SEEDS)
def test_daily_content_killed_while_sending(
    tmp_path: Path, lived_in: Path, sqlite_template: Path, processes: Processes, seed: int
) -> None:
    """Each group gets its one mass task of the day, whenever the process that runs the stage dies."""
    with brand(tmp_path, lived_in, sqlite_template, processes, seed) as one:
        one.move_to(FIRST_DAY, 11, 22)
        struck = kill_and_repeat(one, "daily_content", FIRST_DAY, seed)
        assert struck.total() > 0
        judge(one, ["daily_content"], GROUPS)


@pytest.mark.parametrize("seed", SEEDS)
def test_acquisition_killed_while_inviting(
    tmp_path: Path, lived_in: Path, sqlite_template: Path, processes: Processes, seed: int
) -> None:
    """Everybody who is due is invited once and greeted once, whenever the process that runs the stage dies."""
    with brand(tmp_path, lived_in, sqlite_template, processes, seed) as one:
        one.move_to(FIRST_DAY, 10, 30)
        for channel in ("poster-a", "store-b", "article-c", "fission-d"):
            one.tell("act", {"act": "add_contact", "state": channel})
        one.tell("clock", {"advance_s": 60})
        struck = kill_and_repeat(one, "acquisition", FIRST_DAY, seed)
        assert struck.total() > 0
        judge(one, ["acquisition"], 8)


@pytest.mark.parametrize("seed", SEEDS if SOAK else SEEDS[:1])
def test_conversion_killed_while_offering(
    tmp_path: Path, lived_in: Path, sqlite_template: Path, processes: Processes, seed: int
) -> None:
    """Each warmed-up group gets its offer once, whenever the process that runs the stage dies."""
    with brand(tmp_path, lived_in, sqlite_template, processes, seed) as one:
        offer_on = warm_up(one)
        one.move_to(offer_on, 12, 1)
        before = one.log()
        one.run("conversion", offer_on, send=False)
        assert one.log() == before
        struck = kill_and_repeat(one, "conversion", offer_on, seed)
        assert struck.total() > 0
        judge(one, ["conversion"], GROUPS, before)


def warm_up(one: Brand) -> date:
    """A warm-up that people really posted in every group; returns the day of the offer."""
    here = one.runtime
    campaign = here.workspace.communities[0].campaigns[0]
    one.move_to(campaign.warm_up_on, 8, 50)
    one.run("acquisition", campaign.warm_up_on)
    one.run("conversion", campaign.warm_up_on)
    now = one.move_to(campaign.warm_up_on, 19, 45)
    drain(here.ports, now=now).raise_for_problem()
    query = select(targets.c.card_digest).where(
        targets.c.stage == "conversion", targets.c.way == "hand_send", targets.c.state == "sent"
    )

    def post(conn: Any) -> int:
        return sum(mark_hand_sent(conn, one, 3, now) for one in conn.execute(query).scalars().all())

    assert here.store.write(post) == GROUPS
    return campaign.offer_on


@pytest.mark.parametrize("seed", SEEDS if SOAK else SEEDS[:1])
def test_the_same_day_in_two_processes_beside_the_resident_sender(
    tmp_path: Path, lived_in: Path, sqlite_template: Path, processes: Processes, seed: int
) -> None:
    """Two runs at once and the resident sender beside them, one run killed on the way, send everything once."""
    with brand(tmp_path, lived_in, sqlite_template, processes, seed) as one:
        one.move_to(FIRST_DAY, 11, 22)
        resident = subprocess.Popen(
            [sys.executable, "-m", "qunflow.cli", "deliver", "--every-s", "0.1", "-w", str(one.runtime.directory)],
            stdout=subprocess.DEVNULL,
        )
        try:
            for stage in ("acquisition", "daily_content"):
                one.tell("faults", FAULTS)
                first, second = (processes.start(stage, one.runtime.directory, FIRST_DAY) for _ in range(2))
                strike(one, first, random.Random(seed))
                assert second.ended(60)
                second.result()
                until_settled(one, stage)
        finally:
            resident.terminate()
            resident.wait(timeout=20)
        judge(one, ("acquisition", "daily_content"), 2 * GROUPS)


def test_replies_that_get_lost_are_settled_by_the_next_run(
    tmp_path: Path, lived_in: Path, sqlite_template: Path, processes: Processes
) -> None:
    """Tasks that arrived without a reply are found at the platform after the wait, not made again."""
    with brand(tmp_path, lived_in, sqlite_template, processes, 1) as one:
        one.move_to(FIRST_DAY, 11, 22)
        one.tell("faults", [{"path": SEND, "mode": "reply_lost", "times": 3}])
        first = one.run("daily_content", FIRST_DAY)
        one.tell("clock", {"advance_s": PAUSE_S})
        second = one.run("daily_content", FIRST_DAY)
        assert (first["unknown"], second["unknown"], one.unfinished("daily_content")) == (3, 0, 0)
        judge(one, ["daily_content"], GROUPS)


def test_the_schedule_does_the_day_that_a_killed_run_had_claimed(
    tmp_path: Path, lived_in: Path, sqlite_template: Path, processes: Processes
) -> None:
    """The start by event is killed; the one by schedule, minutes later, does the day, and a third finds it done."""
    with brand(tmp_path, lived_in, sqlite_template, processes, 1) as one:
        one.move_to(FIRST_DAY, 11, 22)
        one.tell("faults", [{"path": SEND, "mode": "slow", "seconds": 1.0}])
        flow = processes.start("daily_content", one.runtime.directory, FIRST_DAY, claim="once")
        while not one.intents():
            assert not flow.ended(0.005)
        beside = one.run("daily_content", FIRST_DAY, claim="once")
        flow.kill()
        one.tell("faults", [])
        one.tell("clock", {"advance_s": PAUSE_S})
        done = one.run("daily_content", FIRST_DAY, claim="once")
        again = one.run("daily_content", FIRST_DAY, claim="once")
        assert [row["already_done"] for row in (beside, done, again)] == [True, False, True]
        one.tell("clock", {"advance_s": PAUSE_S})
        one.run("daily_content", FIRST_DAY)
        judge(one, ["daily_content"], GROUPS)


def until_settled(one: Brand, stage: str) -> None:
    """Let simulated time pass until the resident sender has settled everything."""
    one.tell("faults", [])
    for _ in range(100):
        if not one.unfinished(stage):
            return
        one.tell("clock", {"advance_s": 5})
        time.sleep(0.15)
    pytest.fail(f"{one.unfinished(stage)} messages of {stage} are still open")
