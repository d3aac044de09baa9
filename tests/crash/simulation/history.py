"""
One seed, one history: a plan, a platform that misbehaves, workers that are killed, and what the judge says of it.

The plan is written down before anything runs; the workers are the production code in ``house``.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Connection, insert

from qunflow.delivery.hand_send import card_token
from qunflow.delivery.model import Content, Planned
from qunflow.delivery.outbox import approve, check, plan
from qunflow.delivery.ports import Ports
from qunflow.delivery.resident import tick
from qunflow.delivery.sender import drain
from qunflow.delivery.switches import go_on, stop
from qunflow.delivery.welcome import Newcomer, answer_welcomes
from qunflow.delivery.welcome_codes import remember_welcome
from qunflow.errors import TransientError
from qunflow.settings.workspace import Community, Delivery, Workspace
from qunflow.store.ledger import book
from qunflow.store.tables import groups, suppressions
from tests.crash.simulation.checker import Rules, Taken, Verdict, Wanted, covers, judge
from tests.crash.simulation.house import ROBOTS, WEB_URL, Databases, House, SimulatedWeCom
from tests.crash.simulation.platform import Platform
from tests.crash.simulation.world import START, Fuse, Worker, World

WAIT_S = 600
QUIET = (time(21, 0), time(8, 0))
DAY = date(2026, 3, 4)
_OPEN = "'planned', 'checked', 'approved', 'intent', 'unknown'"
_LONGEST_S = 6 * 86_400.0
# How wrong a machine's clock may be and become. Set forward by more than the wait less the latest arrival, it would
# ask too early: nothing on the machine can tell that from time that has passed.
CLOCK_ERROR_S = (-3_600.0, 240.0)
# Where a kill falls: kind of step, and the longest way to it. Most around calls and commits, where it can do harm.
_FUSES = (("http", 6), ("http", 6), ("commit", 8), ("", 200))


@dataclass(frozen=True)
class Shape:
    """What kind of histories there are: messages and kills in each, and how large the world is."""

    messages: int = 12
    kills: int = 5
    chats: int = 4
    days: int = 1


@dataclass
class Outcome:
    """What became of one history; ``hash`` is the same for the same seed, wherever it is lived."""

    seed: int
    verdict: Verdict
    kills: list[str]
    hash: str
    hours: float
    steps: int
    faults: dict[str, int]


@dataclass
class Message:
    """A planned message as both sides know it: the production plan and the judge's."""

    planned: Planned
    wanted: Wanted


@dataclass
class Stranger:
    """Somebody who adds the helper at a second of the history."""

    person: str
    at_s: float
    code: str
    text: str


@dataclass
class Scene:
    """What the seed has laid down before anything runs."""

    chats: int
    messages: list[Message] = field(default_factory=list)
    strangers: list[Stranger] = field(default_factory=list)
    closed: dict[str, tuple[tuple[datetime, datetime], ...]] = field(default_factory=dict)
    day_1: bool = False
    caps: tuple[int, int] = (0, 0)
    begins_s: float = 3_600.0
    skews: list[tuple[float, float]] = field(default_factory=list)
    habit: str = "soon"


