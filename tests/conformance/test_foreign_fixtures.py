"""
The answers other people's tests expect: keys and types of ours contain those of wechatpy's own fixtures.

One story is played once, so that every list has something in it; then each fixture whose path is served is compared
with all answers its path gave. Where ours differs on purpose it says why.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from qunflow.sandbox.areas import TABLE
from tests.conformance.ground import CORP, HELPER, PNG, SECRET, Ground, open_ground

DATA = Path(os.environ.get("QUNFLOW_DATA_DIR") or Path(__file__).resolve().parents[3] / "shared" / "data")
FIXTURES = DATA / "wecom_fixtures_wechatpy.json"
EC = "externalcontact"
KINDS = {bool: "boolean", int: "number", float: "number", str: "text", list: "list", dict: "object"}

DIFFERENT = {
    "media_upload created_at: text, not number": "the platform's documentation shows this number as a string",
    "externalcontact_get follow_user[].remark_company: absent": "only writing has this name; reading remark_corp_name",
    "externalcontact_get follow_user[].remark_mobiles[]: text, not number": "phones are documented as strings",
    "externalcontact_get_contact_way contact_way: object, not list": "the platform answers one object by now",
}


def name_of(path: str) -> str:
    """The fixture that belongs to a path."""
    return path.replace("/", "_")


def served_fixtures() -> list[str]:
    """Fixtures whose path the sandbox serves; none when the data is not there."""
    if not FIXTURES.is_file():
        return []
    known = json.loads(FIXTURES.read_text(encoding="utf-8"))["responses"]
    return sorted(name for name in map(name_of, TABLE) if name in known)


@dataclass
class Story:
    """Calls everything once and keeps each answer by its fixture's name."""

    ground: Ground
    token: str = ""
    answers: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))

    def ask(self, path: str, **query: Any) -> dict[str, Any]:
        """A GET."""
        return self._kept(path, lambda url, params: self.ground.http.get(url, params={**params, **query}))

    def tell(self, path: str, **body: Any) -> dict[str, Any]:
        """A POST."""
        return self._kept(path, lambda url, params: self.ground.http.post(url, params=params, json=body))

    def upload(self, path: str, **query: Any) -> dict[str, Any]:
        """A file."""
        files = {"media": ("a.png", PNG, "image/png")}
        return self._kept(path, lambda url, params: self.ground.http.post(url, params={**params, **query}, files=files))

    def _kept(self, path: str, call: Any) -> dict[str, Any]:
        if path not in TABLE:
            return {}
        answer: httpx.Response = call(f"/cgi-bin/{path}", {"access_token": self.token} if self.token else {})
        body: dict[str, Any] = answer.json()
        assert body["errcode"] == 0, f"{path}: {body['errmsg']}"
        self.answers[name_of(path)].append(body)
        return body


@pytest.fixture(scope="module")
def answers() -> Iterator[dict[str, list[dict[str, Any]]]]:
    """What every call answered in the story."""
    with open_ground() as ground:
        story = Story(ground)
        story.token = story.ask("gettoken", corpid=CORP, corpsecret=SECRET)["access_token"]
        for chapter in (members, customers, tags, contact_ways, groups, messages, group_welcome, departures):
            chapter(story)
        yield story.answers


def members(story: Story) -> None:
    """Who works here, and where callbacks come from."""
    story.ask("getcallbackip")
    story.ask("user/simplelist", department_id=1, fetch_child=1)
    story.ask("department/list")


def customers(story: Story) -> None:
    """A WeChat user from a channel and a partner with a company, both with remarks."""
    neighbour = story.ground.friend(name="小林", state="外联二维码1")
    attributes = [
        {"type": 0, "name": "文本", "text": {"value": "早"}},
        {"type": 1, "name": "网页", "web": {"url": "https://shop.example.com", "title": "店"}},
        {"type": 2, "name": "小程序", "miniprogram": {"appid": "wx0", "pagepath": "/i", "title": "店"}},
    ]
    company = {"corp_name": "远山果业", "position": "采购", "external_attr": attributes}
    partner = story.ground.act("add_customer", name="李四", company=company)["external_userid"]
    story.ground.friend(external_userid=partner)
    group = story.tell(f"{EC}/add_corp_tag", group_name="来源", order=1, tag=[{"name": "海报"}])
    for who in (neighbour, partner):
        about = {"userid": HELPER, "external_userid": who}
        story.tell(f"{EC}/remark", **about, remark="三楼", remark_company="远山", remark_mobiles=["13800000000"])
        story.tell(f"{EC}/mark_tag", **about, add_tag=[group["tag_group"]["tag"][0]["id"]])
        story.ask(f"{EC}/get", external_userid=who)
    story.ask(f"{EC}/get_follow_user_list")
    story.ask(f"{EC}/list", userid=HELPER)
    story.tell(f"{EC}/batch/get_by_user", userid_list=[HELPER])


def tags(story: Story) -> None:
    """A tag renamed and deleted."""
    made = story.tell(f"{EC}/add_corp_tag", group_name="楼栋", tag=[{"name": "一号楼"}])["tag_group"]
    story.tell(f"{EC}/edit_corp_tag", id=made["tag"][0]["id"], name="1 号楼")
    story.tell(f"{EC}/del_corp_tag", tag_id=[made["tag"][0]["id"]])


