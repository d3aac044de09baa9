"""Moments over real HTTP: made by a job, published by members in their clients, reported with who saw and reacted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from qunflow.sandbox.options import App, Limits
from tests.integration.sandbox_caller import FILM, HELPER, OTHER, OWNER, Caller, calling

DAY_S = 86_400
TEXT = {"text": {"content": "今天的橘子到了"}}
JOB_S, DISPATCH_S = Limits().moment_job_s, Limits().dispatch_s


@pytest.fixture
def sandbox() -> Iterator[Caller]:
    """A sandbox with the documented limits."""
    with calling() as caller:
        yield caller


def now(sandbox: Caller) -> int:
    """The sandbox clock, Unix seconds."""
    return int(datetime.fromisoformat(sandbox.http.get("/_sandbox/clock").json()["now"]).timestamp())


def senders(*userids: str) -> dict[str, Any]:
    """A visible range of these members."""
    return {"sender_list": {"user_list": list(userids)}}


def result(sandbox: Caller, **parts: Any) -> dict[str, Any]:
    """The result of a job once it is done and dispatched."""
    answer = sandbox.call("add_moment_task", **parts)
    assert answer["errcode"] == 0, answer
    sandbox.wait(JOB_S + DISPATCH_S)
    found: dict[str, Any] = sandbox.ask("get_moment_task_result", jobid=answer["jobid"])["result"]
    return found


def make(sandbox: Caller, **parts: Any) -> str:
    """The id of a new corp moment, ready to be published."""
    return str(result(sandbox, **{**TEXT, **parts})["moment_id"])


def attachment(sandbox: Caller, kind: str, attachment_type: int = 1) -> dict[str, Any]:
    """A picture or a film as an attachment."""
    content = {"content": FILM} if kind == "video" else {}
    media_id = sandbox.upload("upload_attachment", **content, media_type=kind, attachment_type=attachment_type)
    return {"msgtype": kind, kind: {"media_id": media_id}}


def moments(sandbox: Caller, **asked: Any) -> list[dict[str, Any]]:
    """The moments of the last month."""
    span = {"start_time": now(sandbox) - 30 * DAY_S, "end_time": now(sandbox)}
    found: list[dict[str, Any]] = sandbox.call("get_moment_list", **{**span, **asked})["moment_list"]
    return found


def status(sandbox: Caller, moment: str) -> dict[str, int]:
    """Who has published."""
    rows = sandbox.call("get_moment_task", moment_id=moment)["task_list"]
    return {row["userid"]: row["publish_status"] for row in rows}


@pytest.mark.covers("externalcontact/add_moment_task", "success")
@pytest.mark.covers("externalcontact/get_moment_task_result", "success")
def test_moments_add_moment_task_succeeds_through_a_job(sandbox: Caller) -> None:
    """The job is begun, under way, done; only then there is a moment, and GET and POST tell the same."""
    job = sandbox.call("add_moment_task", **TEXT)["jobid"]
    assert len(job.encode()) <= 64
    begun = sandbox.ask("get_moment_task_result", jobid=job)
    assert (begun["status"], begun["type"], begun["result"]) == (1, "add_moment_task", {})
    sandbox.wait(JOB_S - 1)
    assert sandbox.ask("get_moment_task_result", jobid=job)["status"] == 2
    assert moments(sandbox) == []
    sandbox.wait(1)
    done = sandbox.ask("get_moment_task_result", jobid=job)
    assert (done["status"], done["result"]["errcode"]) == (3, 0)
    assert sandbox.call("get_moment_task_result", jobid=job) == done
    assert sandbox.code("get_moment_task", moment_id=done["result"]["moment_id"]) == 41079
    sandbox.wait(DISPATCH_S)
    assert sandbox.code("get_moment_task", moment_id=done["result"]["moment_id"]) == 0


@pytest.mark.covers("externalcontact/add_moment_task", "read_back")
@pytest.mark.covers("externalcontact/get_moment_list", "success")
@pytest.mark.covers("externalcontact/get_moment_list", "read_back")
def test_moments_add_moment_task_reads_back_from_the_list(sandbox: Caller) -> None:
    """Pictures are listed as image, a film as video, a link with its title; newest first, made by no person."""
    pictures = [attachment(sandbox, "image") for _ in range(9)]
    film, cover = attachment(sandbox, "video"), attachment(sandbox, "image")["image"]["media_id"]
    link = {"title": "店", "url": "https://shop.example.com", "media_id": cover}
    for attachments in (pictures, [film], [{"msgtype": "link", "link": link}]):
        make(sandbox, attachments=attachments)
    with_link, with_film, with_pictures = moments(sandbox)
    assert with_pictures["image"] == [picture["image"] for picture in pictures]
    assert (with_film["video"], with_link["link"]) == (film["video"], link)
    for moment in (with_link, with_film, with_pictures):
        assert moment["text"] == TEXT["text"]
        assert (moment["create_type"], moment["visible_type"], "creator" in moment) == (0, 1, False)


@pytest.mark.covers("externalcontact/add_moment_task", "refusal")
def test_moments_add_moment_task_refuses_long_texts_mixtures_and_files_of_other_pools(sandbox: Caller) -> None:
    """2,000 characters and 4,000 bytes; nine pictures or a film or a link; only files uploaded for moments."""
    picture, film = attachment(sandbox, "image"), attachment(sandbox, "video")
    link = {"msgtype": "link", "link": {"url": "https://a.example", "media_id": picture["image"]["media_id"]}}
    message_picture = {"msgtype": "image", "image": {"media_id": sandbox.upload(type="image")}}
    cases: list[tuple[dict[str, Any], int, str]] = [
        ({"text": {"content": "a" * 2_001}}, 40058, "invalid text size"),
        ({"text": {"content": "长" * 1_334}}, 40058, "invalid text size"),
        ({}, 41089, ""),
        ({"attachments": [picture] * 10}, 41064, "invalid attachments size"),
        ({"attachments": [film] * 2}, 41064, "invalid attachments size"),
        ({"attachments": [link] * 2}, 41064, "invalid attachments size"),
        ({"attachments": [picture, film]}, 41065, "invalid attachments msgtype"),
        ({"attachments": [{"msgtype": "file", "file": {"media_id": "x"}}]}, 41065, "invalid attachments msgtype"),
        ({"attachments": [{"msgtype": "image"}]}, 41065, ""),
        ({"attachments": [message_picture]}, 40007, ""),
        ({"attachments": [attachment(sandbox, "image", 2)]}, 41072, ""),
        ({"attachments": [{"msgtype": "video", "video": picture["image"]}]}, 40007, ""),
        ({"attachments": [{"msgtype": "link", "link": {**link["link"], "title": "长" * 22}}]}, 40058, ""),
        ({"attachments": [{"msgtype": "link", "link": {"media_id": picture["image"]["media_id"]}}]}, 40063, ""),
        ({"attachments": [{"msgtype": "link", "link": {**link["link"], "url": "a.example"}}]}, 45034, ""),
        ({**TEXT, "visible_range": {"sender_list": {"user_list": "all"}}}, 40058, ""),
    ]
    for parts, code, words in cases:
        answer = sandbox.call("add_moment_task", **parts)
        assert answer["errcode"] == code, parts
        assert words in answer["errmsg"]
    assert sandbox.code("add_moment_task", text={"content": "a" * 2_000}) == 0


def test_moments_add_moment_task_refuses_too_many_jobs_at_once() -> None:
    """41078 while so many are running; the next ones may start when these are done."""
    with calling(Limits(moment_jobs=1)) as sandbox:
        assert sandbox.code("add_moment_task", **TEXT) == 0
        assert sandbox.code("add_moment_task", **TEXT) == 41078
        sandbox.wait(JOB_S)
        assert sandbox.code("add_moment_task", **TEXT) == 0


@pytest.mark.covers("externalcontact/get_moment_task_result", "read_back")
def test_moments_get_moment_task_result_names_who_is_not_there(sandbox: Caller) -> None:
    """Unknown members, departments and tags are listed, the rest is asked; nobody left is an error of the job."""
    partly = {
        "sender_list": {"user_list": [HELPER, "nobody"], "department_list": [9]},
        "external_contact_list": {"tag_list": ["etNo"]},
    }
    found = result(sandbox, **TEXT, visible_range={"sender_list": partly["sender_list"]})
    assert found["invalid_sender_list"] == {"user_list": ["nobody"], "department_list": [9]}
    assert status(sandbox, found["moment_id"]) == {HELPER: 0}
    for nobody in (partly, senders("nobody")):
        failed = result(sandbox, **TEXT, visible_range=nobody)
        assert failed["errcode"] == 81013
        assert "moment_id" not in failed
    assert len(moments(sandbox)) == 1


@pytest.mark.covers("externalcontact/get_moment_task_result", "refusal")
def test_moments_get_moment_task_result_forgets_a_job_after_a_day(sandbox: Caller) -> None:
    """A job is known for 24 hours; an unknown one is refused alike."""
    job = sandbox.call("add_moment_task", **TEXT)["jobid"]
    sandbox.wait(DAY_S - 1)
    sandbox.renew()
    assert sandbox.ask("get_moment_task_result", jobid=job)["errcode"] == 0
    sandbox.wait(1)
    assert sandbox.ask("get_moment_task_result", jobid=job)["errcode"] == 40058
    assert sandbox.ask("get_moment_task_result", jobid="no")["errcode"] == 40058
    assert sandbox.ask("get_moment_task_result")["errcode"] == 40063


def test_moments_without_a_range_go_to_every_member_the_app_sees() -> None:
    """A department is everybody in it; a restricted app asks only its own members."""
    with calling(apps=(App(1_000_003, "other", sees=(HELPER, OWNER)),)) as sandbox:
        everybody = set(sandbox.ask("get_follow_user_list")["follow_user"])
        assert set(status(sandbox, make(sandbox))) == everybody
        department = {"sender_list": {"department_list": [1]}}
        assert set(status(sandbox, make(sandbox, visible_range=department))) == everybody
        admins = {"sender_list": {"department_list": [4], "user_list": [HELPER]}}
        assert set(status(sandbox, make(sandbox, visible_range=admins))) == {HELPER, "admin_lin", "admin_tang"}
        other = Caller(str(sandbox.http.base_url), "other")
        assert set(status(other, make(other))) == {HELPER, OWNER}
        found = result(other, **TEXT, visible_range=senders(HELPER, OTHER))
        assert found["invalid_sender_list"]["user_list"] == [OTHER]
        other.http.close()


@pytest.mark.covers("externalcontact/get_moment_task", "success")
@pytest.mark.covers("externalcontact/get_moment_task", "read_back")
def test_moments_get_moment_task_succeeds_and_shows_who_published(sandbox: Caller) -> None:
    """Nothing is published by the call itself, only by each member in the client, once."""
    moment = make(sandbox, visible_range=senders(HELPER, OWNER))
    assert status(sandbox, moment) == {HELPER: 0, OWNER: 0}
    sandbox.act("publish_moment", moment_id=moment, userid=OWNER)
    assert status(sandbox, moment) == {HELPER: 0, OWNER: 1}
    assert sandbox.try_act("publish_moment", moment_id=moment, userid=OWNER).status_code == 400
    assert sandbox.try_act("publish_moment", moment_id=moment, userid=OTHER).status_code == 400
    first = sandbox.call("get_moment_task", moment_id=moment, limit=1)
    rest = sandbox.call("get_moment_task", moment_id=moment, limit=1, cursor=first["next_cursor"])
    assert [row["userid"] for row in first["task_list"] + rest["task_list"]] == [HELPER, OWNER]


@pytest.mark.covers("externalcontact/get_moment_task", "refusal")
@pytest.mark.parametrize(
    ("name", "largest", "about"),
    [
        ("get_moment_task", 1_000, {}),
        ("cancel_moment_task", 0, {}),
        ("get_moment_customer_list", 1_000, {"userid": HELPER}),
        ("get_moment_send_result", 5_000, {"userid": HELPER}),
        ("get_moment_comments", 0, {"userid": HELPER}),
    ],
)
def test_moments_calls_refuse_bad_ids_and_pages(
    sandbox: Caller, name: str, largest: int, about: dict[str, Any]
) -> None:
    """41059 for no id, 41060 for an unknown one, 40058 for too large a page, 50100 for an alien cursor."""
    moment = make(sandbox, visible_range=senders(HELPER))
    sandbox.act("publish_moment", moment_id=moment, userid=HELPER)
    assert sandbox.code(name, **about) == 41059
    assert sandbox.code(name, **about, moment_id="momNo") == 41060
    if largest:
        assert sandbox.code(name, **about, moment_id=moment, limit=largest) == 0
        assert sandbox.code(name, **about, moment_id=moment, limit=largest + 1) == 40058
        assert sandbox.code(name, **about, moment_id=moment, cursor="zzz") == 50100


@pytest.mark.covers("externalcontact/cancel_moment_task", "success")
@pytest.mark.covers("externalcontact/cancel_moment_task", "read_back")
def test_moments_cancel_moment_task_succeeds_for_those_who_have_not_published(sandbox: Caller) -> None:
    """What is published stays published; the others cannot publish any more."""
    moment = make(sandbox, visible_range=senders(HELPER, OWNER))
    sandbox.act("publish_moment", moment_id=moment, userid=OWNER)
    for _ in range(2):
        assert sandbox.code("cancel_moment_task", moment_id=moment) == 0
    assert sandbox.try_act("publish_moment", moment_id=moment, userid=HELPER).status_code == 400
    assert status(sandbox, moment) == {HELPER: 0, OWNER: 1}


@pytest.mark.covers("externalcontact/get_moment_list", "refusal")
def test_moments_get_moment_list_filters_and_refuses_long_spans() -> None:
    """Corp moments, members' own, or both; by author; at most 30 days and so many a page."""
    with calling(Limits(moment_page=20)) as sandbox:
        corp, own = make(sandbox), sandbox.act("post_moment", userid=OWNER, text="收摊了")["moment_id"]
        assert [moment["moment_id"] for moment in moments(sandbox)] == [own, corp]
        assert [moment["moment_id"] for moment in moments(sandbox, filter_type=0)] == [corp]
        (personal,) = moments(sandbox, filter_type=1)
        assert (personal["creator"], personal["create_type"], personal["text"]["content"]) == (OWNER, 1, "收摊了")
        assert moments(sandbox, creator=HELPER) == []
        span = {"start_time": now(sandbox) - 30 * DAY_S, "end_time": now(sandbox)}
        first = sandbox.call("get_moment_list", **span, limit=1)
        rest = sandbox.call("get_moment_list", **span, limit=1, cursor=first["next_cursor"])
        assert [moment["moment_id"] for moment in first["moment_list"] + rest["moment_list"]] == [own, corp]
        assert sandbox.code("get_moment_list", **span, limit=21) == 40058
        assert sandbox.code("get_moment_list", **{**span, "end_time": span["end_time"] + 1}) == 40058
        assert sandbox.code("get_moment_list", **{**span, "end_time": span["start_time"] - 1}) == 40058
        assert sandbox.code("get_moment_list", **span, filter_type=3) == 40058
        assert sandbox.code("get_moment_list", end_time=1) == 40063


