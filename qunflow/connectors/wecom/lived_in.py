"""
What a lived-in company has and a new sandbox lacks, so that no list of an answer is empty. For a sandbox only.
"""

from __future__ import annotations

from collections.abc import Callable

from qunflow.connectors.wecom.answers import Body
from qunflow.connectors.wecom.client import WeCom
from qunflow.connectors.wecom.trials import picture
from qunflow.connectors.wecom.verification import other_than, owner_of

_A_WHILE_S, _DAY_S = 60, 86_400


def furnish(wecom: WeCom, name: str, act: Callable[[Body], Body], pass_time: Callable[[int], object]) -> None:
    """
    Make one of each kind, let somebody use it, and let a day pass.

    Args:
        wecom: the connector of the sandbox.
        name: of everything that is made.
        act: lets somebody in the sandbox do something in their client; what came of it.
        pass_time: lets so many seconds pass in the sandbox.
    """
    [customer, *_] = wecom.customers(wecom.follow_users())
    userid, who = owner_of(customer), str(customer["external_contact"]["external_userid"])
    wecom.tags.mark(userid, who, add=[wecom.tags.add(name, [name]).tags[name]])
    wecom.contact_ways.add([userid], state=name)
    wecom.sensitive_words.add(name, [name], [userid], blocks=False)
    wecom.message_send(userid, "text", {"content": name})
    image = wecom.media.upload_attachment("album", "image", "a.png", picture())
    wecom.albums.add(name, 1, [image])
    link = wecom.acquisition.create(name, [userid])
    stranger = act({"act": "add_customer"})["external_userid"]
    act({"act": "follow_link", "url": link.url, "external_userid": stranger})
    chat = wecom.group(str(wecom.groups()[0]["chat_id"]))
    wecom.add_msg_template(chat_type="group", sender=chat["owner"], targets=[chat["chat_id"]], text=name)
    _publish(wecom, userid, who, name, act, pass_time)
    for other in other_than(userid, wecom.follow_users()):
        wecom.transfers.customers(userid, other, [who])
    _resign(wecom, act, {userid, str(chat["owner"])})
    pass_time(_DAY_S)


def _publish(
    wecom: WeCom, userid: str, who: str, name: str, act: Callable[[Body], Body], pass_time: Callable[[int], object]
) -> None:
    jobid = wecom.moments.add(name, members=[userid])
    pass_time(_A_WHILE_S)
    moment = {"moment_id": wecom.moments.job(jobid).moment_id, "userid": userid}
    act({"act": "publish_moment", **moment})
    for reaction in ("like_moment", "comment_moment"):
        act({"act": reaction, **moment, "who": who})


def _resign(wecom: WeCom, act: Callable[[Body], Body], staying: set[str]) -> None:
    leaving = [userid for userid in wecom.follow_users() if userid not in staying][-1]
    act({"act": "add_contact", "userid": leaving})
    act({"act": "resign", "userid": leaving})