def contact_ways(story: Story) -> None:
    """A channel code made, changed and ended."""
    about = {"style": 1, "remark": "海报", "skip_verify": True, "state": "poster-a", "user": [HELPER]}
    config = story.tell(f"{EC}/add_contact_way", type=1, scene=2, **about)["config_id"]
    story.tell(f"{EC}/get_contact_way", config_id=config)
    story.tell(f"{EC}/update_contact_way", config_id=config, remark="门店")
    story.tell(f"{EC}/del_contact_way", config_id=config)


def groups(story: Story) -> None:
    """A group with somebody from outside in it."""
    story.ground.members(1)
    story.tell(f"{EC}/groupchat/list", limit=1)
    story.tell(f"{EC}/groupchat/get", chat_id=story.ground.group()["chat_id"])


def messages(story: Story) -> None:
    """A picture, a welcome, and a mass message that does not reach everybody."""
    story.upload("media/upload", type="image")
    friend = story.ground.act("add_contact")
    story.tell(f"{EC}/send_welcome_msg", welcome_code=friend["welcome_code"], text={"content": "你好"})
    reached = [friend["external_userid"], "wmNobody"]
    story.tell(f"{EC}/add_msg_template", chat_type="single", external_userid=reached, text={"content": "早"})


def group_welcome(story: Story) -> None:
    """One template for each kind of attachment, as only one fits into one."""
    path, text = f"{EC}/group_welcome_template", {"content": "欢迎 %NICKNAME%"}
    media = story.upload("media/upload", type="image")["media_id"]
    link = {
        "title": "群规",
        "picurl": "https://shop.example.com/p.png",
        "desc": "三条",
        "url": "https://shop.example.com",
    }
    program = {"title": "签到", "pic_media_id": media, "appid": "wx8bd80126147df384", "page": "/path/index.html"}
    kinds: list[dict[str, Any]] = [{"image": {"media_id": media}}, {"link": link}, {"miniprogram": program}]
    for kind in kinds:
        template = story.tell(f"{path}/add", text=text, **kind).get("template_id")
        story.tell(f"{path}/edit", template_id=template, text=text, **kind)
        story.tell(f"{path}/get", template_id=template)
        story.tell(f"{path}/del", template_id=template)


def departures(story: Story) -> None:
    """A customer asks and is answered; a day later somebody leaves, whose customers nobody has then."""
    now, owner = story.ground.http.get("/_sandbox/clock").json()["now"], story.ground.group()["owner"]
    talk = {"userid": HELPER, "external_userid": story.ground.friend()}
    for by_member in (False, True):
        story.ground.act("say_privately", **talk, text="几点到货", by_member=by_member)
    story.ground.friend(userid=owner)
    story.ground.wait(86_400)
    story.token = story.ask("gettoken", corpid=CORP, corpsecret=SECRET)["access_token"]
    story.tell(f"{EC}/get_user_behavior_data", userid=[HELPER], start_time=unix(now), end_time=unix(now))
    story.ground.act("resign", userid=owner)
    story.tell(f"{EC}/get_unassigned_list", page_id=0, page_size=1_000)


def unix(instant: str) -> int:
    """Unix seconds of an ISO instant."""
    return int(datetime.fromisoformat(instant).timestamp())


def gaps(theirs: Any, ours: list[Any], at: str = "") -> Iterator[str]:
    """Where none of our values at a place has what their value there has."""
    kind, kinds = KINDS[type(theirs)], {KINDS[type(value)] for value in ours}
    if not ours:
        yield f"{at}: absent"
    elif kinds != {kind}:
        yield f"{at}: {' or '.join(sorted(kinds))}, not {kind}"
    elif kind == "object":
        for key, value in theirs.items():
            yield from gaps(value, [one[key] for one in ours if key in one], f"{at}.{key}".lstrip("."))
    elif kind == "list":
        for value in theirs:
            yield from gaps(value, [item for one in ours for item in one], f"{at}[]")


@pytest.mark.skipif(not FIXTURES.is_file(), reason=f"no fixtures at {DATA}; set QUNFLOW_DATA_DIR to their folder")
def test_the_foreign_fixtures_are_all_there() -> None:
    """Eighty-nine answers, and at most five differences on purpose."""
    assert len(json.loads(FIXTURES.read_text(encoding="utf-8"))["responses"]) == 89
    assert len(DIFFERENT) <= 5
    assert len(served_fixtures()) >= 26


@pytest.mark.parametrize("name", served_fixtures())
def test_our_answer_contains_the_foreign_one(name: str, answers: dict[str, list[dict[str, Any]]]) -> None:
    """Every key of theirs is in ours with the same kind of value, except where a reason is given."""
    theirs = json.loads(FIXTURES.read_text(encoding="utf-8"))["responses"][name]
    assert answers[name], "the story never makes this call"
    found = {f"{name} {gap}" for gap in gaps(theirs, answers[name])}
    expected = {difference for difference in DIFFERENT if difference.startswith(f"{name} ")}
    assert found == expected


def test_the_comparison_sees_what_is_missing() -> None:
    """A key that is absent, another kind and an empty list are all told."""
    theirs = {"a": 1, "b": ["x"], "c": {"d": True}, "e": [{"f": "y"}]}
    assert list(gaps(theirs, [{"a": 2.5, "b": ["z"], "c": {"d": False}, "e": [{"f": ""}], "more": 1}])) == []
    assert list(gaps(theirs, [{"b": [], "c": {"d": 1}, "e": [{}]}])) == [
        "a: absent",
        "b[]: absent",
        "c.d: number, not boolean",
        "e[].f: absent",
    ]
