"""Moments: made as a job, published by a member, found again when the answer is lost."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from qunflow.delivery.poll import poll
from qunflow.delivery.ports import Ports
from qunflow.delivery.recover import recover
from qunflow.delivery.sender import drain
from qunflow.store.tables import calls
from tests.unit.delivery.platform_fake import NOON, FakePlatform, a_plan, put, states

LATER = NOON + timedelta(seconds=700)


def moment_plan(text: str = "新到一批砂糖橘", **changes: Any) -> Any:
    return a_plan(0, text, way="moment", target_kind="staff", slot_key=f"moment-{text}", catch_up="send", **changes)


def named(ports: Ports) -> list[Any]:
    with ports.store.reading() as conn:
        return list(conn.execute(select(calls.c.platform_id).order_by(calls.c.call_id)).scalars())


def test_a_moment_is_a_job_then_a_moment_then_published(ports: Ports, platform: FakePlatform) -> None:
    """It counts as delivered once the member has published it."""
    put(ports.store, moment_plan())
    assert drain(ports, now=NOON).sent == 1
    assert named(ports) == ["job:j1"]
    assert poll(ports, NOON).outcomes == {}
    assert named(ports) == ["mom1"]
    platform.moments["mom1"]["status"] = 1
    assert poll(ports, LATER).outcomes == {"delivered": 1}
    assert states(ports.store, "outcome") == ["delivered"]


@pytest.mark.parametrize(("fault", "made"), [("lost", 1), ("dropped", 1)])
def test_a_lost_answer_is_settled_by_the_list_of_moments(
    ports: Ports, platform: FakePlatform, fault: str, made: int
) -> None:
    """After the wait it is adopted where it arrived, and made again where it did not: one moment either way."""
    put(ports.store, moment_plan())
    platform.faults["add_moment_task"] = [fault]
    assert drain(ports, now=NOON).unknown == 1
    drain(ports, now=NOON + timedelta(seconds=300))
    assert len(platform.moments) == (fault == "lost")
    drain(ports, now=LATER)
    assert (len(platform.moments), states(ports.store)) == (made, ["sent"])


def test_a_moment_that_goes_by_its_jobs_number_is_not_taken_from_its_call(ports: Ports, platform: FakePlatform) -> None:
    """Of two moments with the same words only one is missing; the other's is not adopted in its place."""
    put(ports.store, moment_plan())
    drain(ports, now=NOON)
    put(ports.store, moment_plan(day=NOON.date() + timedelta(days=1)))
    platform.faults["add_moment_task"] = ["dropped"]
    drain(ports, now=NOON)
    assert recover(ports, LATER).adopted == 0
    poll(ports, LATER)
    assert recover(ports, LATER).returned == 1