def test_moments_of_members_are_the_wrong_type_for_corp_calls(sandbox: Caller) -> None:
    """A member's own moment has no task to report or to cancel (41067), but it has readers and reactions."""
    who = sandbox.friend(userid=OWNER)
    own = sandbox.act("post_moment", userid=OWNER, text="收摊了")["moment_id"]
    assert sandbox.code("get_moment_task", moment_id=own) == 41067
    assert sandbox.code("cancel_moment_task", moment_id=own) == 41067
    rows = sandbox.call("get_moment_customer_list", moment_id=own, userid=OWNER)["customer_list"]
    assert rows == [{"userid": OWNER, "external_userid": who}]


@pytest.mark.covers("externalcontact/get_moment_customer_list", "success")
@pytest.mark.covers("externalcontact/get_moment_customer_list", "read_back")
@pytest.mark.covers("externalcontact/get_moment_send_result", "success")
@pytest.mark.covers("externalcontact/get_moment_send_result", "read_back")
def test_moments_get_moment_customer_list_succeeds_by_tag_and_send_result_by_friendship(sandbox: Caller) -> None:
    """Chosen are those with any of the tags; reached those of them who are friends when it is published."""
    wanted, gone, untagged = sandbox.friend(), sandbox.friend(), sandbox.friend()
    group = sandbox.call("add_corp_tag", group_name="热度", tag=[{"name": "常来"}, {"name": "新"}])["tag_group"]
    often, new = (tag["id"] for tag in group["tag"])
    for who, tag in ((wanted, often), (gone, new)):
        sandbox.call("mark_tag", userid=HELPER, external_userid=who, add_tag=[tag])
    chosen = {**senders(HELPER), "external_contact_list": {"tag_list": [often, new]}}
    moment = make(sandbox, visible_range=chosen)
    assert moments(sandbox)[0]["visible_type"] == 0
    sandbox.act("delete_contact", external_userid=gone)
    assert sandbox.act("publish_moment", moment_id=moment, userid=HELPER)["reached"] == [wanted]
    about = {"moment_id": moment, "userid": HELPER}
    first = sandbox.call("get_moment_customer_list", **about, limit=1)
    rest = sandbox.call("get_moment_customer_list", **about, limit=1, cursor=first["next_cursor"])
    rows = first["customer_list"] + rest["customer_list"]
    assert [row["external_userid"] for row in rows] == [wanted, gone]
    assert {row["userid"] for row in rows} == {HELPER}
    assert sandbox.call("get_moment_send_result", **about)["customer_list"] == [{"external_userid": wanted}]
    assert untagged not in str(rows)


