"""The definitions of retention, each by its example; the page made of them is the one in the documentation."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from qunflow.retention import measure
from qunflow.retention.measuring.query import Query
from qunflow.retention.measuring.result import Measured
from tests.definitions_table import PAGE, page
from tests.spec.retention_definitions import DEFINITIONS, Definition


def events_of(log: str) -> pa.Table:
    """The events of an example."""
    rows = [_event(*line.split()) for line in log.strip().splitlines()]
    return pa.Table.from_pandas(pd.DataFrame(rows), preserve_index=False)


def _event(when: str, who: str, what: str, *more: str) -> dict[str, Any]:
    at = pd.Timestamp(when if "T" in when else f"{when}T12:00", tz="UTC")
    group = next((word for word in more if "=" not in word), "g1")
    return {"at": at, "actor": who, "event": what, "group": group, **dict(w.split("=") for w in more if "=" in w)}


def told(found: Measured) -> str:
    """A result as the examples write it."""
    return "\n".join(
        " ".join([row.label, *([row.split] if row.split else []), *("." if c is None else str(c) for c in row.counts)])
        for row in found.rows
    )


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda definition: definition.name.split(",")[0])
def test_a_definition_holds_for_its_example(definition: Definition) -> None:
    """What is counted in the example is what the table says, cell for cell, and so is what is told of dirt."""
    found = measure(events_of(definition.log), definition.query, aliases=definition.aliases)

    expected = "\n".join(" ".join(line.split()) for line in definition.expected.strip().splitlines())
    assert told(found) == expected
    if definition.notes:
        assert {note.kind: note.count for note in found.notes} == definition.notes


def test_every_field_of_a_query_is_shown_by_an_example() -> None:
    """A field nobody explains is a field nobody can rely on."""
    shown = {name for definition in DEFINITIONS for name in definition.query}
    explained_elsewhere = {"event_filter", "returning_filter", "leave_event", "amount"}

    assert {entry.name for entry in fields(Query)} - explained_elsewhere <= shown


def test_the_page_is_made_of_the_table() -> None:
    """docs/reference/definitions.md is what ``python -m tests.definitions_table`` writes."""
    assert PAGE.read_text(encoding="utf-8") == page()
