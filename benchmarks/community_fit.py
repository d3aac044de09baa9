"""
How close the simulated community is to real ones: who does the talking, and how soon people go.

Real: chat logs of open-source communities that lie beside the project and are not part of it (see
``docs/reference/simulated-community.md``); nothing but the figures printed here is taken from them. Simulated: the
generated past of the default community over several seeds. Both go through the same code.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from statistics import fmean, median
from typing import TypeVar

from qunflow.sandbox.options import Options
from qunflow.sandbox.outside import Outside
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.storage import Event, Storage
from qunflow.sandbox.world.community import Community
from qunflow.sandbox.world.founding import found
from qunflow.sandbox.world.spec import CommunitySpec

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
LOGS = ("irc_raku_beginner", "irc_perl6_dev", "zulip_lean_2018_2021")
# A help channel for newcomers is most like a brand's group; the other is developers among themselves.
LIKE_A_GROUP = "irc_raku_beginner"
DAY_S = 86_400
WINDOW_DAYS, FEWEST_SPEAKERS = 60, 30
STAY_DAYS = (1, 3, 7, 14, 30, 60)
TALK = ("top 1 %", "top 5 %", "top 20 %", "Gini", "days top 20 %", "days Gini")

K = TypeVar("K", str, int)


@dataclass(frozen=True, slots=True)
class Said:
    """Something said: Unix seconds, by whom."""

    at: int
    who: str


@dataclass(frozen=True, slots=True)
class Stay:
    """Somebody's time in a community: first and last instant, Unix seconds; ``last`` is when it ended or was seen."""

    first: int
    last: int


