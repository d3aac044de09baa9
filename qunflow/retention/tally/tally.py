"""
Retention as a tally that is carried on: each run reads what is new, and changes only what that touches.

What is kept are sets and sums, in named parts: who was active on each day, when each first joined, first and last
acted and where each is now, every join and leave, and the counts that follow from them. People are kept under the
numbers they were written with; who is one person is applied on top, so a merge can be taken back. Which events are
counted at all is decided in ``tally.news``, what the counts mean in ``tally.reading``, where the parts lie by others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from qunflow.retention.tally.cells import (
    CLASSIC,
    DAYS,
    EVENTS,
    NOBODY,
    ODD_JOIN,
    ODD_LEAVE,
    REPEATED,
    ROLLING,
    SIZE,
    STAY,
    Cells,
)
from qunflow.retention.tally.links import Links, families
from qunflow.retention.tally.moves import (
    FIRST,
    GAPS,
    GONE,
    NET,
    NOWHERE,
    DayOf,
    GroupSums,
    Moves,
    People,
    group_sums,
    people_of,
    stays_of,
)
from qunflow.retention.tally.news import News
from qunflow.retention.tally.pages import (
    NO_DAY,
    Column,
    Ints,
    Marks,
    Truths,
    days_among,
    distinct,
    ints,
    looked_up,
    ordered,
    packed,
    places,
    unpacked,
)
from qunflow.retention.tally.periods import PERIODS, starts_of

MOST_PATCHES, MOST_SEGMENTS = 8, 8
COLUMNS: Mapping[str, int] = {"joined": NO_DAY, "first_act": NO_DAY, "last_act": NO_DAY, "home": NOWHERE}


class Parts(Protocol):
    """Where the parts of a tally lie."""

    def get(self, name: str) -> bytes | None:
        """One part, None when there is none."""

    def names(self, prefix: str) -> list[str]:
        """The parts whose name begins like this, in order."""


@dataclass(frozen=True, slots=True)
class Kinds:
    """The numbers of the kinds of events that mean something here."""

    join: int
    leave: int
    active: tuple[int, ...]
    spoken: tuple[int, ...]


class Tally:
    """
    One community's tally.

    Args:
        parts: what was kept so far.
        kinds: what counts as what; another choice needs another tally.
        day_of: local days since 1970 of instants in microseconds since 1970 UTC.

    After ``finish``, ``changes`` holds the parts that are new or gone (None); they hold only together.
    """

    def __init__(self, parts: Parts, kinds: Kinds, day_of: DayOf) -> None:
        self._parts, self._kinds, self.day_of = parts, kinds, day_of
        self.links = Links.from_bytes(parts.get("links"))
        self.cells = Cells(parts.get("cells"))
        self._marks: dict[int, Marks] = {}
        self._columns: dict[str, Column] = {}
        self._segments: list[Moves] | None = None
        self._patched: set[str] = set()
        self._marked: set[int] = set()
        self.changes: dict[str, bytes | None] = {}

    def part(self, name: str) -> bytes | None:
        """A part as it is now."""
        return self.changes[name] if name in self.changes else self._parts.get(name)

    def names(self, prefix: str) -> list[str]:
        """The parts there are now whose name begins like this."""
        changed = {name for name in self.changes if name.startswith(prefix)}
        kept = set(self._parts.names(prefix)) - changed
        return sorted(kept | {name for name in changed if self.changes[name] is not None})

    def active(self, day: int) -> Marks:
        """Who was active on a day, by the numbers that were written."""
        if day not in self._marks:
            self._marks[day] = Marks(self.part(f"active:{day}"))
        return self._marks[day]

    def active_days(self) -> list[int]:
        """The days anybody was active on, in order."""
        return sorted(self._marked | {int(name.partition(":")[2]) for name in self.names("active:")})

    def column(self, name: str) -> Column:
        """A number of each person, see ``COLUMNS``."""
        if name not in self._columns:
            patches = [self._parts.get(patch) or b"" for patch in self._parts.names(f"{name}+")]
            self._columns[name] = Column(self._parts.get(name), patches, COLUMNS[name])
        return self._columns[name]

    def board(self, day: int) -> GroupSums:
        """The sums of the groups of one day."""
        return GroupSums.from_bytes(self.part(f"board:{day}"))

    def totals(self) -> GroupSums:
        """The sums of the groups over all days, of the kinds that are asked for as a whole; their day is 0."""
        return GroupSums.from_bytes(self.part("totals"))

    def moves(self) -> Sequence[Moves]:
        """Every join and leave, in parts."""
        if self._segments is None:
            self._segments = [Moves.from_bytes(self._parts.get(name)) for name in self._parts.names("moves:")]
        return self._segments

    def moves_of(self, people: Ints) -> Moves:
        """The joins and leaves of some people, given in order, by the numbers that were written."""
        return Moves.joined([part.among(people) for part in self.moves()])

    def advance(self, news: News, links: Links | None = None) -> Ints:
        """
        Take in events that were not taken in before, and who is one person now; returns the local days touched.

        Of merged or split people every day they did anything on is touched.
        """
        before, after = self.links, links or self.links
        day = self.day_of(news.at_us)
        self.cells.add(day, EVENTS)
        self.cells.add(day[news.person <= 0], NOBODY)
        self.cells.add(day[news.repeated == 1], REPEATED)
        mine = news.person > 0
        news, day = news.take(mine), day[mine]
        moving = (news.kind == self._kinds.join) | (news.kind == self._kinds.leave)
        acting = _one_of(news.kind, self._kinds.active)
        regrouped = after.differing(before)
        linked = distinct(np.concatenate([before.linked(), after.linked()]))
        acted = news.person[acting & np.isin(news.person, linked)] if len(linked) else linked
        seeds = np.concatenate([news.person[moving], regrouped, acted])
        touched = families(seeds, before, after)
        moves = Moves.of(
            news.person[moving], news.group[moving], news.at_us[moving] * 2 + (news.kind[moving] == self._kinds.leave)
        )
        was, now, affected = self._count_moves(touched, moves, before, after)
        anew = touched[np.isin(touched, linked) | (_first(was, touched) != _first(now, touched))]
        self._count_acts(anew, before, was, -1)
        new_day, new_person = self._mark(day[acting], news.person[acting])
        rebased = self._count_new_acts(new_day, new_person, anew)
        self._count_acts(anew, after, now, +1)
        days = distinct(np.concatenate([ints(days_among(new_day)), self._days_of(families(regrouped, before, after))]))
        self._forget_matrix(distinct(np.concatenate([days, self._days_of(rebased)])))
        self.links = after
        spoken = _one_of(news.kind, self._kinds.spoken)
        self._note_strangers(news.person[spoken], news.group[spoken], day[spoken])
        return distinct(np.concatenate([days, affected]))

    def finish(self) -> Mapping[str, bytes | None]:
        """Put what changed into parts; returns ``changes``."""
        self.changes["cells"] = self.cells.to_bytes()
        self.changes["links"] = self.links.to_bytes()
        self.changes |= {f"active:{day}": self.active(day).to_bytes() for day in self._marked}
        for name in self._patched:
            patches = self._parts.names(f"{name}+")
            column, patch = self._columns[name], self._columns[name].patch()
            if patch and len(patches) < MOST_PATCHES and len(patch) * MOST_PATCHES < column.size_bytes:
                self.changes[f"{name}+{len(patches)}"] = patch
            else:
                self.changes |= dict.fromkeys(patches)
                self.changes[name] = column.to_bytes()
        return self.changes

    def strangers(self) -> tuple[Ints, Ints, Ints]:
        """
        Person, group and day of those who spoke in a group that was not the one they were in; a pair may come again.

        Who joins a second group only after speaking there, or is split from somebody who had joined, is passed over.
        """
        parts = [unpacked(content) for name in self.names("strangers:") if (content := self.part(name))]
        person, group, day = (np.concatenate([ints(), *(part[place] for part in parts)]) for place in range(3))
        return person, group, day

    def _count_moves(self, touched: Ints, new: Moves, before: Links, after: Links) -> tuple[People, People, Ints]:
        """Take away what the moves of these people came to, add what they come to now; and the days of moves."""
        old = self.moves_of(touched)
        was, sums_were = self._sums_of(old, before, -1)
        now, sums_are = self._sums_of(Moves.joined([old, new]), after, +1)
        differing = GroupSums.joined([sums_were, sums_are])
        for day in days_among(differing.day):
            mine = differing.day == day
            part = GroupSums(differing.day[mine], differing.group[mine], differing.what[mine], differing.count[mine])
            merged = GroupSums.joined([self.board(day), part])
            self.changes[f"board:{day}"] = merged.to_bytes() if len(merged.day) else None
        whole = [differing.kind(what) for what in (NET, FIRST, GONE)]
        zeroed = [GroupSums(part.day * 0, part.group, part.what, part.count) for part in whole]
        if any(len(part.day) for part in zeroed):
            self.changes["totals"] = GroupSums.joined([self.totals(), *zeroed]).to_bytes()
        self._put_column("joined", touched, _first(now, touched))
        self._put_column("home", touched, looked_up(now.person, now.home, touched, NOWHERE))
        if len(new):
            self._add_segment(new)
        told = ~np.isin(differing.what, (FIRST * GAPS, GONE * GAPS))
        return was, now, distinct(differing.day[told])

    def _sums_of(self, moves: Moves, links: Links, sign: int) -> tuple[People, GroupSums]:
        meant = Moves.of(links.now(moves.person), moves.group, moves.move, moves.times)
        stays, odd_joins, odd_leaves = stays_of(meant, self.day_of)
        self.cells.add(odd_joins[0], ODD_JOIN, odd_joins[1] * sign)
        self.cells.add(odd_leaves[0], ODD_LEAVE, odd_leaves[1] * sign)
        people = people_of(stays, DAYS)
        self.cells.add(people.first, SIZE, sign)
        for place, there in enumerate(people.stayed):
            self.cells.add(people.first[there], STAY + place, sign)
        return people, group_sums(stays).times(sign)

    def _count_acts(self, written: Ints, links: Links, people: People, sign: int) -> None:
        """Classic and rolling counts of some people, by the numbers that were written."""
        meant = links.now(written)
        joined = _first(people, meant)
        kept = joined != NO_DAY
        order = np.argsort(meant[kept], kind="stable")
        written, meant, joined = written[kept][order], meant[kept][order], joined[kept][order]
        if not len(meant):
            return
        starts = np.flatnonzero(np.concatenate([[True], meant[1:] != meant[:-1]]))
        first, last = joined[starts], np.maximum.reduceat(self.column("last_act").take(written), starts)
        for place, k in enumerate(DAYS):
            there = np.logical_or.reduceat(self._was_active(written, joined + k), starts)
            self.cells.add(first[there], CLASSIC + place, sign)
            self.cells.add(first[last >= first + k], ROLLING + place, sign)

    def _was_active(self, people: Ints, day: Ints) -> Truths:
        """Whether each was active on a day of their own."""
        found = np.zeros(len(people), bool)
        for one in days_among(day):
            if one in self._marks or self.part(f"active:{one}") is not None:
                mine = day == one
                found[mine] = self.active(one).has(people[mine])
        return found

    def _mark(self, day: Ints, person: Ints) -> tuple[Ints, Ints]:
        """Note who was active; returns days and people that were not noted before."""
        days, people = [ints()], [ints()]
        among = days_among(day)
        for one in among:
            new = self.active(one).add(person[day == one] if len(among) > 1 else person)
            if len(new):
                self._marked.add(one)
                people.append(new)
                days.append(np.full(len(new), one))
        return np.concatenate(days), np.concatenate(people)

    def _count_new_acts(self, day: Ints, person: Ints, anew: Ints) -> Ints:
        """Count new days of activity, but of people counted anew; returns who acted earlier than was known."""
        if not len(day):
            return ints()
        if day[0] != day[-1]:
            order = np.lexsort((day, person))
            day, person = day[order], person[order]
        starts = np.flatnonzero(np.concatenate([[True], person[1:] != person[:-1]]))
        people, last_new = person[starts], np.maximum.reduceat(day, starts)
        firsts, lasts = self.column("first_act"), self.column("last_act")
        first_before, last_before = firsts.take(people), lasts.take(people)
        joined = self.column("joined").take(people)
        last = np.maximum(last_before, last_new)
        counted = joined != NO_DAY
        counted[places(people, anew)] = False
        often = np.diff(starts, append=len(day))
        self._count_days(day, np.repeat(joined, often), np.repeat(counted, often))
        near = counted & (last_before < joined + max(DAYS)) & (last > joined)
        joined, last_before, reached = joined[near], last_before[near], last[near]
        for place, k in enumerate(DAYS):
            self.cells.add(joined[(reached >= joined + k) & (last_before < joined + k)], ROLLING + place)
        self._put_column("last_act", people, last)
        earlier = (first_before == NO_DAY) | (day[starts] < first_before)
        self._put_column("first_act", people[earlier], day[starts][earlier])
        rebased: Ints = people[earlier & (first_before != NO_DAY)]
        return rebased

    def _count_days(self, day: Ints, joined: Ints, counted: Truths) -> None:
        """Count days of activity that lie one of the looked at days after joining."""
        gone = day - joined
        due = counted & (gone > 0) & (gone <= max(DAYS))
        gone, joined = gone[due], joined[due]
        for place, k in enumerate(DAYS):
            self.cells.add(joined[gone == k], CLASSIC + place)

    def _days_of(self, people: Ints) -> Ints:
        """The days any of these was active on, by the numbers that were written."""
        if not len(people):
            return ints()
        return ints([day for day in self.active_days() if self.active(day).has(people).any()])

    def _forget_matrix(self, days: Ints) -> None:
        for period in PERIODS:
            for start in distinct(starts_of(days, period)).tolist():
                if self.part(f"matrix:{period}:{start}") is not None:
                    self.changes[f"matrix:{period}:{start}"] = None

    def _put_column(self, name: str, people: Ints, values: Ints) -> None:
        column = self.column(name)
        differs = column.take(people) != values
        if differs.any():
            column.put(people[differs], values[differs])
            self._patched.add(name)

    def _add_segment(self, new: Moves) -> None:
        """Small parts are put together when there are many, and into the large one when they have grown."""
        names, held = self.names("moves:"), [*self.moves(), new]
        following = int(names[-1].partition(":")[2]) + 1 if names else 0
        if len(held) > MOST_SEGMENTS:
            large = max(range(len(held) - 1), key=lambda place: len(held[place]))
            rest = [place for place in range(len(held)) if place != large]
            together = rest if sum(len(held[place]) for place in rest) * 4 < len(held[large]) else range(len(held))
            gone = {place for place in together if place < len(names)}
            self.changes |= {names[place]: None for place in gone}
            new = Moves.joined([held[place] for place in together])
            held = [*(part for place, part in enumerate(held[:-1]) if place not in gone), new]
        self.changes[f"moves:{following:06d}"] = new.to_bytes()
        self._segments = held

    def _note_strangers(self, person: Ints, group: Ints, day: Ints) -> None:
        meant = self.links.now(person)
        away = (self.column("home").take(meant) != group) | (day < self.column("joined").take(meant))
        if not away.any():
            return
        names = self.names("strangers:")
        told = _earliest(person[away], group[away], day[away])
        following = int(names[-1].partition(":")[2]) + 1 if names else 0
        if len(names) >= MOST_SEGMENTS:
            told = _earliest(*(np.concatenate(pair) for pair in zip(self.strangers(), told, strict=True)))
            self.changes |= dict.fromkeys(names)
        self.changes[f"strangers:{following:06d}"] = packed(told)


def _earliest(person: Ints, group: Ints, day: Ints) -> tuple[Ints, Ints, Ints]:
    """Each person and group once, with the first day."""
    order = ordered(person, group, day)
    person, group, day = person[order], group[order], day[order]
    first = np.ones(len(order), bool)
    first[1:] = (person[1:] != person[:-1]) | (group[1:] != group[:-1])
    return person[first], group[first], day[first]


def _one_of(kind: Ints, wanted: Sequence[int]) -> Truths:
    found = np.zeros(len(kind), bool)
    for one in wanted:
        found |= kind == one
    return found


def _first(people: People, wanted: Ints) -> Ints:
    return looked_up(people.person, people.first, wanted, NO_DAY)
