"""Files over real HTTP: kinds and sizes, one pool for each use, three days of life, addresses that last."""

from __future__ import annotations

from collections.abc import Iterator
from struct import pack
from typing import Any

import pytest

from qunflow.sandbox.options import Limits
from tests.integration.sandbox_anywhere import Anywhere, anywhere
from tests.integration.sandbox_caller import PICTURE

EC = "externalcontact"
FETCH: dict[str, Any] = {
    "scene": 1,
    "type": "video",
    "filename": "开箱.mp4",
    "url": "https://cdn.example.com/a.mp4",
    "md5": "0" * 32,
}


@pytest.fixture
def caller() -> Iterator[Anywhere]:
    """A sandbox with the documented limits."""
    with anywhere() as found:
        yield found


def png(width: int, height: int) -> bytes:
    """The head of a PNG of a size."""
    return b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + pack(">II", width, height) + b"\x08\x02\x00\x00\x00"


def mp4(seconds: int) -> bytes:
    """The head of an MP4 of a length."""
    return (
        b"\x00\x00\x00\x18ftypisom"
        + b"\x00" * 12
        + b"mvhd"
        + pack(">IIIII", 0, 0, 0, 1_000, seconds * 1_000)
        + b"\x00" * 80
    )


def jpg(width: int, height: int) -> bytes:
    """The head of a JPG of a size."""
    return b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x11\x08" + pack(">HH", height, width) + b"\x03" * 12


def use(caller: Anywhere, kind: str, media_id: str) -> int:
    """Use a file in a welcome; the code."""
    welcome = caller.act("add_contact")["welcome_code"]
    part = [{"msgtype": kind, kind: {"media_id": media_id}}]
    return caller.refused(f"{EC}/send_welcome_msg", welcome_code=welcome, attachments=part)


@pytest.mark.covers("media/upload", "success")
@pytest.mark.covers("media/upload", "read_back")
@pytest.mark.covers("media/get", "success")
@pytest.mark.covers("media/get", "read_back")
def test_media_upload_succeeds_and_the_file_comes_back(caller: Anywhere) -> None:
    """The same bytes with their name, and the id serves its kind only."""
    made = caller.send_file("media/upload", PICTURE, name="橘子.png", type="image")
    assert (made["type"], isinstance(made["created_at"], str), len(made["media_id"])) == ("image", True, 43)
    answer = caller.raw("media/get", media_id=made["media_id"])
    assert answer.content == PICTURE
    assert "filename=" in answer.headers["Content-Disposition"]
    assert use(caller, "image", made["media_id"]) == 0
    assert use(caller, "file", made["media_id"]) == 40007


@pytest.mark.covers("media/upload", "refusal")
@pytest.mark.parametrize(
    ("kind", "size", "code"),
    [
        ("paper", 100, 40004),
        ("image", 5, 40006),
        ("image", 0, 44001),
        ("image", 10_000_001, 45001),
        ("voice", 2_000_001, 45001),
        ("video", 10_000_001, 45001),
        ("file", 20_000_001, 45001),
        ("file", 6, 0),
        ("file", 20_000_000, 0),
    ],
)
def test_media_upload_checks_kind_and_size(caller: Anywhere, kind: str, size: int, code: int) -> None:
    """Each kind has its most bytes, and all need more than 5."""
    assert caller.send_file("media/upload", b"x" * size, type=kind).get("errcode") == code


@pytest.mark.covers("media/get", "refusal")
def test_media_get_ends_after_three_days(caller: Anywhere) -> None:
    """On the sandbox clock, to the second; an unknown id never worked."""
    media_id = caller.send_file("media/upload", PICTURE, type="image")["media_id"]
    caller.pass_time(3 * 86_400 - 1)
    assert caller.raw("media/get", media_id=media_id).content == PICTURE
    assert use(caller, "image", media_id) == 0
    caller.wait(1)
    assert caller.get("media/get", media_id=media_id)["errcode"] == 40007
    assert use(caller, "image", media_id) == 40007
    assert caller.get("media/get", media_id="none")["errcode"] == 40007
    assert caller.get("media/get")["errcode"] == 41006


@pytest.mark.covers("media/upload_attachment", "success")
@pytest.mark.covers("media/upload_attachment", "read_back")
def test_media_upload_attachment_keeps_a_pool_of_its_own(caller: Anywhere) -> None:
    """The file comes back, but a message does not take it."""
    made = caller.send_file("media/upload_attachment", png(1_000, 1_000), media_type="image", attachment_type=1)
    assert made["type"] == "image"
    assert caller.raw("media/get", media_id=made["media_id"]).content == png(1_000, 1_000)
    assert use(caller, "image", made["media_id"]) == 40007


