"""
The tally of retention on the disk, carried on to what the history shows now.

It stands for the batches of the manifest it has read, under the settings it was made with. Batches that came since are
read and nothing else; where that is not enough (the first time, another version or other settings, a part that is
lost or damaged, a batch that was withdrawn, a clock that was set back) it is made anew from the whole history, and says
so. It can be deleted at any time. The rules are in ``qunflow.retention.tally.tally``.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import BigInteger, Connection, and_, bindparam, func, select

from qunflow.retention.dirt import SPOKEN
from qunflow.retention.events import IMPORTED, Scope
from qunflow.retention.measuring.grid import us_of
from qunflow.retention.tally.links import Links
from qunflow.retention.tally.news import News, sifted
from qunflow.retention.tally.pages import Ints, Marks, ints, packed, unpacked
from qunflow.retention.tally.tally import Kinds, Tally
from qunflow.retention.tally.zone import days_in
from qunflow.store.engine import Store
from qunflow.store.events import KINDS
from qunflow.store.history import Batch, History
from qunflow.store.merging import aliases
from qunflow.store.part_files import Damaged, PartFiles, held_alone
from qunflow.store.tables import history_batches

if TYPE_CHECKING:
    import pyarrow as pa

VERSION = 3
# A history is read in pieces of about so many events.
ROWS_AT_ONCE = 2_000_000
Result = TypeVar("Result")
Reason = Literal["", "new", "damaged", "version", "settings", "withdrawn", "clock"]
_HIGH = bindparam("high", type_=BigInteger)
_NUMBER, _COLUMNS = history_batches.c.batch_id, [history_batches.c[name] for name in Batch.__slots__]
_VISIBLE = (history_batches.c.replaced_by.is_(None), history_batches.c.withdrawn_at.is_(None))
_OLD = select(func.count(), func.coalesce(func.sum(_NUMBER), 0)).where(*_VISIBLE, _HIGH >= _NUMBER).subquery()
# How many batches up to a number are to be seen, their numbers added up, and the ones above it, or one empty row.
_SINCE = (
    select(*_OLD.c, *_COLUMNS)
    .select_from(_OLD.outerjoin(history_batches, and_(_HIGH < _NUMBER, *_VISIBLE)))
    .order_by(_NUMBER)
)
_REPEATABLE = ("happened_at", "kind", "person_id", "group_id", "channel", "amount", "props")


@dataclass(frozen=True, slots=True)
class Source:
    """Whose tally: the events a scope counts, what counts as active, and the zone of local days."""

    history: History
    store: Store
    scope: Scope
    kinds: tuple[str, ...]
    zone: ZoneInfo

    @property
    def settings(self) -> dict[str, Any]:
        """What a tally is made for."""
        return {"kinds": sorted(self.kinds), "zone": self.zone.key, "alone": self.scope.alone}

    @property
    def numbers(self) -> Kinds:
        """The kinds as numbers."""
        return Kinds(
            KINDS.index("join"),
            KINDS.index("leave"),
            tuple(KINDS.index(kind) for kind in self.kinds),
            tuple(KINDS.index(kind) for kind in SPOKEN),
        )


@dataclass(frozen=True, slots=True)
class Carried:
    """
    What a run did to the tally.

    Args:
        rows_read: events read now, of ``rows_in_history``.
        rebuilt: why the whole history was read; empty when only what is new was.
        reopened: local days since 1970, before the newest known, that changed and were not settled yet.
        in_the_future: events of the community that have not happened.
        seconds: how long it took to carry on, without the answers.
    """

    rows_read: int
    rows_in_history: int
    rebuilt: Reason
    reopened: tuple[int, ...]
    in_the_future: int
    seconds: float


@dataclass(frozen=True, slots=True)
class _Known:
    """The manifest as it is: visible batches that are not in the tally, and all of them as numbers and rows."""

    new: list[Batch]
    all: list[int]
    rows: int


class _Rebuild(Exception):
    """What is kept cannot be carried on."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


