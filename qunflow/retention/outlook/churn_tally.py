"""
The stays and acts ``churn_days`` asks, read from the tally: a day's run then needs nothing of the history that is old.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import ibis
import ibis.expr.types as ir
import numpy as np

from qunflow.retention.tally.moves import Moves, stays_of
from qunflow.retention.tally.pages import Ints, ints
from qunflow.retention.tally.reading import number_of
from qunflow.retention.tally.tally import Tally


@dataclass(frozen=True, slots=True)
class Known:
    """What is known up to a day: the first day of anything, and stays and acts as arrays; days since 1970."""

    first: int | None
    person: Ints
    group: Ints
    since: Ints
    until: Ints
    actor: Ints
    act_day: Ints

    def spans(self) -> ir.Table:
        """As ``churn_days.spans_of`` gives them."""
        columns = {"person_id": self.person, "group_id": self.group, "since": self.since, "until": self.until}
        return _table(columns)

    def acts(self) -> ir.Table:
        """As ``churn_days.acts_of`` gives them."""
        return _table({"person_id": self.actor, "act_day": self.act_day})


def known_of(tally: Tally, through: date, acts_since: date) -> Known:
    """What a tally knows up to a local day; of acts those from ``acts_since`` on."""
    last, links = number_of(through), tally.links
    told = Moves.joined(tally.moves())
    over = tally.day_of(told.move >> 1) <= last
    told = told.take(over)
    stays, _, _ = stays_of(Moves.of(links.now(told.person), told.group, told.move, told.times), tally.day_of)
    active = [day for day in tally.active_days() if day <= last]
    actors = [links.now(tally.active(day).people()) for day in active if day >= number_of(acts_since)]
    lately = [day for day in active if day >= number_of(acts_since)]
    firsts = [*active[:1], *([int(stays.joined.min())] if len(stays.joined) else [])]
    return Known(
        first=min(firsts, default=None),
        person=stays.person,
        group=stays.group,
        since=stays.joined,
        until=stays.left,
        actor=np.concatenate([ints(), *actors]),
        act_day=np.repeat(ints(lately), [len(people) for people in actors]),
    )


def _table(columns: dict[str, Ints]) -> ir.Table:
    import pyarrow as pa

    return ibis.memtable(pa.table(columns))