@pytest.mark.covers("externalcontact/get_moment_customer_list", "refusal")
@pytest.mark.covers("externalcontact/get_moment_send_result", "refusal")
@pytest.mark.covers("externalcontact/get_moment_comments", "refusal")
@pytest.mark.parametrize("name", ["get_moment_customer_list", "get_moment_send_result", "get_moment_comments"])
def test_moments_reports_of_a_member_are_refused_before_publishing(sandbox: Caller, name: str) -> None:
    """41062 before the member has published, 41061 for a member it was not given to, 41009 for none."""
    moment = make(sandbox, visible_range=senders(HELPER))
    assert sandbox.code(name, moment_id=moment, userid=HELPER) == 41062
    assert sandbox.code(name, moment_id=moment, userid=OWNER) == 41061
    assert sandbox.code(name, moment_id=moment) == 41009
    sandbox.act("publish_moment", moment_id=moment, userid=HELPER)
    assert sandbox.code(name, moment_id=moment, userid=HELPER) == 0


@pytest.mark.covers("externalcontact/get_moment_comments", "success")
@pytest.mark.covers("externalcontact/get_moment_comments", "read_back")
@pytest.mark.covers("externalcontact/cancel_moment_task", "refusal")
def test_moments_get_moment_comments_succeeds_without_words(sandbox: Caller) -> None:
    """Comments count each time, likes once; customers and colleagues have ids of their own; strangers cannot."""
    who, stranger = sandbox.friend(), sandbox.act("add_customer")["external_userid"]
    moment = make(sandbox, visible_range=senders(HELPER))
    about = {"moment_id": moment, "userid": HELPER}
    assert sandbox.try_act("like_moment", **about, who=who).status_code == 400
    sandbox.act("publish_moment", **about)
    empty = sandbox.call("get_moment_comments", **about)
    assert (empty["comment_list"], empty["like_list"]) == ([], [])
    at = now(sandbox)
    for _ in range(2):
        sandbox.act("comment_moment", **about, who=who)
    sandbox.act("comment_moment", **about, who=OWNER)
    sandbox.act("like_moment", **about, who=who)
    for refused in (who, stranger):
        assert sandbox.try_act("like_moment", **about, who=refused).status_code == 400
    found = sandbox.call("get_moment_comments", **about)
    customer, colleague = {"external_userid": who, "create_time": at}, {"userid": OWNER, "create_time": at}
    assert found["comment_list"] == [customer, customer, colleague]
    assert found["like_list"] == [customer]
    assert sandbox.code("cancel_moment_task") == 41059


def test_moments_survive_a_restart(tmp_path: Path) -> None:
    """A published moment and a running job are read back from the file."""
    db = str(tmp_path / "sandbox.db")
    with calling(db=db) as sandbox:
        moment = make(sandbox, visible_range=senders(HELPER, OWNER))
        sandbox.act("publish_moment", moment_id=moment, userid=HELPER)
        job = sandbox.call("add_moment_task", **TEXT)["jobid"]
    with calling(db=db) as sandbox:
        assert status(sandbox, moment) == {HELPER: 1, OWNER: 0}
        sandbox.wait(JOB_S)
        assert sandbox.ask("get_moment_task_result", jobid=job)["status"] == 3
