"""
kill -9 of two processes that book the same check-ins, each heard of one to three times: booked once, nobody wrong.

Whoever is killed begins again a little earlier, as a queue does that was not answered. The judge reads the tables with
its own sums. QUNFLOW_SOAK=1 runs the long form.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from tests.crash.ledger_zygote import AT, POINTS

SOAK = os.environ.get("QUNFLOW_SOAK") == "1"
MEMBERS = 50
CHECKINS, KILLS = (4_000, 300) if SOAK else (300, 20)
DAY = date(2026, 3, 2)


class Booker:
    """One process after the other that works through the same deliveries."""

    def __init__(self, zygote: subprocess.Popen[str], deliveries: list[tuple[int, str]], notes: Path) -> None:
        self._zygote, self._deliveries, self._notes = zygote, deliveries, notes
        self._notes.touch()
        self.process_id = 0

    def start(self, back: int) -> None:
        """Begin where the last one ended, or so many deliveries earlier."""
        order = {
            "deliveries": self._deliveries,
            "begin": max(0, self.dealt_with() - back),
            "dealt_with": str(self._notes),
        }
        assert self._zygote.stdin is not None
        assert self._zygote.stdout is not None
        self._zygote.stdin.write(json.dumps(order) + "\n")
        self._zygote.stdin.flush()
        self.process_id = int(self._zygote.stdout.readline())

    def dealt_with(self) -> int:
        """The deliveries this one knows to be booked."""
        lines = [line for line in self._notes.read_text().split("\n")[:-1] if line]
        return max((int(line) + 1 for line in lines), default=0)

    def is_done(self) -> bool:
        """Whether all are booked."""
        return self.dealt_with() == len(self._deliveries)

    def is_alive(self) -> bool:
        """Whether the process runs."""
        with suppress(ProcessLookupError):
            os.kill(self.process_id, 0)
            return True
        return False

    def kill(self) -> bool:
        """End it without a word; False when it had ended."""
        with suppress(ProcessLookupError):
            os.kill(self.process_id, signal.SIGKILL)
            return True
        return False


def deliveries_of(dice: random.Random) -> tuple[list[tuple[int, str]], list[list[tuple[int, str]]]]:
    """The check-ins as they happened, and as two processes hear of them: one to three times, in any order."""
    days = [(DAY + timedelta(days=number)).isoformat() for number in range(CHECKINS // MEMBERS * 2)]
    happened = dice.sample([(person, day) for person in range(1, MEMBERS + 1) for day in days], CHECKINS)
    heard: list[list[tuple[int, str]]] = [[], []]
    for one in happened:
        for _ in range(dice.randint(1, 3)):
            dice.choice(heard).append(one)
    for part in heard:
        dice.shuffle(part)
    return happened, heard


def prepare(url: str) -> None:
    """The members, as numbers."""
    engine = create_engine(url)
    with engine.begin() as conn:
        rows = [{"id": number, "at": AT} for number in range(1, MEMBERS + 1)]
        conn.execute(text("INSERT INTO persons (person_id, created_at) VALUES (:id, :at)"), rows)
    engine.dispose()


def judge(url: str, happened: list[tuple[int, str]]) -> tuple[int, int, int]:
    """Entries booked, members whose points are wrong, and what all postings sum to."""
    engine = create_engine(url)
    with engine.connect() as conn:
        booked = conn.execute(text("SELECT count(*) FROM ledger_entries")).scalar_one()
        whole = conn.execute(text("SELECT sum(amount) FROM ledger_postings")).scalar_one()
        theirs = text("SELECT person_id, sum(amount) FROM ledger_postings WHERE person_id > 0 GROUP BY person_id")
        found = {row[0]: int(row[1]) for row in conn.execute(theirs)}
    engine.dispose()
    due = {person: POINTS * times for person, times in Counter(person for person, _ in happened).items()}
    return booked, sum(found.get(person) != amount for person, amount in due.items()), int(whole)


@pytest.mark.soak
def test_a_checkin_heard_of_often_by_processes_that_die_is_booked_once(store_url: str, tmp_path: Path) -> None:
    """Exactly as many entries as check-ins, every member's points right, and the ledger sums to nothing."""
    dice = random.Random(7)
    happened, heard = deliveries_of(dice)
    prepare(store_url)
    command = [sys.executable, str(Path(__file__).parent / "ledger_zygote.py"), store_url]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    kills, ended_badly = 0, 0
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as zygote:
        bookers = [Booker(zygote, part, tmp_path / f"notes-{number}") for number, part in enumerate(heard)]
        for one in bookers:
            one.start(0)
        until = time.monotonic() + (600 if SOAK else 60)
        while not all(one.is_done() for one in bookers) and time.monotonic() < until:
            time.sleep(dice.uniform(0.004, 0.06))
            victim = dice.choice(bookers)
            if kills < KILLS and not victim.is_done() and victim.kill():
                kills += 1
                victim.start(dice.randint(1, 5))
            for one in bookers:
                if not one.is_done() and not one.is_alive():
                    ended_badly += 1
                    one.start(1)
        for one in bookers:
            one.kill()
        complaints = zygote.communicate()[1]
    booked, wrong, whole = judge(store_url, happened)
    doubled, lost = max(0, booked - CHECKINS), max(0, CHECKINS - booked)
    heard_of = sum(map(len, heard))
    print(f"ledger: {CHECKINS} check-ins heard of {heard_of} times, {kills} kills, {doubled=}, {lost=}, {wrong=}")
    assert (booked, wrong, whole) == (CHECKINS, 0, 0)
    assert kills >= KILLS // 2
    assert (ended_badly, complaints) == (0, "")
