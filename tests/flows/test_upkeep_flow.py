"""Upkeep on a real sandbox: the roster once more, and whether the quota lasts for the two weeks ahead."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Any

import pytest

import flows.upkeep
from flows.upkeep import upkeep
from qunflow.delivery.forecast import Ahead, forecast, outlooks
from qunflow.errors import ChannelUnavailable
from qunflow.language import catalogue
from qunflow.runtime.plan_ahead import PlanAhead
from qunflow.settings.params import StageParams
from qunflow.settings.workspace import Quota
from tasks.plan_ahead import as_markdown

pytestmark = pytest.mark.usefixtures("prefect_server")

DAY = date(2026, 3, 2)
LIVE = StageParams(dry_run=False)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes a step of upkeep try again at once."""

    def without_waits(name: str) -> None:
        monkeypatch.setattr(flows.upkeep, name, getattr(flows.upkeep, name).with_options(retry_delay_seconds=0))

    return without_waits


def test_the_quota_of_two_weeks_is_looked_at(house: Any) -> None:
    """With the ordinary quota nothing will be refused, and nobody has sent beside Qunflow."""
    done = upkeep(LIVE)
    assert (done["will_be_refused"], done["sent_beside"]) == (0, 0)


def test_what_an_owner_sends_by_himself_is_counted_once(house: Any) -> None:
    """A second run of the same day finds nothing new."""
    group = house.runtime.workspace.communities[0].groups[0]
    house.tell("act", {"act": "send_own", "userid": group.owner, "targets": [group.chat_id], "text": "自己发的"})
    house.move_to(DAY, time(9, 0))
    assert upkeep(LIVE)["sent_beside"] == 1
    assert upkeep(LIVE)["sent_beside"] == 0


def test_a_short_outage_is_tried_again(house: Any, quick: Callable[[str], None]) -> None:
    """One gateway error while asking for everybody's tasks."""
    quick("look_ahead")
    house.tell("faults", [{"path": "externalcontact/get_groupmsg_list_v2", "mode": "http_502", "nth": 1, "times": 1}])
    assert upkeep(LIVE)["will_be_refused"] == 0


def test_a_lasting_failure_is_told(house: Any, quick: Callable[[str], None]) -> None:
    """A platform that stays away ends the run with its own words."""
    quick("look_ahead")
    house.tell("faults", [{"path": "externalcontact/get_groupmsg_list_v2", "mode": "http_502", "probability": 1.0}])
    with pytest.raises(ChannelUnavailable):
        upkeep(LIVE)


def test_the_page_names_what_will_be_refused() -> None:
    """One sentence first, then each slot with its reason and what each chat has left."""
    at = datetime(2026, 3, 7, 4, 0, tzinfo=UTC)
    slots = [Ahead("noon", "daily_content", "g1", "wr1", "zhou", "zhou", DAY, at, "mass_task", "…")] * 2
    quota = Quota(mode="day_1")
    found = PlanAhead(forecast(slots, quota, {}, {}), outlooks(slots, quota, {}), (2031,))
    page = as_markdown(found, catalogue("zh"))
    assert page.startswith("1 条发不出去")
    assert "2031 年的节假日" in page
    assert "| g1 | 03-07 – 03-07 | 0 | 2 | -1 |" in page
