"""Nothing that was planted can be read anywhere but at the truth's own address."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from qunflow.sandbox.areas import TABLE
from tests.integration.sandbox_caller import HELPER, hearing
from tests.spec.season_of_people import Season, season

# Numbers and names that nothing else would show by chance.
SPEC: dict[str, Any] = {
    "people": 120,
    "arrivals_per_day": 8,
    "staff": [
        {"userid": HELPER, "name": "小满", "role": "helper"},
        {"userid": "owner_zhou", "name": "周启明", "role": "owner", "habit": "late", "own_sends": 7},
    ],
    "groups": [
        {"key": "g1", "name": "一群", "kind": "benefit_group", "owner": "owner_zhou", "admin": "owner_zhou", "share": 1}
    ],
    "channels": [
        {"key": "poster-a", "name": "海报", "cost_fen": 1, "weight": 1, "keen": 1.0303, "buying": 1.9191,
         "leaving": 0.3737, "junk": 0.2929}
    ],
    "content": [{"subject": "独门暗号", "appeal": 0.1717, "buying": 1.6767, "leaving": 1.5353}],
    "campaigns": [{"key": "zz-campaign", "marks": "春日专享", "lift": 0.7373, "days": 4.4949}],
    "rings": [
        {"key": "zz-ring", "channel": "poster-a", "at": "2026-03-02T12:00:00+08:00", "size": 9, "stays_days": 1.1313}
    ],
    "outages": [
        {"path": "callback", "mode": "duplicate", "probability": 0.6161, "since": "2026-03-02T15:00:00+08:00",
         "until": "2026-03-02T16:00:00+08:00"}
    ],
}  # fmt: skip
PLANTED = re.compile(
    r"zz-(ring|campaign)|独门暗号|1\.0303|1\.9191|0\.3737|0\.2929|0\.1717|1\.6767|1\.5353|0\.7373|4\.4949|1\.1313|0\.6161"
    r'|"(ring|junk|treated|invited_by|lift|habit|own_sends|warmth|keen|buying|leaving)"|standing|outage'
)


def everything_answered(one: Season) -> str:
    """What every call of the platform answers to an empty body and to one that names everything there is."""
    chat, who = one.chat(), next(iter(one.channels()))
    now = int(one.call("groupchat/get", chat_id=chat)["group_chat"]["create_time"])
    listed = one.call(
        "get_groupmsg_list_v2", chat_type="group", start_time=now - 86_400 * 20, end_time=now + 86_400 * 9
    )
    named = {
        "chat_id": chat, "chat_id_list": [chat], "userid": "owner_zhou", "userid_list": [HELPER, "owner_zhou"],
        "external_userid": who, "msgid": listed["group_msg_list"][0]["msgid"], "limit": 100, "chat_type": "single",
        "start_time": now - 86_400, "end_time": now + 86_400 * 5, "need_name": 1, "status_filter": 0,
        "owner_filter": {"userid_list": ["owner_zhou"]}, "day_begin_time": now, "department_id": 1,
    }  # fmt: skip
    query = {"access_token": one.token}
    told = [json.dumps(listed, ensure_ascii=False)]
    for path in TABLE:
        asked = {**query, **{name: value for name, value in named.items() if isinstance(value, str)}}
        told.append(one.http.get(f"/cgi-bin/{path}", params=asked).text)
        for body in ({}, named):
            told.append(one.http.post(f"/cgi-bin/{path}", params=query, json=body).text)
        # A call may have been told to go the way of the token.
        one.renew()
        query = {"access_token": one.token}
    return "\n".join(told)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Everything that left the sandbox in two and a half days with all truths at work, by the way it took."""
    with hearing() as (callback, heard), season(tmp_path_factory.mktemp("hidden"), SPEC, callback=callback) as one:
        one.until(0, 14)
        one.tell(HELPER, "春日专享:看看有什么。", external_userid=sorted(one.channels()))
        one.tell_group(0, f"今天的砂糖橘 29.9 元一份,{one.links}/Ab12Cd34Ef 下单,想要的扣 1")
        one.until(2, 14)
        own = {name: one.http.get(f"/_sandbox/{name}").text for name in ("world", "log", "faults")}
        exports = "".join(one.http.get(f"/_sandbox/export/{name}.csv").text for name in ("events", "leads"))
        outside = {"callbacks": json.dumps(heard, ensure_ascii=False), "hooks": json.dumps(one.pushed)}
        truth = one.http.get("/_sandbox/truth").text
        return {"truth": truth, "answers": everything_answered(one), "exports": exports, **own, **outside}


@pytest.mark.parametrize("way", ["answers", "callbacks", "hooks", "exports", "world", "log", "faults"])
def test_nothing_planted_is_told(told: dict[str, str], way: str) -> None:
    """There is something to read on each way, and nothing planted in it."""
    assert len(told[way]) > 2
    assert PLANTED.search(told[way]) is None


def test_the_search_reads_answers_and_not_refusals(told: dict[str, str]) -> None:
    """Dozens of calls answered with what they have."""
    assert told["answers"].count('"errcode":0') > 50


def test_the_truth_tells_all_of_it(told: dict[str, str]) -> None:
    """The same search finds every planted thing where it belongs, so it would have found it elsewhere."""
    found = {match.group(0) for match in PLANTED.finditer(told["truth"])}
    for word in ("zz-ring", "zz-campaign", "独门暗号", "0.7373", "0.2929", "1.1313", "0.6161", '"own_sends"', '"ring"'):
        assert word in found
    people = json.loads(told["truth"])["people"]
    assert sum(one["ring"] == "zz-ring" for one in people) == 9
    assert any(one["treated"] for one in people)
    assert any(one["junk"] for one in people)


def test_the_record_on_disk_is_no_way_out(tmp_path: Path) -> None:
    """A sandbox that is started again on its file knows the truth and still tells it nowhere else."""
    db = str(tmp_path / "state.sqlite3")
    with season(tmp_path, SPEC, db=db) as one:
        one.until(0, 15)
        before = one.truth()["people"]
    with season(tmp_path, SPEC, db=db) as one:
        assert one.truth()["people"] == before
        assert PLANTED.search(one.http.get("/_sandbox/world").text) is None