def carry_on(folder: Path, source: Source, work: Callable[[Tally, Carried], Result]) -> Result:
    """
    Bring the tally up to date, let ``work`` ask it, and keep what is new.

    What ``work`` does must be harmless to do twice: when a part turns out to be damaged, everything is made anew.

    Raises:
        BadInput: a file of the history that must be read is missing or damaged.
        PermanentError: the disk is full.
    """
    with held_alone(folder):
        try:
            with PartFiles(folder) as parts, _nothing_collected():
                return _carried_on(parts, source, work)
        except (Damaged, _Rebuild) as problem:
            reason: Reason = problem.reason if isinstance(problem, _Rebuild) else "damaged"
        with PartFiles(folder, anew=True) as parts:
            return _rebuilt(parts, source, work, reason)


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """A run of milliseconds makes little garbage; looking for cycles in a large process took a tenth of it."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def settle(folder: Path, days: Sequence[int]) -> None:
    """Note that the figures of reopened days were measured again."""
    with held_alone(folder), suppress(Damaged), PartFiles(folder) as parts:
        left = sorted(set(parts.fields.get("reopened", ())) - set(days))
        if left != parts.fields.get("reopened", []):
            parts.commit({**parts.fields, "reopened": left}, {})


def _carried_on(parts: PartFiles, source: Source, work: Callable[[Tally, Carried], Result]) -> Result:
    started = time.perf_counter()
    kept, now_us = parts.fields, us_of(source.scope.now)
    _require_usable(kept, source, now_us)
    with source.store.reading() as conn:
        known = _known(conn, parts, kept["position"])
        links = Links(aliases(conn))
    tally = Tally(parts, source.numbers, days_in(source.zone))
    if not source.scope.alone and len(np.setdiff1d(tally.links.alias, links.alias)):
        raise _Rebuild("settings")
    run = _Run(tally, source, kept)
    before = tally.cells.first + len(tally.cells.rows) - 1
    for piece in _pieces(known.new):
        run.take_in(piece, links)
    if not known.new:
        run.take_in([], links)
    reopened = tuple(sorted({*kept["reopened"], *(day for day in run.touched if day < before)}))
    told = Carried(run.rows, known.rows, "", reopened, run.in_the_future, time.perf_counter() - started)
    found = work(tally, told)
    if run.changed or tally.changes:
        parts.commit(run.fields(known, reopened), {**run.held_parts(known), **tally.finish()})
    return found


def _rebuilt(parts: PartFiles, source: Source, work: Callable[[Tally, Carried], Result], reason: Reason) -> Result:
    started = time.perf_counter()
    with source.store.reading() as conn:
        known = _known(conn, parts, None)
        links = Links(aliases(conn))
    tally = Tally(parts, source.numbers, days_in(source.zone))
    run = _Run(tally, source, {})
    for piece in _pieces(known.new):
        run.take_in(piece, links)
    told = Carried(run.rows, known.rows, reason, (), run.in_the_future, time.perf_counter() - started)
    found = work(tally, told)
    parts.commit(run.fields(known, ()), {**run.held_parts(known), **tally.finish()})
    return found


def _require_usable(kept: Mapping[str, Any], source: Source, now_us: int) -> None:
    if not kept:
        raise _Rebuild("new")
    if kept.get("version") != VERSION:
        raise _Rebuild("version")
    if kept["settings"] != source.settings:
        raise _Rebuild("settings")
    if not source.scope.alone and not _same_groups(kept, set(source.scope.group_ids)):
        raise _Rebuild("settings")
    if now_us < kept["now_us"]:
        raise _Rebuild("clock")


def _same_groups(kept: Mapping[str, Any], groups: set[int]) -> bool:
    """Whether no group went, and none came whose events were passed over."""
    before = set(kept["groups"])
    return before <= groups and not (groups - before) & set(kept["foreign"])


class _Run:
    """What is taken in during one run."""

    def __init__(self, tally: Tally, source: Source, kept: Mapping[str, Any]) -> None:
        self._tally, self._source = tally, source
        self._held = News.from_bytes(tally.part("held"))
        self._known = Marks(tally.part("known"))
        self._foreign = set(kept.get("foreign", ()))
        self.rows = self.in_the_future = 0
        self.touched: set[int] = set()
        self.changed = False

    def take_in(self, batches: Sequence[Batch], links: Links) -> None:
        """Read batches and count what is the community's and has happened."""
        read = self._read(batches) if batches else News.joined([])
        scope = self._source.scope
        found = sifted(News.joined([self._held, read]), self._known, links, us_of(scope.now), scope.alone)
        self.changed |= bool(batches) or len(found.counted) > 0 or len(links.differing(self._tally.links)) > 0
        self._held, self.in_the_future = found.held, found.in_the_future
        self.touched |= set(self._tally.advance(found.counted, links).tolist())

    def fields(self, known: _Known, reopened: Sequence[int]) -> dict[str, Any]:
        """What the head says of the tally."""
        return {
            "version": VERSION,
            "settings": self._source.settings,
            "groups": sorted(self._source.scope.group_ids),
            "foreign": sorted(self._foreign),
            "now_us": us_of(self._source.scope.now),
            "position": {
                "high": max(known.all, default=0),
                "count": len(known.all),
                "sum": sum(known.all),
                "rows": known.rows,
            },
            "reopened": list(reopened),
        }

    def held_parts(self, known: _Known) -> dict[str, bytes | None]:
        """The parts that are not the tally's own."""
        return {
            "held": self._held.to_bytes() if len(self._held) else None,
            "known": None if self._source.scope.alone else self._known.to_bytes(),
            "batches": packed([ints(sorted(known.all))]),
        }

    def _read(self, batches: Sequence[Batch]) -> News:
        scope = self._source.scope
        names = ["person_id", "group_id", "happened_at", "kind", *([] if scope.alone else ["source"])]
        table = self._source.history.columns(batches, names)
        self.rows += table.num_rows
        person, group, at_us = (_numbers(table, name) for name in ("person_id", "group_id", "happened_at"))
        kind = _kinds(table)
        repeated = _repeated(self._source.history, batches, person, at_us, group)
        own, mine = self._own(table, group)
        return News(person, group, at_us, kind, own, repeated).take(mine)

    def _own(self, table: pa.Table, group: Ints) -> tuple[Ints, Any]:
        """Which events are the community's whoever did them, and which may be."""
        scope = self._source.scope
        if scope.alone:
            return np.ones(len(group), np.int64), np.ones(len(group), bool)
        sources = np.array(table.column("source").to_pylist(), dtype=object)
        imported = np.array([one.startswith(IMPORTED) for one in sources], dtype=bool)
        here = np.isin(group, list(scope.group_ids)) | (sources == IMPORTED + scope.community)
        self._foreign |= set(np.unique(group[~here & (group > 0)]).tolist())
        return here.astype(np.int64), here | ((group <= 0) & ~imported)


