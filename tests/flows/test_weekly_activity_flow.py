"""The weekly activity as a flow: opened, checked in, rewarded, announced; once, whatever is repeated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from unittest.mock import patch

import pytest

from flows.weekly_activity import weekly_activity
from qunflow.clock import instant_of
from qunflow.errors import CheckFailed, StoreBusy
from qunflow.runtime import Runtime
from qunflow.store import activities, figures, inbox, ledger
from qunflow.weekly_activity.params import WeeklyActivityParams
from qunflow.weekly_activity.points import issued_account, points_account

pytestmark = pytest.mark.usefixtures("prefect_server")

MONDAY = date(2026, 3, 2)
LIVE = WeeklyActivityParams(dry_run=False)


def open_code(here: Runtime) -> str:
    with here.store.reading() as conn:
        (week,) = activities.activities_between(conn, community(here), MONDAY, MONDAY)
    return week.code


def community(here: Runtime) -> str:
    return here.workspace.communities[0].key


def people(here: Runtime, count: int) -> list[int]:
    """Persons known by an id of the platform: ``visitor-0`` and so on."""
    at = datetime(2026, 3, 1, tzinfo=UTC)
    names = [f"visitor-{number}" for number in range(count)]
    found = here.store.write(lambda conn: here.vault.persons_for(conn, "external_userid", names, at))
    return [found[name] for name in names]


def tap(here: Runtime, visitor: str, code: str, day: date, at: time = time(9, 0)) -> None:
    zone = here.workspace.communities[0].zone_info
    instant = instant_of(day, at, zone)
    body = {"code": code, "actor": visitor, "at": instant.isoformat()}
    key = f"{code}/{visitor}/{instant.isoformat()}"
    here.store.write(lambda conn: inbox.keep(conn, [inbox.sealed(here.vault, "checkin", key, body)], instant))


def rows_of(here: Runtime) -> dict[str, int]:
    """How many rows the tables have that a repetition could multiply."""
    from sqlalchemy import func, select

    from qunflow.store import tables

    names = ("activities", "checkins", "ledger_entries", "history_batches", "figures", "targets", "calls", "quarantine")
    with here.store.reading() as conn:
        return {
            name: conn.execute(select(func.count()).select_from(getattr(tables, name))).scalar_one() for name in names
        }


def test_a_week_is_opened_checked_in_and_rewarded(house: Any) -> None:
    """Monday opens the week and queues its entry; check-ins become points; three days in a row get their award."""
    here = house.runtime
    first = weekly_activity(LIVE)
    code, (ann, ben) = open_code(here), people(here, 2)

    assert first["opened"]
    assert first["messages"]["approved"] >= len(here.workspace.communities[0].groups)
    for offset in range(3):
        tap(here, "visitor-0", code, MONDAY + timedelta(days=offset))
    tap(here, "visitor-1", code, MONDAY)
    tap(here, "visitor-1", code, MONDAY, time(10, 0))
    house.move_to(MONDAY + timedelta(days=2), time(10, 30))
    third = weekly_activity(LIVE)

    settings = here.workspace.communities[0].weekly_activity
    award = sum(rule.points for rule in settings.awards if rule.points and rule.streak_days <= 3)
    with here.store.reading() as conn:
        points = {who: ledger.balance(conn, points_account(community(here), who)) for who in (ann, ben)}
        issued = ledger.balance(conn, issued_account(community(here)))
        ledger.require_balanced(conn)
        rates = figures.current(conn, community(here), "weekly_activity", name="checkin_rate")
        columns = figures.current(conn, community(here), "weekly_activity", name="checkins", as_of=rates[0].as_of)
    assert [(one.as_of, one.value) for one in rates] == [(MONDAY + timedelta(days=1), 0.5)]
    assert {one.dimensions["day"]: one.value for one in columns} == {"2026-03-02": 2, "2026-03-03": 1}
    assert (third["rows_in"], third["rows_out"]) == (5, 4)
    assert points == {ann: 3 * settings.points_per_checkin + award, ben: settings.points_per_checkin}
    assert issued == -sum(points.values())


def test_the_same_day_twice_changes_nothing(house: Any) -> None:
    """A second run of a day with the same input adds no row anywhere and sends nothing."""
    here = house.runtime
    weekly_activity(LIVE)
    people(here, 1)
    tap(here, "visitor-0", open_code(here), MONDAY)
    house.move_to(MONDAY, time(9, 30))
    weekly_activity(LIVE)
    before, sent = rows_of(here), house.accepted()

    again = weekly_activity(LIVE)

    assert rows_of(here) == before
    assert house.accepted() == sent
    assert (again["opened"], again["booked"], again["rows_out"]) == (False, 0, 0)


def test_a_dry_run_touches_nothing_outside(house: Any) -> None:
    """Without sending, no week is opened, nothing booked, nothing queued and nothing accepted by the platform."""
    done = weekly_activity(WeeklyActivityParams(dry_run=True))

    assert done["messages"]["would_send"] > 0
    assert house.accepted() == []
    assert {name: count for name, count in rows_of(house.runtime).items() if count} == {}


def test_a_day_without_a_week_completes_as_a_no_op(house: Any) -> None:
    """On a Tuesday without an open week the run completes, opens nothing and announces nothing."""
    house.move_to(MONDAY + timedelta(days=1))

    done = weekly_activity(LIVE)

    assert (done["opened"], done["messages"], done["rows_in"]) == (False, {}, 0)
    assert rows_of(house.runtime)["targets"] == 0


def test_prizes_go_out_when_the_week_is_decided(house: Any) -> None:
    """Before Sunday 20:00 no prize moves; afterwards each full week gets one, and a late run gives none twice."""
    here = house.runtime
    weekly_activity(LIVE)
    code = open_code(here)
    people(here, 1)
    for offset in range(7):
        tap(here, "visitor-0", code, MONDAY + timedelta(days=offset))
    sunday = MONDAY + timedelta(days=6)
    house.move_to(sunday, time(12, 0))
    weekly_activity(LIVE)
    prizes = prizes_given(here)
    house.move_to(sunday, time(20, 30))
    weekly_activity(LIVE)
    weekly_activity(LIVE)

    assert sum(prizes.values()) == 0
    assert sum(prizes_given(here).values()) == 1


def prizes_given(here: Runtime) -> dict[str, float]:
    with here.store.reading() as conn:
        found = figures.current(conn, community(here), "weekly_activity", name="awards")
    newest = max(one.as_of for one in found)
    return {one.dimensions["prize"]: float(one.value or 0) for one in found if one.as_of == newest}


def test_taps_that_cannot_count_are_kept_with_their_reason(house: Any) -> None:
    """An unknown visitor and an unknown link are set aside and stay in the inbox; the others count."""
    here = house.runtime
    weekly_activity(LIVE)
    people(here, 6)
    code = open_code(here)
    for number in range(6):
        tap(here, f"visitor-{number}", code, MONDAY)
    tap(here, "stranger", code, MONDAY)
    house.move_to(MONDAY, time(9, 30))

    done = weekly_activity(LIVE)

    assert (done["rows_in"], done["rows_out"]) == (7, 6)
    assert states(here) == {("applied", ""): 6, ("quarantined", "unknown_person"): 1}


def states(here: Runtime) -> dict[tuple[str, str], int]:
    from sqlalchemy import func, select

    from qunflow.store.tables import inbox as table

    query = select(table.c.state, table.c.reason, func.count()).where(table.c.source == "checkin")
    with here.store.reading() as conn:
        return {(row[0], row[1]): row[2] for row in conn.execute(query.group_by(table.c.state, table.c.reason))}


@pytest.fixture
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Steps whose second try does not wait."""
    from tasks import weekly_activity as steps

    def quick(name: str) -> None:
        monkeypatch.setattr(steps, name, getattr(steps, name).with_options(retry_delay_seconds=0.01))

    return quick