def talk_figures(messages: Sequence[Said]) -> dict[str, float]:
    """
    How unequally people talk in one window of 60 days; medians over the windows with at least 30 speakers.

    Shares of all messages by the most talkative 1, 5 and 20 % of those who spoke at all, rounded up to whole people;
    the Gini coefficient; the last two by days of talking in place of messages.
    """
    windows: dict[int, list[Said]] = defaultdict(list)
    start = min(one.at for one in messages)
    for one in messages:
        windows[(one.at - start) // (WINDOW_DAYS * DAY_S)].append(one)
    rows = []
    for window in windows.values():
        counts = Counter(one.who for one in window)
        days = Counter(who for who, _ in {(one.who, one.at // DAY_S) for one in window})
        if len(counts) >= FEWEST_SPEAKERS:
            shares = [top_share(counts.values(), part) for part in (0.01, 0.05, 0.2)]
            rows.append([*shares, gini(counts.values()), top_share(days.values(), 0.2), gini(days.values())])
    return {name: median(column) for name, column in zip(TALK, zip(*rows, strict=True), strict=True)}


def top_share(counts: Iterable[int], part: float) -> float:
    """The share of the whole that the highest ``part`` of the counts have."""
    ordered = sorted(counts, reverse=True)
    return sum(ordered[: ceil(len(ordered) * part)]) / sum(ordered)


def gini(counts: Iterable[int]) -> float:
    """The Gini coefficient: 0 when all are equal, towards 1 when one has everything."""
    ordered = sorted(counts)
    size, whole = len(ordered), sum(ordered)
    return sum((2 * place - size + 1) * count for place, count in enumerate(ordered)) / (size * whole)


def stay_curve(stays: Iterable[Stay]) -> dict[int, float]:
    """Of those who stayed a day, the share that stayed 3, 7, 14, 30 and 60."""
    lives = [stay.last - stay.first for stay in stays]
    over_a_day = [life for life in lives if life >= DAY_S]
    return {days: sum(life >= days * DAY_S for life in over_a_day) / len(over_a_day) for days in STAY_DAYS}


def loss_shape(curve: Mapping[int, float]) -> dict[int, float]:
    """Which share of those lost between day 1 and day 60 was lost by each day: the shape without the level."""
    lost = 1 - curve[STAY_DAYS[-1]]
    return {days: (1 - share) / lost for days, share in curve.items()}


def distance(one: Mapping[K, float], other: Mapping[K, float]) -> tuple[float, float]:
    """Mean and greatest absolute difference in percentage points; the latter is Kolmogorov-Smirnov's for curves."""
    gaps = [100 * abs(value - other[name]) for name, value in one.items()]
    return fmean(gaps), max(gaps)


def real_talk(log: str) -> dict[str, float]:
    """The talk figures of a log; people are followed through changes of nick."""
    is_irc = log.startswith("irc_")
    rows = _rows(log, "kind = 'message'" if is_irc else "true")
    person = _persons(log) if is_irc else {}
    return talk_figures([Said(at, str(person.get(user, user))) for at, user in rows])


def talk_target() -> dict[str, float]:
    """What is fitted to: the mean of the two communities of a hundred and more speakers a window."""
    figures = [real_talk(log) for log in LOGS[1:]]
    return {name: fmean(one[name] for one in figures) for name in TALK}


def real_stay(log: str) -> dict[int, float]:
    """
    The stay curve of a channel: from the first time somebody is seen, which must be a join, to the last.

    People quit such a channel every night, so an interval ends when somebody is never seen again. The log's first 30
    days are left out (whoever was there before looks new) and so are joins of its last 90, whose end is not known.
    """
    person = _persons(log)
    seen: dict[int, list[int]] = defaultdict(list)
    for at, user in _rows(log, "true"):
        seen[person.get(user, user)].append(at)
    joined: dict[int, int] = {}
    for at, user in _rows(log, "kind = 'join'"):
        joined.setdefault(person.get(user, user), at)
    start, end = min(times[0] for times in seen.values()), max(times[-1] for times in seen.values())
    return stay_curve(
        Stay(times[0], times[-1])
        for who, times in seen.items()
        if joined.get(who) == times[0] and start + 30 * DAY_S <= times[0] <= end - 90 * DAY_S
    )


def simulated_talk(seeds: Sequence[int]) -> dict[str, float]:
    """The talk figures of the default community, means over seeds."""
    figures = [talk_figures([Said(at, who) for at, _, who, _, _ in _past(seed, 60, ("message",))]) for seed in seeds]
    return {name: fmean(one[name] for one in figures) for name in TALK}


def simulated_stay(seeds: Sequence[int]) -> dict[int, float]:
    """The stay curve of a default community twice as old, by people: first join to last leave."""
    stays: list[Stay] = []
    for seed in seeds:
        stays += _stays(_past(seed, 120, ("join", "leave")))
    return stay_curve(stays)


def _stays(events: Sequence[Event]) -> list[Stay]:
    end = max(at for at, *_ in events)
    first: dict[str, int] = {}
    inside: Counter[str] = Counter()
    last: dict[str, int] = {}
    for at, kind, who, _, _ in events:
        first.setdefault(who, at)
        inside[who] += 1 if kind == "join" else -1
        last[who] = at
    return [
        Stay(came, 2 * end if inside[who] else last[who]) for who, came in first.items() if came <= end - 60 * DAY_S
    ]


def _past(seed: int, days: int, kinds: Sequence[str]) -> list[Event]:
    """The events of a generated past with the newcomers a day of the default community, as many days as asked for."""
    default = CommunitySpec()
    options = Options("wwfit", "none", seed=seed, start=datetime(2026, 1, 1, tzinfo=UTC))
    spec = replace(default, people=default.people * days // default.past_days, past_days=days)
    here = Community(Platform(options, Storage(":memory:")), Outside(options.hooks), spec)
    found(here)
    return here.platform.storage.events(0, 2**40, kinds)


def _rows(log: str, where: str) -> list[tuple[int, int]]:
    import duckdb

    query = f"SELECT cast(epoch(ts) AS BIGINT), \"user\" FROM '{DATA / log}.parquet' WHERE {where} ORDER BY ts"  # noqa: S608
    return duckdb.execute(query).fetchall()


def _persons(log: str) -> dict[int, int]:
    """Which nick belongs to which person: a change of nick joins the two."""
    import duckdb

    changes = duckdb.execute(f"SELECT \"user\", new_user FROM '{DATA / log}.parquet' WHERE new_user >= 0").fetchall()  # noqa: S608
    first: dict[int, int] = {}

    def root(nick: int) -> int:
        while nick in first:
            nick = first[nick]
        return nick

    for old, new in changes:
        if root(old) != root(new):
            first[root(new)] = root(old)
    return {nick: root(nick) for nick in first}


def main(arguments: Sequence[str]) -> int:
    """Print real and simulated figures with their distance; 2 where the logs are not."""
    if not DATA.is_dir():
        print(f"the real logs are not here ({DATA}), so there is nothing to compare with", file=sys.stderr)
        return 2
    seeds = range(1, 1 + int(arguments[0]) if arguments else 6)
    talk, target, talked = {log: real_talk(log) for log in LOGS}, talk_target(), simulated_talk(seeds)
    _print("talk, 60 days", {**talk, "target (the last two)": target, "simulated": talked})
    _print_distance(target, talked)
    stays = {log: real_stay(log) for log in LOGS[:2]}
    stayed = simulated_stay(seeds)
    _print("stayed, of those who stayed a day", {**stays, "simulated": stayed})
    _print_distance(stays[LIKE_A_GROUP], stayed)
    shapes = {name: loss_shape(curve) for name, curve in {**stays, "simulated": stayed}.items()}
    _print("share of the 60 days' losses by day", shapes)
    _print_distance(shapes[LIKE_A_GROUP], shapes["simulated"])
    return 0


def _print(title: str, rows: Mapping[str, Mapping[K, float]]) -> None:
    names = [str(name) for name in next(iter(rows.values()))]
    print(f"\n{title:40}" + "".join(f"{name:>14}" for name in names))
    for label, row in rows.items():
        print(f"{label:40}" + "".join(f"{value:14.3f}" for value in row.values()))


def _print_distance(real: Mapping[K, float], ours: Mapping[K, float]) -> None:
    mean, greatest = distance(real, ours)
    print(f"{'distance':40}{mean:>14.1f} points on average, {greatest:.1f} at most")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
