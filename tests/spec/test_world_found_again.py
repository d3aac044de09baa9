"""What was planted is really there: the effects are found again from accepted calls and events, within their error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import exp, sqrt
from typing import Any

import pytest

from tests.spec.season_of_people import FIRST_DAY, season

DAYS = 12
LIFT, BUYING, LEAVING, CLEARANCE = 0.8, (1.6, 0.8), (0.5, 2.0), 5.0
CAMPAIGN = "春日专享:这周下单有惊喜,先到先得,来群里看看。"
OFFER = "砂糖橘 5 斤装,29.9 元一份,备货 120 份,今天下午截单。从这里下单:{}/Ab12Cd34E{}"
SHOUT = "清仓甩卖最后一天,库存不多,错过要再等一年,需要的邻居抓紧来店里看看。"
SPEC: dict[str, Any] = {
    "people": 2_400,
    "arrivals_per_day": 0,
    "pulled_share": 0.1,
    "channels": [
        {"key": "good", "name": "好", "cost_fen": 1, "weight": 1, "buying": BUYING[0], "leaving": LEAVING[0]},
        {
            "key": "poor",
            "name": "差",
            "cost_fen": 1,
            "weight": 1,
            "buying": BUYING[1],
            "leaving": LEAVING[1],
            "junk": 0.3,
        },
    ],
    "campaigns": [{"key": "spring", "marks": "春日专享", "lift": LIFT, "days": 30}],
    "content": [{"subject": "清仓", "leaving": CLEARANCE}],
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What a product knows after the season; ``events`` are (day, kind, who, chat) of the lived days."""

    channel: dict[str, str]
    treated: set[str]
    present: set[str]
    events: list[tuple[float, str, str, str]]
    loud_chat: str
    truth: dict[str, Any]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """Twelve days of offers; half of the friends got the campaign, the first group got the shouting every other day."""
    with season(tmp_path_factory.mktemp("season"), SPEC) as one:
        channel = one.channels()
        one.until(0, 9)
        present = {person["external_userid"] for person in one.truth()["people"] if person["groups"]}
        one.tell("helper_xm", CAMPAIGN, external_userid=sorted(channel)[::2])
        for day in range(DAYS):
            one.until(day, 11)
            for place in (0, 1):
                one.tell_group(place, OFFER.format(one.links, day))
            if day % 2 == 0:
                one.tell_group(0, SHOUT)
        one.until(DAYS, 0)
        sent = [line for line in one.log() if line["path"].endswith("add_msg_template")]
        return Seen(channel, set(sent[0]["targets"]), present, _lived(one.truth()), one.chat(0), one.truth())


def _lived(truth: dict[str, Any]) -> list[tuple[float, str, str, str]]:
    events = []
    for event in truth["events"]:
        day = (datetime.fromisoformat(event["at"]) - FIRST_DAY) / timedelta(days=1)
        if day >= 0:
            events.append((day, event["kind"], event["external_userid"], event["chat_id"]))
    return events


def found_again(true: float, a: float, b: float, of_a: float, of_b: float) -> bool:
    """Whether the ratio of two rates is the true one and not 1, both to 99 %."""
    ratio, error = (a / of_a) / (b / of_b), exp(2.58 * sqrt(1 / a + 1 / b))
    return ratio / error < true < ratio * error and not ratio / error < 1 < ratio * error


def counted(seen: Seen, kind: str, label: Callable[[str], Any]) -> Counter[Any]:
    """How often people of each label did something."""
    return Counter(label(who) for _, one, who, _ in seen.events if one == kind and who in seen.channel)


def test_the_lift_of_a_campaign_is_found_again(seen: Seen) -> None:
    """Orders a person among those who were sent the campaign's message, against the others in the groups."""
    orders = counted(seen, "order", lambda who: who in seen.treated)
    people = Counter(who in seen.treated for who in seen.present & set(seen.channel))
    assert found_again(1 + LIFT, orders[True], orders[False], people[True], people[False])


def test_the_truth_names_exactly_those_who_got_the_message(seen: Seen) -> None:
    """The acceptance log and the truth agree on who was treated, as everybody's owner confirmed."""
    treated = {one["external_userid"] for one in seen.truth["people"] if "spring" in one["treated"]}
    assert treated == seen.treated


def test_how_well_a_channel_buys_is_found_again(seen: Seen) -> None:
    """Orders a click, by the channel that the platform shows."""
    orders, clicks = (counted(seen, kind, seen.channel.__getitem__) for kind in ("order", "click"))
    assert found_again(BUYING[0] / BUYING[1], orders["good"], orders["poor"], clicks["good"], clicks["poor"])


def test_how_well_a_channel_stays_is_found_again(seen: Seen) -> None:
    """Leavers a day spent in the groups."""
    left: dict[str, float] = {}
    for day, kind, who, _ in seen.events:
        if kind == "leave":
            left.setdefault(who, day)
    days: Counter[str] = Counter()
    gone: Counter[str] = Counter()
    for who in seen.present & set(seen.channel):
        days[seen.channel[who]] += left.get(who, float(DAYS))  # type: ignore[assignment]
        gone[seen.channel[who]] += who in left
    assert found_again(LEAVING[1] / LEAVING[0], gone["poor"], gone["good"], days["poor"], days["good"])


def test_what_a_message_does_to_leaving_is_found_again(seen: Seen) -> None:
    """Leavers on the days after the shouting against those on other days, beside the same days of a quiet group."""
    left = Counter((chat == seen.loud_chat, int(day) % 2) for day, kind, _, chat in seen.events if kind == "leave")
    quiet = left[False, 1] / left[False, 0]
    ratio = left[True, 1] / left[True, 0] / quiet
    error = exp(2.58 * sqrt(sum(1 / count for count in left.values())))
    assert ratio / error < CLEARANCE < ratio * error
    assert ratio / error > 1


def test_junk_leads_are_found_again(seen: Seen) -> None:
    """About three in ten of the poor channel's people fill the form in and are never seen again."""
    poor = [one for one in seen.truth["people"] if one["channel"] == "poor"]
    junk = [one for one in poor if one["junk"]]
    assert abs(len(junk) / len(poor) - 0.3) < 2.58 * sqrt(0.3 * 0.7 / len(poor))
    assert not any(one["friend"] or one["groups"] for one in junk)
