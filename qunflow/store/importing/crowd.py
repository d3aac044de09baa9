"""
Whose rows they are: the marks of every row of a file, by the rules of ``qunflow.acquisition.identity``.

Nothing is written until the whole file was looked at. Strangers have numbers below 0 until then; two strangers of one
file that turn out to be one simply become one. Two persons who are known already are never joined by a file: they go
on the list of pairs that somebody looks at, because a wrong file must be easy to take back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from sqlalchemy import Connection

from qunflow.acquisition.identity import ACCOUNTS, Mark, Pair, decide, doubts
from qunflow.acquisition.leads import e164
from qunflow.store import merging
from qunflow.store.importing.sheet import Sheet
from qunflow.store.vault import Vault

NOTHING_HELD: Mapping[Mark, int] = MappingProxyType({})


class Crowd:
    """Everybody a file names, known or not."""

    def __init__(
        self, conn: Connection, vault: Vault, rows: Iterable[Sequence[Mark]], held: Mapping[Mark, int] = NOTHING_HELD
    ) -> None:
        values: dict[str, set[str]] = defaultdict(set)
        for marks in rows:
            for mark in marks:
                values[mark.kind].add(mark.value)
        self._person_of: dict[Mark, int] = {
            Mark(kind, value): person
            for kind in sorted(values)
            for value, person in vault.known_persons(conn, kind, sorted(values[kind])).items()
        }
        # Marks the vault does not keep, such as a coupon of one's own.
        self._person_of |= held
        self._kinds: dict[int, set[str]] = vault.kinds_of(conn, set(self._person_of.values()))
        self._became: dict[int, int] = {}
        self._links: dict[Mark, int] = {}
        self._strangers = 0
        self.pairs: dict[tuple[int, int, str], Pair] = {}

    @property
    def known(self) -> list[int]:
        """The numbers of those who are in the vault already."""
        return sorted({person for person in map(self.now, self._person_of.values()) if person > 0})

    @property
    def strangers(self) -> int:
        """How many would be new."""
        return len({person for person in map(self.now, self._person_of.values()) if person < 0})

    def now(self, person: int) -> int:
        """The number of a person after all that was found out."""
        while person in self._became:
            person = self._became[person]
        return person

    def known_by(self, marks: Sequence[Mark]) -> int | None:
        """Somebody in the vault the marks lead to, the surest first; nobody is made."""
        return next((self._person_of[mark] for mark in marks if mark in self._person_of), None)

    def person_of(self, marks: Sequence[Mark]) -> tuple[int, bool]:
        """The person of a row, and whether it is in doubt who that is."""
        known = {one: self.now(self._person_of[one]) for one in marks if one in self._person_of}
        found = decide(marks, known, self._kinds)
        person, pairs = found.person, list(found.review)
        if person is None:
            person = self._stranger()
            pairs += doubts(marks, known, person)
        for mark in found.link:
            self._person_of[mark] = self._links[mark] = person
            self._kinds[person].add(mark.kind)
        for pair in found.merge:
            if not self._unite(self.now(person), self.now(pair.other)):
                pairs.append(pair)
        for pair in pairs:
            self.pairs[(pair.kept, pair.other, pair.why)] = pair
        return self.now(person), bool(pairs)

    def write(self, conn: Connection, vault: Vault, at: datetime) -> dict[int, int]:
        """
        Make the strangers, let everybody be found by their new marks, and put the doubtful pairs on the list.

        Returns:
            Number during the reading → number in the vault; those who were known keep theirs.
        """
        marks_of: dict[int, list[Mark]] = defaultdict(list)
        for mark, person in self._links.items():
            marks_of[self.now(person)].append(mark)
        first = {person: marks[0] for person, marks in marks_of.items() if person < 0}
        number_of = self._made(conn, vault, first, at)
        rest: dict[str, dict[str, int]] = defaultdict(dict)
        for person, marks in marks_of.items():
            for mark in marks:
                if first.get(person) != mark:
                    rest[mark.kind][mark.value] = number_of.get(person, person)
        for kind in sorted(rest):
            vault.link_many(conn, kind, rest[kind], at)
        for pair in self.pairs.values():
            one, other = (number_of.get(self.now(who), self.now(who)) for who in (pair.kept, pair.other))
            if one != other and not merging.are_two(conn, one, other):
                merging.ask(conn, pair.why, one, other, at)
        return number_of

    def _made(self, conn: Connection, vault: Vault, first: dict[int, Mark], at: datetime) -> dict[int, int]:
        made: dict[int, int] = {}
        for kind in sorted({mark.kind for mark in first.values()}):
            values = {mark.value: person for person, mark in first.items() if mark.kind == kind}
            made |= {values[value]: number for value, number in vault.persons_for(conn, kind, values, at).items()}
        return made

    def _stranger(self) -> int:
        self._strangers -= 1
        self._kinds[self._strangers] = set()
        return self._strangers

    def _unite(self, one: int, other: int) -> bool:
        """Make two one if at least one of them exists in this file only."""
        if one == other:
            return True
        if one > 0 and other > 0:
            return False
        kept, gone = (one, other) if other < 0 else (other, one)
        self._became[gone] = kept
        self._kinds[kept] |= self._kinds[gone]
        return True


def marks_of_rows(sheet: Sheet) -> tuple[list[list[Mark]], set[int]]:
    """What each row's person can be found by, the surest first, and which rows have a phone that cannot be one."""
    return sheet.once("marks", lambda: _marks_of_rows(sheet))


def _marks_of_rows(sheet: Sheet) -> tuple[list[list[Mark]], set[int]]:
    columns = {kind: sheet.texts(kind) for kind in ACCOUNTS if kind in sheet.chosen.columns}
    phones = sheet.texts("phone")
    numbers = {said: e164(said) for said in set(phones) if said}
    bad = {index for index, said in enumerate(phones) if said and numbers[said] is None}
    found: list[list[Mark]] = []
    for index, said in enumerate(phones):
        marks = [Mark(kind, values[index][:128]) for kind, values in columns.items() if values[index]]
        number = numbers.get(said)
        found.append([*marks, Mark("phone", number)] if number else marks)
    return found, bad
