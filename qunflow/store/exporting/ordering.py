"""From what somebody asked for to a file and a line in the audit log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path

from qunflow.errors import BadInput
from qunflow.settings.workspace import Workspace
from qunflow.store import audit
from qunflow.store.engine import Store
from qunflow.store.exporting.listing import Words
from qunflow.store.exporting.lists import Wanted, listing
from qunflow.store.exporting.writing import export, writer_for
from qunflow.store.history import History


@dataclass(frozen=True, slots=True)
class Order:
    """
    What is asked for.

    Args:
        name: one of ``lists.NAMES``.
        path: where it goes; ends in .csv, .xlsx or .parquet.
        community: its key; empty for all.
        since, until: first and last local day; ``None`` for no end.
        by: whom the audit log names.
    """

    name: str
    path: Path
    by: str
    community: str = ""
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Where the rows are, the language they are told in, and the words for a reason of the outbox."""

    store: Store
    history: History
    workspace: Workspace
    words: Words
    why: Callable[[str], str]


def fulfil(order: Order, source: Source, now: datetime) -> int:
    """
    Write the file, and note who took what; returns how many rows there are.

    Raises:
        BadInput: an unknown list or ending, a span that ends before it begins, or communities of different zones.
        ConfigurationError: no such community.
        PermanentError: the file cannot be written; nothing is left behind.
    """
    writer_for(order.path)
    found = listing(order.name, source.store, source.history, _wanted(order, source, now))
    return export(found, order.path, source.words, note=partial(_note, order, source.store, now))


def _note(order: Order, store: Store, at: datetime, rows: int) -> None:
    detail = {"rows": rows, "format": order.path.suffix.lower(), "community": order.community}
    detail |= {"since": str(order.since or ""), "until": str(order.until or "")}
    store.write(partial(audit.record, actor=order.by, action="export", subject=order.name, at=at, detail=detail))


def _wanted(order: Order, source: Source, now: datetime) -> Wanted:
    if order.since and order.until and order.until < order.since:
        raise BadInput(f"{order.until} is before {order.since}", "give the first day first")
    every = source.workspace.communities
    chosen = (source.workspace.community(order.community),) if order.community else every
    zones = {one.zone_info for one in chosen}
    if len(zones) > 1:
        told = ", ".join(sorted(zone.key for zone in zones))
        raise BadInput(f"the communities live by different clocks ({told})", "export them one by one: --community")
    keys = (order.community,) if order.community else ()
    return Wanted(zones.pop(), now, keys, order.since, order.until, source.why)
