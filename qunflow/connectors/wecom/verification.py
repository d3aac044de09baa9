"""
The reading calls that show whether a platform answers as Qunflow expects, made with the connector itself.

Answers are kept as they came, refusals too; what they have in common is left to ``shapes``, objects made for trial to
``trials``. Calls that need something only an event or another call gives, such as a chat key, are not made.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import ParamSpec, TypeAlias, TypeVar

from qunflow.connectors.wecom.answers import Body
from qunflow.connectors.wecom.calls import EC
from qunflow.connectors.wecom.client import WeCom
from qunflow.connectors.wecom.statistics import ZONE
from qunflow.errors import QunflowError

Answers: TypeAlias = dict[str, Body | None]
Given = ParamSpec("Given")
Result = TypeVar("Result")

WEEK, QUARTER = timedelta(days=7), timedelta(days=90)
_MEMBERS = 100
_LINK = f"{EC}/customer_acquisition"
READ = (
    "gettoken",
    "getcallbackip",
    "get_api_domain_ip",
    "user/list_id",
    "user/get",
    "user/simplelist",
    "department/list",
    f"{EC}/get_follow_user_list",
    f"{EC}/batch/get_by_user",
    f"{EC}/list",
    f"{EC}/get",
    f"{EC}/contact_list",
    f"{EC}/get_corp_tag_list",
    f"{EC}/list_contact_way",
    f"{EC}/get_contact_way",
    f"{EC}/groupchat/list",
    f"{EC}/groupchat/get",
    f"{EC}/groupchat/statistic",
    f"{EC}/groupchat/statistic_group_by_day",
    f"{EC}/get_user_behavior_data",
    f"{EC}/get_groupmsg_list_v2",
    f"{EC}/get_groupmsg_task",
    f"{EC}/get_groupmsg_send_result",
    f"{EC}/get_moment_list",
    f"{EC}/get_moment_task",
    f"{EC}/get_moment_customer_list",
    f"{EC}/get_moment_send_result",
    f"{EC}/get_moment_comments",
    "message/get_statistics",
    f"{_LINK}/list_link",
    f"{_LINK}/get",
    f"{_LINK}/customer",
    f"{_LINK}/statistic",
    f"{EC}/customer_acquisition_quota",
    f"{EC}/get_product_album_list",
    f"{EC}/get_product_album",
    f"{EC}/get_intercept_rule_list",
    f"{EC}/get_intercept_rule",
    f"{EC}/transfer_result",
    f"{EC}/get_unassigned_list",
)


class Witness:
    """Keeps one answer to each call, a good one rather than a refusal; shown to a ``WeCom`` that is to be watched."""

    def __init__(self) -> None:
        self.answers: Answers = {}
        self._last: Body | None = None

    def __call__(self, path: str, content: bytes) -> None:
        """See an answer; of a token only that there is one."""
        self._last = _object(content)
        if self._last and "access_token" in self._last:
            self._last = {**self._last, "access_token": "***"}
        held = self.answers.get(path)
        if self._last is not None and (held is None or held.get("errcode")):
            self.answers[path] = self._last

    def tried(self, call: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs) -> Result | None:
        """
        What a call gives, or None where the platform refused it or answered what the connector cannot read: seen, then.

        Raises:
            ChannelUnavailable: no answer, or none in JSON.
        """
        self._last = None
        try:
            return call(*args, **kwargs)
        except QunflowError:
            if self._last is None:
                raise
            return None

    def took(self, path: str) -> None:
        """A call gave the file it should, which is no answer in JSON."""
        self.answers[path] = {"errcode": 0}

    @property
    def refused(self) -> bool:
        """Whether the last answer was a refusal."""
        return bool(self._last and self._last.get("errcode"))

    @property
    def logged_in(self) -> bool:
        """Whether there was a token."""
        answer = self.answers.get("gettoken")
        return answer is not None and not answer.get("errcode")


def read(wecom: WeCom, witness: Witness, now: datetime) -> None:
    """
    Make the reading calls; ``wecom`` shows its answers to ``witness`` and reads first pages only.

    Without a token nothing more is asked, as wrong secrets block the address.
    """
    members = witness.tried(wecom.follow_users) or []
    if not witness.logged_in:
        return
    _read_corp(wecom, witness, members)
    if members:
        _read_customers(wecom, witness, members[:_MEMBERS])
        _read_figures(wecom, witness, members[:_MEMBERS], now)
    _read_groups(wecom, witness, now)
    _read_moments(wecom, witness, now)
    _read_links(wecom, witness, now)
    _read_shelf(wecom, witness)


def _read_corp(wecom: WeCom, witness: Witness, members: Sequence[str]) -> None:
    directory = wecom.directory
    for call in (directory.callback_addresses, directory.api_addresses, directory.userids):
        witness.tried(call)
    for userid in members[:1]:
        witness.tried(directory.member, userid)
    witness.tried(directory.members)
    witness.tried(directory.departments)
    witness.tried(wecom.staff_messages.sent, "yesterday")
    witness.tried(wecom.tags.all)


def _read_customers(wecom: WeCom, witness: Witness, members: Sequence[str]) -> None:
    found = witness.tried(wecom.customers, members) or []
    witness.tried(wecom.contacts.known)
    witness.tried(wecom.transfers.unassigned)
    for one in found[:1]:
        userid, who = owner_of(one), str(_at(one, "external_contact").get("external_userid"))
        witness.tried(wecom.contacts.of, userid)
        witness.tried(wecom.customer, who)
        for other in other_than(userid, members):
            witness.tried(wecom.transfers.customers_result, userid, other)


def _read_figures(wecom: WeCom, witness: Witness, members: Sequence[str], now: datetime) -> None:
    day = yesterday(now)
    witness.tried(wecom.statistics.groups_by_owner, members, day, day)
    witness.tried(wecom.statistics.groups_by_day, members, day, day)
    witness.tried(wecom.statistics.members_by_day, members, day, day)


def _read_groups(wecom: WeCom, witness: Witness, now: datetime) -> None:
    for group in (witness.tried(wecom.groups) or [])[:1]:
        witness.tried(wecom.group, str(group.get("chat_id")))
    ways = witness.tried(wecom.contact_ways.made, now - QUARTER, now) or []
    for config_id in ways[:1]:
        witness.tried(wecom.contact_ways.get, config_id)
    for task in (witness.tried(wecom.groupmsg_list, "group", now - WEEK, now) or [])[:1]:
        for owner in (witness.tried(wecom.groupmsg_task, task.msgid) or [])[:1]:
            witness.tried(wecom.groupmsg_send_result, task.msgid, owner.userid)


def _read_moments(wecom: WeCom, witness: Witness, now: datetime) -> None:
    moments = witness.tried(wecom.moments.all, now - WEEK, now) or []
    for moment in moments[:1]:
        number = str(moment.get("moment_id"))
        published = witness.tried(wecom.moments.published, number) or {}
        # Those who have published it have more to tell.
        for userid in sorted(published, key=lambda userid: not published[userid])[:1]:
            witness.tried(wecom.moments.chosen, number, userid)
            witness.tried(wecom.moments.reached, number, userid)
            witness.tried(wecom.moments.reactions, number, userid)


def _read_links(wecom: WeCom, witness: Witness, now: datetime) -> None:
    witness.tried(wecom.acquisition.quota)
    day = yesterday(now)
    for link_id in (witness.tried(wecom.acquisition.all) or [])[:1]:
        witness.tried(wecom.acquisition.get, link_id)
        witness.tried(wecom.acquisition.customers, link_id)
        witness.tried(wecom.acquisition.figures, link_id, day, day)


def _read_shelf(wecom: WeCom, witness: Witness) -> None:
    for product in (witness.tried(wecom.albums.all) or [])[:1]:
        witness.tried(wecom.albums.get, product.product_id)
    for rule_id in list(witness.tried(wecom.sensitive_words.all) or {})[:1]:
        witness.tried(wecom.sensitive_words.get, rule_id)


def yesterday(now: datetime) -> date:
    """The Shanghai day before today: the newest one with figures."""
    return now.astimezone(ZONE).date() - timedelta(days=1)


def owner_of(customer: Body) -> str:
    """Whose customer somebody is, as ``customers`` lists them."""
    return str(_at(customer, "follow_info").get("userid"))


def other_than(userid: str, members: Sequence[str]) -> list[str]:
    """Another member, if there is one."""
    return [one for one in members if one != userid][:1]


def _at(body: Body, key: str) -> Body:
    value = body.get(key)
    return value if isinstance(value, dict) else {}


def _object(content: bytes) -> Body | None:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None