def _numbers(table: pa.Table, name: str) -> Ints:
    column = table.column(name).combine_chunks()
    return ints((column.cast("int64") if name == "happened_at" else column).to_numpy(zero_copy_only=False))


def _kinds(table: pa.Table) -> Ints:
    kind = table.column("kind").combine_chunks()
    numbers = ints([KINDS.index(one) for one in kind.dictionary.to_pylist()])
    return ints(numbers[kind.indices.to_numpy()])


def _repeated(history: History, batches: Sequence[Batch], person: Ints, at_us: Ints, group: Ints) -> Ints:
    """1 for each row beyond the first of equal ones; only rows that may be equal are looked at in full."""
    mixed = at_us * 1_000_003 + person * 8_191 + group
    found = np.zeros(len(person), np.int64)
    ordered = np.sort(mixed)
    same = ordered[1:][ordered[1:] == ordered[:-1]]
    if len(same):
        alike = np.flatnonzero(np.isin(mixed, same))
        rows = history.columns(batches, list(_REPEATABLE)).take(alike).to_pandas()
        found[alike] = rows.duplicated().to_numpy().astype(np.int64)
    return found


def _pieces(batches: Sequence[Batch]) -> Iterator[list[Batch]]:
    piece: list[Batch] = []
    for batch in batches:
        if piece and sum(one.rows for one in piece) + batch.rows > ROWS_AT_ONCE:
            yield piece
            piece = []
        piece.append(batch)
    if piece:
        yield piece


def _known(conn: Connection, parts: PartFiles, position: Mapping[str, int] | None) -> _Known:
    """
    What the manifest shows that the tally has not read.

    Raises:
        _Rebuild: a batch that was read is not to be seen any more, and is not inside another one.
    """
    if position is None:
        rows = conn.execute(select(*_COLUMNS).where(*_VISIBLE).order_by(_NUMBER))
        new = [Batch(*row) for row in rows]
        return _Known(new, [batch.batch_id for batch in new], sum(batch.rows for batch in new))
    found = conn.execute(_SINCE, {"high": position["high"]}).all()
    new = [Batch(*row[2:]) for row in found if row.batch_id is not None]
    read = unpacked(parts.get("batches") or packed([ints()]))[0].tolist()
    if tuple(found[0][:2]) != (position["count"], position["sum"]):
        read, new = _after_changes(conn, set(read))
    rows_there = position["rows"] + sum(batch.rows for batch in new)
    return _Known(new, sorted({*read, *(batch.batch_id for batch in new)}), rows_there)


def _after_changes(conn: Connection, read: set[int]) -> tuple[list[int], list[Batch]]:
    """Batches were put together, withdrawn, or came out of turn: which of those to be seen are read, which are not."""
    there = {row.batch_id: Batch(*row) for row in conn.execute(select(*_COLUMNS).where(*_VISIBLE))}
    pairs = select(history_batches.c.batch_id, history_batches.c.replaced_by)
    replaced: dict[int, int] = dict(
        conn.execute(pairs.where(history_batches.c.replaced_by.is_not(None))).tuples().all()
    )
    inside: dict[int, set[int]] = {}
    for one in set(replaced) - set(replaced.values()):
        last = one
        while last in replaced:
            last = replaced[last]
        inside.setdefault(last, set()).add(one)
    held = set()
    for one in there:
        parts_of_it = inside.get(one, {one})
        if one in read or parts_of_it <= read:
            held.add(one)
        elif parts_of_it & read:
            raise _Rebuild("withdrawn")
    gone = {one for one in read if one not in there and _last(replaced, one) not in held}
    if gone:
        raise _Rebuild("withdrawn")
    return sorted(held), [there[one] for one in sorted(there) if one not in held]


def _last(replaced: Mapping[int, int], one: int) -> int:
    while one in replaced:
        one = replaced[one]
    return one
