"""Turns in simulated time: no window is ever overfull by what arrives, and nearly all of the allowed rate is used."""

from __future__ import annotations

import heapq
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qunflow.connectors.pacer import Limit, Pacer, Rate
from qunflow.connectors.pacer_cells import Busy, FileShelf, this_boot
from qunflow.errors import ConfigurationError

HOURLY = (Rate(10_000, 60), Rate(150_000, 3_600))


class Time:
    """A clock that tests set."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def fullest(stamps: Sequence[float], window_s: float) -> int:
    """The most stamps in any half-open window; shares nothing with how turns are given."""
    ordered, first, most = sorted(stamps), 0, 0
    for last, at in enumerate(ordered):
        while at - ordered[first] >= window_s - 1e-9:
            first += 1
        most = max(most, last - first + 1)
    return most


def arrivals(
    pacer: Pacer,
    clock: Time,
    limits: list[Limit],
    workers: int,
    latency_s: float,
    late_s: float,
    until: float,
) -> list[float]:
    """What reaches the server from workers who send as fast as they may, each waking up to ``late_s`` late."""
    random, reached = Random(1), []
    begun = clock.now
    due: list[tuple[float, int, float | None]] = [(begun, worker, None) for worker in range(workers)]
    while due[0][0] < begun + until:
        clock.now, worker, ticket = heapq.heappop(due)
        wait = pacer.ask(limits, 1e9, ticket)
        if wait:
            again = (clock.now + wait.seconds + random.random() * late_s, worker, wait.ticket)
        else:
            reached.append(clock.now + latency_s / 2)
            again = (clock.now + latency_s + random.random() * late_s, worker, None)
        heapq.heappush(due, again)
    return reached


@pytest.mark.parametrize("latency_s", [0.005, 0.05, 0.5])
@pytest.mark.parametrize("per_s", [5, 33.5, 72.9, 100, 10_000 / 60, 1_000])
def test_nearly_all_of_the_rate_is_used_and_no_second_is_overfull(latency_s: float, per_s: float) -> None:
    """At every latency, by one clumsy crowd: at least 98 % of the rate, in no second more than it."""
    clock = Time(50.0)
    seconds = 30.0
    rate = Rate(round(per_s * 60), 60)
    crowd = round(per_s * (latency_s + 0.02)) + 2
    found = arrivals(Pacer(None, clock), clock, [Limit("a", (rate,))], crowd, latency_s, 0.004, seconds)
    steady = [at for at in found if at >= found[0] + 5]
    assert len(steady) / (seconds - 5) >= 0.98 * per_s - 2 / (seconds - 5)
    assert fullest(found, 1.0) <= (per_s if per_s > 72 else -(-per_s // 1))


@given(
    rates=st.lists(st.tuples(st.integers(1, 40), st.sampled_from([0.5, 1.0, 7.0, 60.0])), min_size=1, max_size=3),
    asks=st.lists(
        st.tuples(st.floats(0, 3), st.integers(0, 7), st.booleans(), st.floats(0, 1)), min_size=1, max_size=150
    ),
)
@settings(max_examples=150, deadline=None)
def test_whoever_asks_when_no_window_is_overfull(
    rates: list[tuple[int, float]], asks: list[tuple[float, int, bool, float]]
) -> None:
    """Any order of asking, waking late, giving up and travelling for differently long: every window holds."""
    clock = Time()
    limit = Limit("a", tuple(Rate(calls, window_s) for calls, window_s in rates))
    shortest = min(rate.window_s for rate in limit.rates)
    pacer, held, reached = Pacer(None, clock), {}, []
    for pause, worker, gives_up, travel in asks:
        clock.now += pause if pause > 1 else pause / 100
        if gives_up:
            held.pop(worker, None)
        wait = pacer.ask([limit], 100.0, held.pop(worker, None))
        if wait:
            held[worker] = wait.ticket
        else:
            reached.append(clock.now + travel * shortest * 0.005)
    for rate in limit.rates:
        assert fullest(reached, rate.window_s) <= rate.calls


def test_an_hour_is_kept_as_well_as_a_minute() -> None:
    """A fast quarter of an hour uses the hour up; the next call goes when the first has left it."""
    clock = Time()
    pacer, limit = Pacer(None, clock), Limit("a", (Rate(100, 60), Rate(1_500, 3_600)))
    found = arrivals(pacer, clock, [limit], 5, 0.05, 0.0, 7_200)
    assert 99 <= fullest(found, 60) <= 100
    assert fullest(found, 3_600) == 1_500
    assert len(found) >= 0.99 * 3_000
    assert found[1_499] < 920
    assert found[1_500] >= 3_600


def test_a_turn_needs_room_in_every_count_and_is_counted_in_all_or_none() -> None:
    """The address is full though the corp is not: nothing is counted, and the other corp's turn is not spoilt."""
    clock = Time()
    pacer = Pacer(None, clock)
    one, other, address = (Limit(name, (Rate(2, 60),)) for name in ("one", "other", "address"))
    assert pacer.ask([one, address]) is None
    assert pacer.ask([other, address]) is None
    refused = pacer.ask([one, address])
    assert refused is not None
    assert refused.ticket is None
    assert 60 <= refused.seconds <= 60.5
    assert pacer.ask([one]) is None
    assert pacer.ask([one]) is not None