@pytest.mark.covers("media/upload_attachment", "refusal")
@pytest.mark.parametrize(
    ("kind", "attachment", "content", "code"),
    [
        ("image", 1, png(1_440, 1_080), 0),
        ("image", 1, png(1_441, 1_080), 41081),
        ("image", 1, jpg(1_441, 1_080), 41081),
        ("image", 2, jpg(1_440, 1_080), 0),
        ("image", 1, b"no picture", 40123),
        ("image", 1, PICTURE + b"x" * 10_000_000, 41080),
        ("video", 1, mp4(30), 0),
        ("video", 1, mp4(31), 41082),
        ("video", 1, b"no film at all", 41090),
        ("voice", 1, b"#!AMR\n000000", 40004),
        ("image", 3, PICTURE, 41065),
    ],
)
def test_media_upload_attachment_looks_into_files(
    caller: Anywhere, kind: str, attachment: int, content: bytes, code: int
) -> None:
    """Pixels, seconds, bytes and kinds have their codes."""
    path, about = "media/upload_attachment", {"media_type": kind, "attachment_type": attachment}
    assert caller.send_file(path, content, **about)["errcode"] == code


@pytest.mark.covers("media/uploadimg", "success")
@pytest.mark.covers("media/uploadimg", "read_back")
@pytest.mark.covers("media/uploadimg", "refusal")
def test_media_uploadimg_gives_an_address_so_many_times_a_day_and_month() -> None:
    """The address serves a message for ever; one picture too many is 45009 until the day, then the month, is over."""
    with anywhere(Limits(images_per_day=2, images_per_month=3)) as caller:
        url = caller.send_file("media/uploadimg", PICTURE)["url"]
        assert url.startswith("https://")
        assert caller.send_file("media/uploadimg", b"no picture")["errcode"] == 40123
        assert caller.send_file("media/uploadimg", PICTURE + b"x" * 2_000_000)["errcode"] == 45001
        assert caller.send_file("media/uploadimg", PICTURE)["url"] != url
        assert caller.send_file("media/uploadimg", PICTURE)["errcode"] == 45009
        caller.pass_time(86_400)
        assert caller.send_file("media/uploadimg", PICTURE)["errcode"] == 0
        assert caller.send_file("media/uploadimg", PICTURE)["errcode"] == 45009
        part = [{"msgtype": "image", "image": {"pic_url": url}}]
        welcome = caller.act("add_contact")["welcome_code"]
        assert caller.refused(f"{EC}/send_welcome_msg", welcome_code=welcome, attachments=part) == 0


@pytest.mark.covers("media/upload_by_url", "success")
@pytest.mark.covers("media/upload_by_url", "read_back")
@pytest.mark.covers("media/get_upload_by_url_result", "success")
@pytest.mark.covers("media/get_upload_by_url_result", "read_back")
def test_media_upload_by_url_succeeds_after_a_while(caller: Anywhere) -> None:
    """1 at once, 2 a little later, 3 with a media_id that stays the same and serves no mass message."""
    jobid = caller.post("media/upload_by_url", **FETCH)["jobid"]

    def result() -> dict[str, Any]:
        return caller.post("media/get_upload_by_url_result", jobid=jobid)

    states = [result()["status"]]
    caller.wait(1)
    states.append(result()["status"])
    caller.wait(1)
    done = result()
    assert [*states, done["status"]] == [1, 2, 3]
    assert done["detail"]["errcode"] == 0
    assert result() == done
    assert use(caller, "video", done["detail"]["media_id"]) == 40007


@pytest.mark.covers("media/upload_by_url", "refusal")
@pytest.mark.covers("media/get_upload_by_url_result", "refusal")
def test_media_upload_by_url_refuses_and_forgets(caller: Anywhere) -> None:
    """Scene, kind, name and address are checked; a job that failed says so, one over an hour old is gone."""
    path = "media/upload_by_url"
    cases = [({"scene": 2}, 40058), ({"type": "image"}, 40004), ({"filename": "长" * 43}, 40058)]
    cases += [({"url": "cdn"}, 45034), ({"url": "https://x/" + "y" * 1_024}, 40058), ({"md5": ""}, 40063)]
    for change, code in cases:
        assert caller.refused(path, **{**FETCH, **change}) == code
    jobid = caller.post(path, **FETCH)["jobid"]
    caller.act("fail_fetch", jobid=jobid, code=40006)
    caller.wait(2)
    failed = caller.post("media/get_upload_by_url_result", jobid=jobid)
    assert (failed["status"], failed["detail"]["errcode"]) == (3, 40006)
    caller.wait(3_600)
    assert caller.refused("media/get_upload_by_url_result", jobid=jobid) == 40058


def test_media_are_looked_into_where_that_is_strict() -> None:
    """A picture in name only is 40004, unless the sandbox is told to believe in names."""
    with anywhere(strict_media=False) as caller:
        assert caller.send_file("media/upload", b"no picture", type="image")["errcode"] == 0
    with anywhere() as caller:
        assert caller.send_file("media/upload", PICTURE, type="image")["errcode"] == 0
        assert caller.send_file("media/upload", b"no picture", type="image")["errcode"] == 40004
        assert caller.send_file("media/upload", mp4(5), type="video")["errcode"] == 0
