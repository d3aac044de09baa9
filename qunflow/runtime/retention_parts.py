"""The parts of a community's cohorts, worked out of its history for whoever asks; ``retention.parts`` has the rule."""

from __future__ import annotations

from qunflow.retention.events import counted
from qunflow.retention.parts import PartCell, part_cells
from qunflow.retention.plan import Plan
from qunflow.runtime import Runtime
from qunflow.settings.workspace import Community
from qunflow.store.retention_dimensions import split_events


def cells_by_part(here: Runtime, community: Community, plan: Plan, dimension: str) -> tuple[PartCell, ...]:
    """Stay cells of the newest cohorts by one of the store's dimensions. Raises: BadInput for another."""
    events = counted(here.history.table(), plan.scope)
    with here.store.reading() as conn:
        return part_cells(split_events(events, dimension, conn, community), dimension, plan, community.zone)