def test_a_few_calls_a_minute_may_come_at_once() -> None:
    """A robot's three messages need not be three seconds apart, but the 21st waits for the minute."""
    clock = Time()
    pacer, robot = Pacer(None, clock), Limit("robot", (Rate(20, 60),))
    assert [pacer.ask([robot]) for _ in range(20)] == [None] * 20
    clock.now = 45
    wait = pacer.ask([robot])
    assert wait is not None
    assert wait.seconds == pytest.approx(15.3)


def test_without_limits_everybody_goes() -> None:
    """A season that passes in minutes has no minutes to count."""
    pacer = Pacer(None, Time())
    assert all(pacer.ask([]) is None for _ in range(1_000))


def test_who_gives_up_waiting_too_long_has_taken_nothing(tmp_path: Path) -> None:
    """A wait beyond one's patience is told and promises nothing, however often it is asked for."""
    clock = Time()
    pacer, limit = Pacer(tmp_path / "pace", clock), Limit("a", (Rate(60, 60),))
    assert pacer.ask([limit]) is None
    waits = [pacer.ask([limit], 0.5) for _ in range(50)]
    assert {(round(wait.seconds, 3), wait.ticket) for wait in waits if wait} == {(1.002, None)}


def test_processes_count_together_and_nobody_reads_whom(tmp_path: Path) -> None:
    """Two objects over one directory are one count; neither a key nor a person stands in a name there."""
    clock = Time()
    one, other = Pacer(tmp_path / "pace", clock), Pacer(tmp_path / "pace", clock)
    limit = Limit("robot secret-key", (Rate(2, 60),))
    assert one.ask([limit]) is None
    assert other.ask([limit]) is None
    assert one.ask([limit]) is not None
    names = [path.name for path in (tmp_path / "pace").iterdir()]
    assert len(names) == 1
    assert "secret" not in names[0]
    assert (tmp_path / "pace").stat().st_mode & 0o077 == 0


def test_a_restart_of_the_machine_begins_a_new_count(tmp_path: Path) -> None:
    """Stamps of a clock that has begun anew block nobody, with or without a name for the boot."""
    limit = Limit("a", (Rate(1, 60),))
    assert Pacer(tmp_path, Time(90_000.0), lambda: 1.0).ask([limit]) is None
    assert Pacer(tmp_path, Time(90_001.0), lambda: 1.0).ask([limit]) is not None
    assert Pacer(tmp_path, Time(90_001.0), lambda: 2.0).ask([limit]) is None
    assert Pacer(tmp_path, Time(5.0), lambda: 2.0).ask([limit]) is None
    assert this_boot() == this_boot() > 0


def test_a_count_that_is_being_changed_is_not_waited_for_by_a_whole_loop(tmp_path: Path) -> None:
    """A stopped process must not stop the others' event loops: they are told at once and look again."""
    shelf = FileShelf(tmp_path)
    with shelf.locked(["a", "b"]), pytest.raises(Busy), shelf.locked(["b"]):
        pass
    with shelf.locked(["b"]):
        pass


@pytest.mark.parametrize("writes", range(8))
def test_who_is_killed_between_two_writes_has_spoilt_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    """After any number of writes the process ends; the next one finds a sound count with at most one turn gone."""
    clock = Time(100.0)
    limit = Limit("a", (Rate(5, 1.0), Rate(9, 60)))
    done = 0
    for at in range(4):
        clock.now = 100.0 + at
        assert Pacer(tmp_path, clock).ask([limit]) is None
    clock.now = 110.0
    left, real = [writes], os.pwrite

    def dying(handle: int, data: bytes, offset: int) -> int:
        if not left[0]:
            raise SystemExit
        left[0] -= 1
        return real(handle, data, offset)

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", dying)
        with suppress(SystemExit):
            done += Pacer(tmp_path, clock).ask([limit]) is None
    for _ in range(10):
        clock.now += 1
        done += Pacer(tmp_path, clock).ask([limit]) is None
    assert done in (4, 5)
    clock.now += 60
    assert Pacer(tmp_path, clock).ask([limit]) is None


def test_a_directory_that_takes_no_file_is_said(tmp_path: Path) -> None:
    """Without a count nothing may be sent, and the message names where it would be."""
    (tmp_path / "pace").write_text("")
    with pytest.raises(ConfigurationError, match="count of calls"):
        Pacer(tmp_path / "pace").ask([Limit("a", (Rate(1, 60),))])
