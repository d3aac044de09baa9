"""Welcome templates for groups over real HTTP: kept, changed as a whole, read back, removed; each app its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from qunflow.sandbox.options import App, Limits
from tests.integration.sandbox_caller import Caller, calling

AREA = "group_welcome_template"
TEXT = {"text": {"content": "欢迎%NICKNAME%,群规在公告里"}}
LINK = {
    "link": {"title": "群规", "url": "https://shop.example.com/rules", "picurl": "https://a.example/b", "desc": "一页"}
}


@pytest.fixture
def sandbox() -> Iterator[Caller]:
    """A sandbox with the documented limits."""
    with calling() as caller:
        yield caller


def make(sandbox: Caller, **parts: Any) -> str:
    """The id of a new template."""
    answer = sandbox.call(f"{AREA}/add", **parts)
    assert answer["errcode"] == 0, answer
    return str(answer["template_id"])


def shown(sandbox: Caller, template: str) -> dict[str, Any]:
    """The parts of a template."""
    found = sandbox.call(f"{AREA}/get", template_id=template)
    return {name: part for name, part in found.items() if name not in ("errcode", "errmsg")}


@pytest.mark.covers("externalcontact/group_welcome_template/add", "success")
@pytest.mark.covers("externalcontact/group_welcome_template/add", "read_back")
@pytest.mark.covers("externalcontact/group_welcome_template/get", "success")
@pytest.mark.covers("externalcontact/group_welcome_template/get", "read_back")
def test_group_welcome_add_succeeds_and_reads_back(sandbox: Caller) -> None:
    """Text alone, one other part alone, or both; what is read is what was written, without what was not."""
    program = {"title": "打卡", "pic_media_id": sandbox.upload(type="image"), "appid": "wx1", "page": "a.html"}
    for parts in (TEXT, LINK, {**TEXT, **LINK}, {"miniprogram": program, "notify": 0}):
        expected = {name: part for name, part in parts.items() if name != "notify"}
        assert shown(sandbox, make(sandbox, **parts)) == expected


def test_group_welcome_add_takes_files_and_gives_pictures_back_as_addresses(sandbox: Caller) -> None:
    """A picture is read as pic_url whatever it was written as; files and videos keep their id."""
    picture, paper = sandbox.upload(type="image"), sandbox.upload(type="file")
    by_id = shown(sandbox, make(sandbox, image={"media_id": picture}))
    assert by_id["image"]["pic_url"].startswith("https://")
    assert set(by_id["image"]) == {"pic_url"}
    address = {"pic_url": sandbox.upload_picture()}
    assert shown(sandbox, make(sandbox, image=address)) == {"image": address}
    assert shown(sandbox, make(sandbox, file={"media_id": paper})) == {"file": {"media_id": paper}}


@pytest.mark.covers("externalcontact/group_welcome_template/add", "refusal")
def test_group_welcome_add_refuses_what_is_empty_long_or_too_much(sandbox: Caller) -> None:
    """3,000 bytes of text, one other part, living files of the right kind, links with a scheme."""
    assert sandbox.code(f"{AREA}/add", text={"content": "长" * 1_000}) == 0
    picture = sandbox.upload(type="image")
    cases: list[tuple[dict[str, Any], int]] = [
        ({"text": {"content": "长" * 1_001}}, 40058),
        ({}, 40063),
        ({"text": {"content": ""}}, 40063),
        ({**LINK, "image": {"media_id": picture}}, 40058),
        ({"video": {"media_id": picture}}, 40007),
        ({"image": {"media_id": "no"}}, 40007),
        ({"link": {"title": "群规", "url": "shop.example.com"}}, 45034),
        ({"link": {"title": "长" * 43, "url": "https://shop.example.com"}}, 40058),
        ({**TEXT, "notify": 2}, 40058),
    ]
    for parts, code in cases:
        assert sandbox.code(f"{AREA}/add", **parts) == code, parts


def test_group_welcome_add_refuses_more_than_there_may_be() -> None:
    """41055 at the documented number, 100 unless told otherwise; a removed one makes room."""
    assert Limits().group_welcomes == 100
    with calling(Limits(group_welcomes=2)) as sandbox:
        first, _ = make(sandbox, **TEXT), make(sandbox, **TEXT)
        assert sandbox.code(f"{AREA}/add", **TEXT) == 41055
        assert sandbox.code(f"{AREA}/del", template_id=first) == 0
        assert sandbox.code(f"{AREA}/add", **TEXT) == 0


@pytest.mark.covers("externalcontact/group_welcome_template/edit", "success")
@pytest.mark.covers("externalcontact/group_welcome_template/edit", "read_back")
def test_group_welcome_edit_succeeds_and_replaces_everything(sandbox: Caller) -> None:
    """What an edit leaves out is gone afterwards."""
    template = make(sandbox, **TEXT, **LINK)
    assert sandbox.code(f"{AREA}/edit", template_id=template, text={"content": "欢迎"}) == 0
    assert shown(sandbox, template) == {"text": {"content": "欢迎"}}


@pytest.mark.covers("externalcontact/group_welcome_template/edit", "refusal")
def test_group_welcome_edit_refuses_what_add_refuses(sandbox: Caller) -> None:
    """An empty or long template, an unknown id, and no id; the old one stays."""
    template = make(sandbox, **TEXT)
    assert sandbox.code(f"{AREA}/edit", template_id=template) == 40063
    assert sandbox.code(f"{AREA}/edit", template_id=template, text={"content": "长" * 1_001}) == 40058
    assert sandbox.code(f"{AREA}/edit", template_id="msgNo", **TEXT) == 40058
    assert sandbox.code(f"{AREA}/edit", **TEXT) == 40063
    assert shown(sandbox, template) == TEXT


@pytest.mark.covers("externalcontact/group_welcome_template/del", "success")
@pytest.mark.covers("externalcontact/group_welcome_template/del", "read_back")
@pytest.mark.covers("externalcontact/group_welcome_template/get", "refusal")
@pytest.mark.covers("externalcontact/group_welcome_template/del", "refusal")
def test_group_welcome_del_succeeds_once(sandbox: Caller) -> None:
    """A removed template is unknown to every call."""
    template = make(sandbox, **TEXT)
    assert sandbox.code(f"{AREA}/del", template_id=template) == 0
    for name in ("get", "del"):
        assert sandbox.code(f"{AREA}/{name}", template_id=template) == 40058
        assert sandbox.code(f"{AREA}/{name}") == 40063


def test_group_welcome_templates_of_another_app_can_be_neither_seen_nor_changed() -> None:
    """41058 for each call of another app; its own are fine."""
    with calling(apps=(App(1_000_003, "other"),)) as sandbox:
        template = make(sandbox, **TEXT)
        other = Caller(str(sandbox.http.base_url), "other")
        assert other.code(f"{AREA}/get", template_id=template) == 41058
        assert other.code(f"{AREA}/edit", template_id=template, **TEXT) == 41058
        assert other.code(f"{AREA}/del", template_id=template) == 41058
        assert shown(other, make(other, **LINK)) == LINK
        assert shown(sandbox, template) == TEXT
        other.http.close()


def test_group_welcome_add_takes_a_film_fetched_by_address(sandbox: Caller) -> None:
    """Material fetched by the platform is good for templates only."""
    asked = {"scene": 1, "type": "video", "filename": "a.mp4", "url": "https://shop.example.com/a.mp4", "md5": "0" * 32}
    job = sandbox.media("upload_by_url", **asked)["jobid"]
    sandbox.wait(10)
    film = {"media_id": sandbox.media("get_upload_by_url_result", jobid=job)["detail"]["media_id"]}
    assert shown(sandbox, make(sandbox, video=film)) == {"video": film}
    attachment = {"msgtype": "video", "video": film}
    assert sandbox.code("add_moment_task", attachments=[attachment]) == 41072
    welcome = sandbox.act("add_contact")["welcome_code"]
    assert sandbox.code("send_welcome_msg", welcome_code=welcome, attachments=[attachment]) == 40007
