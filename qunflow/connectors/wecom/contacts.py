"""
People outside the corp: whose customers they are, what a member noted about them, and their ids elsewhere.

Whole customers and groups are read by ``client``; names are left out here, as ids are enough.

Source: WeCom developer centre, customers (wecom-api §5.1) and id conversion (§4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from qunflow.connectors.wecom import limits
from qunflow.connectors.wecom.answers import Body
from qunflow.connectors.wecom.calls import EC, Calls, given, instant, none_when, text
from qunflow.connectors.wecom.session import listed
from qunflow.errors import BadInput

NO_CONTACT = 84061
_NOTE_CHARS = {"remark": 20, "description": 150, "remark_company": 20}
_SUBJECT_CORP = 0


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """Somebody who is a member's customer, or known through a group only, then without ``external_userid``."""

    is_customer: bool
    openid: str
    external_userid: str
    userid: str
    chat_id: str
    added_at: datetime | None


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a union id is: a customer, or a stranger with a ``pending_id`` that is an id once they become one."""

    external_userid: str
    pending_id: str


class Contacts:
    """The calls about people outside; each raises the typed errors of ``answers``."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def of(self, userid: str) -> list[str]:
        """The external userids of a member's customers."""
        path = f"{EC}/list"
        body = none_when(NO_CONTACT, lambda: self._calls.call(path, "read", query={"userid": userid}))
        return [str(one) for one in listed(body or {}, "external_userid", path)]

    def known(self) -> list[KnownPerson]:
        """Customers of all members, and people known through their groups only."""
        found = self._calls.pages(f"{EC}/contact_list", "info_list", {"limit": 1_000})
        return [_known(one) for one in found]

    def note(
        self,
        userid: str,
        external_userid: str,
        *,
        remark: str = "",
        description: str = "",
        company: str = "",
        mobiles: Sequence[str] | None = None,
    ) -> None:
        """
        Note something about a member's customer: at most 20, 150 and 20 characters; what is empty stays as it is.

        Args:
            company: of WeChat users only.
            mobiles: replace all that were there; an empty list clears them.

        Raises:
            ChannelRefused: 84061 when it is not their customer.
        """
        texts = {"remark": remark, "description": description, "remark_company": company}
        for name, words in texts.items():
            limits.require_chars(f"{name} of a customer", words, _NOTE_CHARS[name])
        noted: Body = {name: words for name, words in texts.items() if words}
        if mobiles is not None:
            # An empty list is taken for none at all, a list of one empty text clears.
            noted["remark_mobiles"] = list(mobiles) or [""]
        if not noted:
            raise BadInput("nothing is to be noted about a customer", "give a remark or a description")
        self._calls.call(f"{EC}/remark", "write", {"userid": userid, "external_userid": external_userid, **noted})

    def by_unionid(self, unionid: str, openid: str) -> Identity:
        """Who somebody is that another application knows by union id and open id."""
        path = "idconvert/unionid_to_external_userid"
        asked = {"unionid": unionid, "openid": openid, "subject_type": _SUBJECT_CORP}
        body = self._calls.call(path, "read", asked)
        return Identity(text(body, "external_userid"), text(body, "pending_id"))

    def chat_of(self, opengid: str) -> str:
        """The chat_id of the group a mini-program was opened in. Raises: ChannelRefused 90511 for an unknown one."""
        path = f"{EC}/opengid_to_chatid"
        return given(self._calls.call(path, "read", {"opengid": opengid}), "chat_id", path)


def _known(one: Body) -> KnownPerson:
    return KnownPerson(
        bool(one.get("is_customer")),
        text(one, "tmp_openid"),
        text(one, "external_userid"),
        text(one, "follow_userid"),
        text(one, "chat_id"),
        instant(one.get("add_time")),
    )
