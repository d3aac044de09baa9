"""Every expectation on retention's data is met by good rows and broken by the fault it is there for."""

from __future__ import annotations

import pandas as pd
import pytest

from data_checks.gate import gate
from data_checks.retention import DIRT, INPUT, OUTPUT

CLEAN = {"events": 10, "without_person": 0, **dict.fromkeys(DIRT, 0)}


def counts(**changes: object) -> pd.DataFrame:
    return pd.DataFrame([{**CLEAN, **changes}])


def figures(**changes: object) -> pd.DataFrame:
    rows = [
        ("cohort_size", "[('cohort', '2026-01-05')]", 8.0, None, None),
        ("stay_rate", "[('cohort', '2026-01-05'), ('day', '1')]", 0.5, 4.0, 8.0),
        ("stay_rate", "[('cohort', '2026-01-05'), ('day', '30')]", None, None, 8.0),
        ("activity_matrix", "[('cohort', '2026-01-05'), ('offset', '1')]", 3.0, 3.0, 8.0),
        ("leave_rate", "[('group', 'g1')]", 1.5, 3.0, 2.0),
        ("group_health", "[('group', 'g1')]", 61.0, None, None),
    ]
    frame = pd.DataFrame(rows, columns=["name", "dimensions", "value", "numerator", "denominator"])
    for place, (column, value) in changes.items():
        frame.loc[int(place[1:]), column] = value
    return frame


def failed(frame: pd.DataFrame, suite: object) -> set[str]:
    report = gate(frame, suite)  # type: ignore[arg-type]
    return {result.said["en"] for result in (*report.blocking, *report.warnings)}


def test_clean_counts_pass() -> None:
    """A log without dirt leaves nothing to say."""
    assert failed(counts(), INPUT) == set()


@pytest.mark.parametrize("column", sorted(DIRT))
def test_dirt_warns_and_lets_the_measurement_go_on(column: str) -> None:
    """Each kind of dirt is told and none of it blocks: figures are robust against it."""
    report = gate(counts(**{column: 3}), INPUT)

    assert [result.said["en"] for result in report.warnings] == [DIRT[column][1]]
    assert report.warnings[0].observed["value"] == 3
    assert report.blocking == ()


def test_a_history_without_events_warns() -> None:
    """The first day of a workspace is no failure."""
    assert failed(counts(events=0), INPUT) == {"the history has events"}
    assert gate(counts(events=0), INPUT).blocking == ()


def test_an_event_without_a_person_blocks() -> None:
    """Such an event can only come from a broken store."""
    assert [result.said["en"] for result in gate(counts(without_person=1), INPUT).blocking] == [
        "every event has its person"
    ]


def test_no_counts_at_all_block() -> None:
    """Without its row the history was not looked at."""
    assert gate(counts().iloc[:0], INPUT).blocking != ()


@pytest.mark.parametrize("column", sorted(CLEAN))
def test_a_count_that_is_no_whole_number_blocks(column: str) -> None:
    """A count that came back as text or null was not counted."""
    assert len(gate(counts(**{column: "many"}), INPUT).blocking) >= 1


def test_good_figures_pass() -> None:
    """Immature cells, leave rates over 100 % and small cohorts are all in order."""
    assert failed(figures(), OUTPUT) == set()


BROKEN = [
    ({"r0": ("name", "revenue_fen")}, "only figures of retention"),
    ({"r2": ("dimensions", "[('cohort', '2026-01-05'), ('day', '1')]")}, "one number a cell"),
    ({"r5": ("value", -1.0)}, "nothing is negative"),
    ({"r1": ("value", 1.2)}, "no rate is over 100 %"),
    ({"r3": ("numerator", 9.0)}, "nobody stays who was not in the cohort"),
    ({"r0": ("value", 0.0)}, "every cohort has people"),
    ({"r5": ("value", 101.0)}, "health is between 0 and 100"),
]


@pytest.mark.parametrize(("change", "broken"), BROKEN)
def test_impossible_figures_block(change: dict[str, object], broken: str) -> None:
    """A figure that cannot be stops the stage before anything is kept."""
    report = gate(figures(**change), OUTPUT)

    assert [result.said["en"] for result in report.blocking] == [broken]


@pytest.mark.parametrize("column", ["name", "dimensions", "value", "numerator", "denominator"])
def test_a_missing_column_blocks(column: str) -> None:
    """What cannot be judged does not pass."""
    assert gate(figures().drop(columns=column), OUTPUT).blocking != ()


def test_a_day_without_figures_passes() -> None:
    """A community nobody has joined yet has nothing to measure."""
    assert gate(figures().iloc[:0], OUTPUT).blocking == ()