class History:
    """
    One life of the system.

    Args:
        databases: reused from one history to the next.
        seed: decides everything.
        shape: how large it is.
    """

    def __init__(self, databases: Databases, wecom: SimulatedWeCom, seed: int, shape: Shape = Shape()) -> None:
        dice = random.Random(f"scene {seed}")
        self.seed, self.shape = seed, shape
        self.world = World(seed, START, pauses=0.01 if dice.random() < 0.4 else 0.0)
        self.scene = a_scene(dice, shape)
        trouble = dice.choice((0.0, 0.15, 0.35))
        platform = Platform(self.world, trouble, 5, _HABITS[self.scene.habit])
        community = Community(
            key="neighbours",
            name="邻里",
            type="购物",
            helper="helper_xm",
            quota={"mode": "day_1" if self.scene.day_1 else "month_days"},
            caps={"person_per_day": self.scene.caps[0], "person_per_week": 0, "group_per_day": self.scene.caps[1]},
        )
        # More tries than a history has troubles: what the platform will tell in the end is no dead letter.
        delivery = Delivery(reconcile_after_s=WAIT_S, attempts=8)
        workspace = Workspace(brand="小满", communities=(community,), delivery=delivery)
        self.house = House(self.world, databases, wecom, platform, workspace)
        self.persons: dict[str, int] = {}
        self.group_ids: list[int] = []
        self.settled = self.flow_done = self.busy = self.closing = self.told = False
        self.born = 0
        self.crew = 2 if dice.random() < 0.4 else 1
        self.last_event_s = 0.0

    def live(self) -> Outcome:
        """Live it through and judge it."""
        self._furnish()
        for _ in range(self.crew):
            self._bear(self.scene.begins_s)
        self.world.run(lambda: self.settled, _LONGEST_S + 86_400 * self.shape.days)
        rows = self._rows()
        self.world.note(repr(rows))
        return Outcome(
            self.seed,
            self._judged(rows),
            self.world.kills,
            self.world.history,
            self.world.seconds / 3_600,
            self.world.steps,
            self.house.platform.faults,
        )

    def _furnish(self) -> None:
        names = [f"wr{one}" for one in range(1, self.scene.chats + 1)]
        rows = [
            {
                "community": "neighbours",
                "group_key": f"g{one[2:]}",
                "chat_id": one,
                "name": one,
                "kind": "benefit_group",
            }
            for one in names
        ]
        persons = {one.wanted.address for one in self.scene.messages if one.wanted.way == "private_task"}
        persons |= {one.person for one in self.scene.strangers}
        with self.house.store.writing() as conn:
            conn.execute(insert(groups), rows)
            if persons:
                self.persons = self.house.vault.persons_for(conn, "external_userid", sorted(persons), self.world.now)
        for one in self.scene.messages:
            if one.wanted.way == "private_task":
                one.planned = replace(one.planned, target_ref=self.persons[one.wanted.address])
        self._schedule()

    def _schedule(self) -> None:
        for stranger in self.scene.strangers:
            self._later(stranger.at_s, lambda one=stranger: self._arrives(one))
        for key, windows in self.scene.closed.items():
            for since, until in windows:
                self._later(self._second(since), lambda key=key: self._close(key))
                if key.startswith(("all", "group:", "campaign:")):
                    self._later(self._second(until), lambda key=key: self._reopen(key))

    def _second(self, at: datetime) -> float:
        return (at - START).total_seconds()

    def _later(self, second: float, what: Any) -> None:
        self.last_event_s = max(self.last_event_s, second)
        self.world.at(second, what)

    def _arrives(self, one: Stranger) -> None:
        with self.house.store.writing() as conn:
            remember_welcome(
                conn,
                self.house.vault,
                person_id=self.persons[one.person],
                userid="helper_xm",
                channel="door",
                code=one.code,
                received_at=self.world.now,
            )

    def _close(self, key: str) -> None:
        with self.house.store.writing() as conn:
            if key in self.persons:
                row = {"person_id": self.persons[key], "kind": "opt_out", "since": self.world.now, "source": "reply"}
                conn.execute(insert(suppressions), [row])
            else:
                stop(conn, *_switch(key), by="li", at=self.world.now)

    def _reopen(self, key: str) -> None:
        with self.house.store.writing() as conn:
            go_on(conn, *_switch(key), by="li", at=self.world.now)

    # --- workers ---

    def _bear(self, second: float) -> None:
        self.born += 1
        dice = self.world.dice
        fuse = None
        if len(self.world.kills) < self.shape.kills:
            kind, most = dice.choice(_FUSES)
            fuse = Fuse(kind, dice.randint(1, most))
        worker = Worker(f"w{self.born}", fuse)
        self.world.spawn(second, worker, lambda: self._live(worker), self._bury)

    def _bury(self) -> None:
        self.house.databases.rest()
        self._bear(self._restart_s())

    def _restart_s(self) -> float:
        dice = self.world.dice
        return self.world.seconds + (dice.uniform(0.5, 4.0) if dice.random() < 0.8 else dice.uniform(10.0, 900.0))

    def _live(self, worker: Worker) -> None:
        ports = self.house.ports(worker)
        self._try(lambda: self._run_flow(ports))
        while True:
            if not self.flow_done:
                self._try(lambda: self._run_flow(ports))
            worker.skew_s = self._skew_s()
            self._try(lambda: self._round(ports))
            self._look(worker)
            self.world.sleep(self._rest_s())

    def _try(self, work: Any) -> None:
        try:
            work()
        except TransientError:
            return  # as the resident does: told, and tried again at the next beat

    def _skew_s(self) -> float:
        return next((skew for since, skew in reversed(self.scene.skews) if since <= self.world.seconds), 0.0)

    def _run_flow(self, ports: Ports) -> None:
        """What a stage does, again by every worker that is started."""
        if self.flow_done and self.world.dice.random() < 0.85:
            return
        planned = [one.planned for one in self.scene.messages]
        at = self.world.now
        report = ports.store.write(lambda conn: plan(conn, planned, at))
        ports.store.write(lambda conn: check(conn, report.ids))
        ports.store.write(lambda conn: approve(conn, report.ids, by="li", at=at))
        self.flow_done = True

    def _round(self, ports: Ports) -> None:
        self.busy = False
        now = ports.clock.now()
        if any(one.at_s - 1 <= self.world.seconds <= one.at_s + 60 for one in self.scene.strangers):
            answer_welcomes(ports, self._compose, now=now)
        at_peace = self.closing
        if at_peace or self.world.dice.random() < 0.25:
            whole = tick(ports, now=now)
            # A round that began before the last kill knows nothing of what that left behind.
            report, self.told = whole.delivery, at_peace and not whole.problems
        else:
            report = drain(ports, now=now)
        self.busy = bool(report.sent or report.unknown)

    def _compose(self, conn: Connection, one: Newcomer) -> Content:
        stranger = next(found for found in self.scene.strangers if self.persons[found.person] == one.person_id)
        person = f"person/{one.person_id}"
        postings = {"points/given": -10, person: 10}
        book(conn, stranger.code, "neighbours", "points", "welcome", postings, {person: one.person_id}, one.received_at)
        return Content(stranger.text)

    def _rest_s(self) -> float:
        dice = self.world.dice
        if self.busy:
            choice: tuple[float, ...] = (2.0, 60.0, 620.0)
        elif covers(QUIET, self.world.now):
            choice = (3_000.0, 9_000.0)
        else:
            choice = (300.0, 620.0)
        rest = dice.choice(choice) * dice.uniform(0.7, 1.3)
        coming = [one.at_s - self.world.seconds + 0.5 for one in self.scene.strangers]
        return min([rest, *(one for one in coming if one > 0)])

    def _look(self, worker: Worker) -> None:
        """Whether everything is settled; a kill that is still owed comes at once then."""
        [(targets, unfinished)] = self.house.databases.rows(
            f"SELECT count(*), coalesce(sum(state IN ({_OPEN})), 0) FROM targets"
        )
        if not targets or unfinished or self.world.seconds < self.last_event_s + 60 or self.house.platform.pending:
            return
        if len(self.world.kills) >= self.shape.kills and worker.fuse is None:
            # One whole round at peace: what became of tasks that a killed worker had taken back is still to be read.
            self.settled, self.closing = self.closing and self.told, True
        elif len(self.world.kills) >= self.shape.kills:
            worker.fuse = None
        elif worker.fuse is None or worker.fuse.kind:
            worker.fuse = Fuse("", self.world.dice.randint(1, 40))

    # --- the judge's side ---

    def _rows(self) -> list[tuple[Any, ...]]:
        return self.house.databases.rows(
            "SELECT slot_key, target_kind, target_ref, target_id, way, state, reason, outcome, attempts, local_day"
            " FROM targets"
            " ORDER BY target_id"
        )

    def _judged(self, rows: Sequence[tuple[Any, ...]]) -> Verdict:
        found = {(row[0], row[2], row[9]): row for row in rows}
        wanted, told = [], {}
        for one in self.scene.messages:
            row = found[one.planned.slot_key, one.planned.target_ref, one.planned.day.isoformat()]
            told[len(wanted)] = (row[5], row[6], row[7])
            wanted.append(self._with_card(one.wanted, row[3]))
        for stranger in self.scene.strangers:
            row = found.get(("welcome/helper_xm", self.persons[stranger.person], DAY.isoformat()))
            if row is None:
                continue  # nobody was there in the twenty seconds: for the acquisition stage to find
            told[len(wanted)] = (row[5], row[6], row[7])
            at = START + timedelta(seconds=stranger.at_s)
            wanted.append(Wanted("welcome", stranger.person, stranger.text, at))
        rules = Rules(
            1 if self.scene.day_1 else 0,
            *self.scene.caps,
            QUIET,
            self.scene.closed,
            max((abs(skew) for _, skew in self.scene.skews), default=0.0),
            night=self.scene.begins_s > 36_000,
        )
        verdict = judge(wanted, self._taken(), told, rules)
        verdict.violations += self._wrong_points()
        return verdict

    def _with_card(self, one: Wanted, target_id: int) -> Wanted:
        if one.way != "hand_send":
            return one
        url = f"{WEB_URL}/hand/{card_token(self.house.vault, target_id)}"
        return Wanted(one.way, one.address, url, one.not_before, one.group, one.campaign)

    def _taken(self) -> list[Taken]:
        found = []
        for one in self.house.platform.log:
            addresses = one.addresses[2:] if one.path.endswith("add_msg_template") else one.addresses
            if one.path.endswith("send_welcome_msg"):
                addresses = (one.addresses[0].split("-")[0],)
            withdrawn = one.cancelled_at is not None
            found += [Taken(address, one.text, one.at, one.decided_at, withdrawn) for address in addresses]
        return found

    def _wrong_points(self) -> list[str]:
        sums = self.house.databases.rows("SELECT account, sum(amount) FROM ledger_postings GROUP BY account")
        persons = sorted((account, total) for account, total in sums if account.startswith("person/"))
        return [f"{account} holds {total} points" for account, total in persons if total != 10]


