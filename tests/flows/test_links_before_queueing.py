"""A message whose link would be dead when it is read does not go out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from flows.daily_content import daily_content
from qunflow.daily_content.params import DailyContentParams
from qunflow.delivery import outbox
from tasks import daily_content as steps

pytestmark = pytest.mark.usefixtures("prefect_server")


def test_a_link_that_ends_before_its_slot_keeps_the_message_in(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the messages with such a link are refused, and the reason says so."""
    monkeypatch.setattr(steps, "LINK_OUTLIVES_DAY", timedelta(hours=-13))

    daily_content(DailyContentParams(dry_run=False))

    community = house.runtime.workspace.communities[0].key
    with house.runtime.store.reading() as conn:
        rows = outbox.board(conn, community, house.runtime.clock.now().date())
    # Midday's sale comes after the links end at 11:00; whatever is over before that keeps its link.
    refused = [row for row in rows if row["state"] == "refused"]
    assert {row["slot"].split("/")[-1] for row in refused} >= {"flash-sale"}
    assert all("/s/" in row["text"] and "链接在发送前就会过期" in row["reason"] for row in refused)
    assert all("/s/" not in row["text"] for row in rows if row["state"] != "refused")
