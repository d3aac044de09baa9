"""
``qunflow people leaving``: which members may leave within a week, by number, each with what speaks for it.

The report tells only how many; who they are is for the people who look after them.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from qunflow.cli.opening import opened
from qunflow.cli.options import WorkspaceOption

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qunflow.retention.outlook.churn import ChurnOutlook, MemberRisk
    from qunflow.runtime import Runtime
    from qunflow.settings.workspace import Community


def leaving(
    *,
    community: Annotated[str, Parameter(help="社群，默认全部 (a community's key)")] = "",
    day: Annotated[date | None, Parameter(help="看到哪天为止，默认昨天 (the last local day seen)")] = None,
    limit: Annotated[int, Parameter(help="最多列多少位 (members listed at most)")] = 50,
    workspace: WorkspaceOption = None,
) -> int:
    """这周可能离开的成员：编号、可能性和理由；检验不过关就只说为什么 (who may leave, with reasons)."""
    with opened(workspace) as here:
        chosen = (here.workspace.community(community),) if community else here.workspace.communities
        for one in chosen:
            for line in _told(here, one, day, limit):
                print(line)
    return 0


def _told(here: Runtime, community: Community, day: date | None, limit: int) -> Iterator[str]:
    from qunflow.retention.outlook.churn import Judged
    from qunflow.runtime.leaving import churn_outlook, members_by_risk, scope_of

    scope, kinds = scope_of(here, community, day), community.retention.active_kinds
    found = churn_outlook(here, community, scope, kinds, scope.day)
    yield here.language.text(
        "outlook.members.head", community=community.name, day=scope.day, told=_summary(here, found)
    )
    if found.bands and isinstance(found.judged, Judged):
        card = found.judged.card
        high = [one for one in members_by_risk(here, community, scope, kinds, scope.day, card) if one.band == "high"]
        yield from (_line(here, one) for one in high[:limit])
        if len(high) > limit:
            yield here.language.text("outlook.members.more", count=len(high) - limit)


def _summary(here: Runtime, found: ChurnOutlook) -> str:
    """The same sentence as in the report."""
    from qunflow.retention.outlook.churn import NoRisk

    words, past = here.language, found.judged
    if isinstance(past, NoRisk):
        return words.text(f"outlook.churn.{past.reason}", found=past.found, needed=past.needed)
    if not found.bands:
        return words.text(f"outlook.churn.{found.state}")
    high = found.bands[0]
    if high.people:
        return words.text("outlook.churn.sentence", people=high.people, expected=round(high.expected))
    return words.text("outlook.churn.calm", expected=round(sum(band.expected for band in found.bands)))


def _line(here: Runtime, one: MemberRisk) -> str:
    words = here.language
    causes = [words.text(f"outlook.churn.cause.{cause.sign}", value=cause.value) for cause in one.causes]
    told = words.text("report.comma").join(causes)
    return words.text("outlook.members.line", person=one.person_id, risk=f"{one.risk:.0%}", causes=told)