def a_scene(dice: random.Random, shape: Shape) -> Scene:
    """What there is to send, and what stands in its way."""
    # Some begin so late in the evening that quiet hours fall into them.
    evening = dice.random() < 0.2
    scene = Scene(shape.chats, day_1=dice.random() < 0.2)
    scene.begins_s = 3_600.0 * (dice.uniform(11.5, 12.2) if evening else 1.0)
    scene.caps = dice.choice(((0, 0), (0, 0), (1, 0), (0, 2), (1, 3)))
    scene.habit = dice.choice(("soon", "late", "never"))
    begin = START + timedelta(seconds=scene.begins_s)
    strangers = 1 if dice.random() < 0.3 and not evening else 0
    for day in range(shape.days):
        for number in range(shape.messages):
            scene.messages.append(_a_message(dice, number, begin, scene, day))
    for number in range(strangers):
        at_s = scene.begins_s + round(dice.uniform(5.0, 900.0))
        person = f"wx{number}"
        code = f"{person}-{(START + timedelta(seconds=at_s)).timestamp():.0f}"
        scene.strangers.append(Stranger(person, at_s, code, f"欢迎 {number}"))
    _close_some(dice, scene, begin)
    if dice.random() < 0.25:
        changes = (0.0, scene.begins_s + dice.uniform(60, 3_000))
        scene.skews = [(since, dice.uniform(*CLOCK_ERROR_S)) for since in changes]
    return scene


