"""Files through the connector and a real sandbox: read back, fetched by the platform, gone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from qunflow.connectors.wecom.client import WeCom
from qunflow.errors import BadInput, ChannelUnavailable
from tests.integration.connected import code_of, connected
from tests.integration.sandbox_anywhere import Anywhere, anywhere
from tests.integration.sandbox_caller import PICTURE

MD5 = "0" * 32
FILM_AT = "https://cdn.example.com/a.mp4"


@pytest.fixture
def caller() -> Iterator[Anywhere]:
    """A sandbox with staff and empty groups."""
    with anywhere() as found:
        yield found


@pytest.fixture
def wecom(caller: Anywhere) -> Iterator[WeCom]:
    """A connector of it."""
    with connected(caller) as made:
        yield made


@pytest.mark.parametrize("content", [PICTURE, b'{"errcode":40007,"errmsg":"x"}', b"x" * 3_000_000], ids=len)
def test_a_file_is_read_back_as_it_was(wecom: WeCom, content: bytes) -> None:
    """Also one that looks like a refusal, and one longer than any other answer may be."""
    assert wecom.media.get(wecom.media.upload("file", "a.bin", content)) == content


def test_a_file_that_is_gone_is_a_refusal_and_an_ended_token_is_not(caller: Anywhere, wecom: WeCom) -> None:
    """The token is renewed once, as for every call."""
    media_id = wecom.media.upload("file", "a.bin", PICTURE)
    caller.act("expire_token")
    assert wecom.media.get(media_id) == PICTURE
    assert code_of(lambda: wecom.media.get("nothing")) == 40007
    caller.wait(3 * 86_400)
    assert code_of(lambda: wecom.media.get(media_id)) == 40007


def test_an_answer_that_is_no_file_is_not_taken_for_one(caller: Anywhere, wecom: WeCom) -> None:
    """A page of a proxy in between is not somebody's picture."""
    media_id = wecom.media.upload("file", "a.bin", PICTURE)
    caller.http.post("/_sandbox/faults", json=[{"path": "media/get", "mode": "html"}]).raise_for_status()
    with pytest.raises(ChannelUnavailable, match="unreadable"):
        wecom.media.get(media_id)


def test_a_file_the_platform_fetches_itself_is_there_after_a_while(caller: Anywhere, wecom: WeCom) -> None:
    """Under way first, then an id that a group's welcome takes; a job of long ago is unknown."""
    jobid = wecom.media.fetch("video", "a.mp4", FILM_AT, MD5)
    assert wecom.media.fetched(jobid) == ""
    caller.wait(2)
    media_id = wecom.media.fetched(jobid)
    assert wecom.group_welcomes.add("早", {"msgtype": "video", "video": {"media_id": media_id}})
    caller.wait(3_600)
    assert code_of(lambda: wecom.media.fetched(jobid)) == 40058


def test_a_file_that_could_not_be_fetched_is_a_refusal(caller: Anywhere, wecom: WeCom) -> None:
    """The code of the job is raised, not swallowed; and an address without scheme is refused at once."""
    jobid = wecom.media.fetch("file", "a.pdf", FILM_AT, MD5)
    caller.act("fail_fetch", jobid=jobid, code=40006)
    caller.wait(2)
    assert code_of(lambda: wecom.media.fetched(jobid)) == 40006
    assert code_of(lambda: wecom.media.fetch("file", "a.pdf", "cdn", MD5)) == 45034


def test_names_and_addresses_of_files_to_fetch_are_measured_in_bytes(wecom: WeCom) -> None:
    """Before anything leaves."""
    for name, url in (("长" * 43, FILM_AT), ("a.pdf", "https://x/" + "y" * 1_024), ("", FILM_AT)):
        with pytest.raises(BadInput):
            wecom.media.fetch("file", name, url, MD5)
