"""
Words to the team: planned like any other message and sent by the same way out, each of them once.

Only people of the workspace's team get them: whoever is not in it has no page to act on. Links carry no secret; who
opens one is known by the session in the browser.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from qunflow.clock import local_day
from qunflow.delivery.model import Content, Planned
from qunflow.delivery.outbox import approve, check, plan
from qunflow.delivery.ports import Ports
from qunflow.settings.workspace import Community

# Not a stage: what keeps the team going belongs to none.
STAGE = "delivery"
LASTS = timedelta(hours=1)
_STANDING = "standing approval: notices to the team"


@dataclass(frozen=True, slots=True)
class Notice:
    """
    Something to tell one member of the team.

    Args:
        key: what it is about; it is told once a local day.
        template: the copy, in ``templates/delivery``.
        lasts: afterwards nobody needs it any more.
    """

    userid: str
    key: str
    template: str
    values: Mapping[str, Any]
    lasts: timedelta = LASTS


def tell(conn: Connection, ports: Ports, community: Community, notice: Notice, now: datetime) -> int:
    """Queue a notice; returns 0 when it was told already, or when its person is not in the team."""
    if ports.workspace.member(notice.userid) is None:
        return 0
    planned = Planned(
        community=community.key,
        stage=STAGE,
        campaign="",
        slot_key=notice.key[:120],
        day=local_day(now, community.zone_info),
        way="staff_notice",
        sender_userid=notice.userid,
        target_kind="staff",
        target_ref=0,
        content=Content(_text(ports, notice)),
        due_at=now,
        not_after=now + notice.lasts,
        marketing=False,
    )
    report = plan(conn, [planned], now)
    check(conn, report.ids)
    approve(conn, report.ids, by=_STANDING, at=now)
    return report.added


def title_of(titles: Mapping[str, str], slot_key: str) -> str:
    """What people call a slot; what was made of one (for a group, by hand, corrected) is called the same."""
    key = slot_key
    while key and key not in titles:
        key = key.rpartition("/")[0]
    return titles.get(key, slot_key)


def _text(ports: Ports, notice: Notice) -> str:
    text = ports.templates.render(f"delivery/{notice.template}.j2", notice.values).strip()
    return f"{text}\n{ports.web_url.rstrip('/')}/today" if ports.web_url else text