_WAYS = ("mass_task",) * 6 + ("private_task",) * 2 + ("hand_send",) * 2 + ("staff_notice", "robot")


def _a_message(dice: random.Random, number: int, first: datetime, scene: Scene, after_days: int) -> Message:
    begin = first + timedelta(days=after_days)
    way: Any = "mass_task" if number < 3 else dice.choice(_WAYS)
    due = begin + timedelta(seconds=dice.choice((0, 0, 0, 600, 1_500)))
    chat = dice.randint(1, scene.chats)
    # Some messages say the same, to the same chat too, but in another slot.
    text, campaign = f"text {after_days}/{number}", dice.choice(("", "", "spring"))
    if way == "mass_task" and dice.random() < 0.4:
        text, campaign, due = f"{dice.choice(('早安', '今日特价'))} {after_days}", "", begin
    kind, ref, address, sender = "chat", chat, f"wr{chat}", dice.choice(("owner_zhou", "owner_li"))
    if way == "private_task":
        kind, ref, address = "person", dice.randint(1, 3), ""
        address = f"wm{ref}"
    elif way == "hand_send":
        address = sender = dice.choice(("admin_lin", "admin_tang"))
    elif way == "robot":
        address = sender = dice.choice(ROBOTS)
    elif way == "staff_notice":
        kind, ref, address = "staff", 0, sender
    planned = Planned(
        community="neighbours",
        stage="daily_content",
        campaign=campaign,
        slot_key=f"slot-{number}",
        day=DAY + timedelta(days=after_days),
        way=way,
        sender_userid=sender,
        target_kind=kind,  # type: ignore[arg-type]
        target_ref=ref,
        content=Content(text),
        due_at=due,
        not_after=due + timedelta(days=4),
        marketing=True,
    )
    group = f"neighbours/g{chat}" if kind == "chat" else ""
    return Message(planned, Wanted(way, address, text, due, group, campaign))


def _close_some(dice: random.Random, scene: Scene, begin: datetime) -> None:
    if dice.random() < 0.3:
        someone = next((one.wanted.address for one in scene.messages if one.wanted.way == "private_task"), None)
        if someone:
            since = begin + timedelta(seconds=dice.choice((-60.0, dice.uniform(0, 900))))
            scene.closed[someone] = ((since, begin + timedelta(days=30)),)
    if dice.random() < 0.2:
        key = dice.choice(("all", "group:neighbours/g1", "campaign:spring"))
        since = begin + timedelta(seconds=dice.uniform(-60, 600))
        scene.closed[key] = ((since, since + timedelta(seconds=dice.uniform(300, 3_000))),)


def _switch(key: str) -> tuple[Any, str]:
    scope, _, name = key.partition(":")
    return (scope, name or "all")


_HABITS = {
    "soon": lambda dice: dice.uniform(30, 900),
    "late": lambda dice: dice.uniform(900, 9_000) if dice.random() < 0.7 else None,
    "never": lambda dice: None,
}
