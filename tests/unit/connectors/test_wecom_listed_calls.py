"""Every call of the platform's list is made by some method of the connector, with the documented method of HTTP."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import yaml

from qunflow.connectors.wecom.client import WeCom
from qunflow.connectors.wecom.robot import Robot
from qunflow.connectors.wecom.trials import WRITE
from qunflow.connectors.wecom.verification import READ
from qunflow.errors import QunflowError

HERE = "http://127.0.0.1:1"
LISTED = {
    one["path"]: one["method"]
    for one in yaml.safe_load((Path(__file__).parents[2] / "fixtures" / "wecom_endpoints.yaml").read_text())
}
EC = "externalcontact"
DAY = timedelta(days=1)
# The calls a comparison with a real company does not make: they reach people, or need what only an event gives.
NOT_COMPARED: dict[str, Callable[[WeCom], object]] = {
    f"{EC}/add_moment_task": lambda wecom: wecom.moments.add("早"),
    f"{EC}/add_msg_template": lambda wecom: wecom.add_msg_template(
        chat_type="single", sender="zhou", targets=["wm1"], text="早"
    ),
    f"{EC}/cancel_groupmsg_send": lambda wecom: wecom.cancel("m"),
    f"{EC}/cancel_moment_task": lambda wecom: wecom.moments.cancel("m"),
    f"{EC}/close_temp_chat": lambda wecom: wecom.contact_ways.close_chat("zhou", "wm1"),
    f"{EC}/customer_acquisition/get_chat_info": lambda wecom: wecom.acquisition.first_chat("k"),
    f"{EC}/get_moment_task_result": lambda wecom: wecom.moments.job("j"),
    f"{EC}/groupchat/onjob_transfer": lambda wecom: wecom.transfers.groups(["wr1"], "zhou"),
    f"{EC}/groupchat/transfer": lambda wecom: wecom.transfers.groups(["wr1"], "zhou", left=True),
    f"{EC}/mark_tag": lambda wecom: wecom.tags.mark("zhou", "wm1", add=["et1"]),
    f"{EC}/opengid_to_chatid": lambda wecom: wecom.contacts.chat_of("o"),
    f"{EC}/remark": lambda wecom: wecom.contacts.note("zhou", "wm1", remark="a"),
    f"{EC}/remind_groupmsg_send": lambda wecom: wecom.remind("m"),
    f"{EC}/resigned/transfer_customer": lambda wecom: wecom.transfers.customers("a", "b", ["wm1"], left=True),
    f"{EC}/resigned/transfer_result": lambda wecom: wecom.transfers.customers_result("a", "b", left=True),
    f"{EC}/send_welcome_msg": lambda wecom: wecom.send_welcome("c", "早"),
    f"{EC}/transfer_customer": lambda wecom: wecom.transfers.customers("a", "b", ["wm1"]),
    "idconvert/unionid_to_external_userid": lambda wecom: wecom.contacts.by_unionid("u", "o"),
    "media/get_upload_by_url_result": lambda wecom: wecom.media.fetched("j"),
    "media/upload_by_url": lambda wecom: wecom.media.fetch("file", "a", "https://x", "0"),
    "media/uploadimg": lambda wecom: wecom.media.upload_lasting_image("a.png", b"123456"),
    "message/recall": lambda wecom: wecom.staff_messages.recall("m"),
    "message/send": lambda wecom: wecom.message_send("zhou", "text", {"content": "早"}),
}
OF_ROBOTS: dict[str, Callable[[Robot], object]] = {
    "webhook/send": lambda robot: robot.text("早"),
    "webhook/upload_media": lambda robot: robot.upload_media("file", "a", b"123456"),
}


class Recorder:
    """A platform that notes what is called, and accepts it."""

    def __init__(self) -> None:
        self.called: list[tuple[str, str]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/cgi-bin/")
        if path == "gettoken":
            return httpx.Response(200, json={"errcode": 0, "access_token": "t", "expires_in": 7200})
        self.called.append((path, request.method))
        return httpx.Response(200, json={"errcode": 0, "errmsg": "ok"})


def test_no_listed_call_is_left_out() -> None:
    """Read in a comparison, tried in one, or made below."""
    made = [*READ, *WRITE, *NOT_COMPARED, *OF_ROBOTS]
    assert sorted(set(LISTED) - set(made)) == []
    assert len(set(made)) == len(made)


@pytest.mark.parametrize("path", NOT_COMPARED)
def test_each_call_goes_where_the_list_says(path: str) -> None:
    """One call to this path, by the method documented."""
    seen = Recorder()
    with closing(WeCom(HERE, "ww1", "s", 7, transport=httpx.MockTransport(seen), production=False)) as wecom:
        try:
            NOT_COMPARED[path](wecom)
        except QunflowError as error:
            assert "WeCom gave no" in str(error)  # the answer is empty, and the calls that need more of it say so
    assert seen.called == [(path, LISTED.get(path, "POST"))]


@pytest.mark.parametrize("path", OF_ROBOTS)
def test_each_call_of_a_robot_goes_where_the_list_says(path: str) -> None:
    """One call to this path, by the method documented."""
    seen = Recorder()
    with closing(Robot(HERE, "k", transport=httpx.MockTransport(seen), production=False)) as robot:
        try:
            OF_ROBOTS[path](robot)
        except QunflowError as error:
            assert "WeCom gave no" in str(error)
    assert seen.called == [(path, LISTED[path])]