def test_a_locked_database_is_tried_again(house: Any, quick_retries: Callable[[str], None]) -> None:
    """A transient failure in the middle recovers by itself, and what was done is done once."""
    here = house.runtime
    weekly_activity(LIVE)
    people(here, 1)
    tap(here, "visitor-0", open_code(here), MONDAY)
    house.move_to(MONDAY, time(9, 30))
    quick_retries("keep_taps")
    from tasks import weekly_activity as steps

    real, tries = steps.keep_sorted, []

    def busy_once(*args: Any, **kwargs: Any) -> int:
        tries.append(1)
        if len(tries) == 1:
            raise StoreBusy("the database stayed locked", "try again")
        return real(*args, **kwargs)

    with patch.object(steps, "keep_sorted", busy_once):
        done = weekly_activity(LIVE)

    assert len(tries) == 2
    assert done["rows_out"] == 1


def test_data_that_cannot_be_trusted_stops_before_any_effect(house: Any) -> None:
    """A failed check is reported, not retried, and nothing is booked or sent."""
    here = house.runtime
    from tasks import weekly_activity as steps

    def twice(*args: Any, **kwargs: Any) -> Any:
        rows = tap_rows(*args, **kwargs)
        return [*rows, *rows]

    weekly_activity(LIVE)
    people(here, 1)
    tap(here, "visitor-0", open_code(here), MONDAY)
    before, sent = rows_of(here), house.accepted()
    tap_rows = steps.tap_rows
    with patch.object(steps, "tap_rows", twice), pytest.raises(CheckFailed, match="weekly_activity_in"):
        weekly_activity(LIVE)

    assert {**rows_of(here), "quarantine": 0} == {**before, "quarantine": 0}
    assert house.accepted() == sent
