"""
The figures acquisition writes, and its stage report as Markdown with the funnel's picture.

``leads``, ``leads_valid``, ``contacts_added``, ``joined``, ``join_rate``, ``stayed_d7``, ``cost_per_stayed_member``,
``scans``, ``scan_join_rate`` {channel} · ``joins``, ``leaves``, ``net_growth``, ``unique_members`` · ``joins_by``
{how} · ``members`` {group}.
Yesterday's movement is written again: what happened after its run revises it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from sqlalchemy import Connection

from qunflow.acquisition.counted import Counted
from qunflow.acquisition.funnel import (
    ChannelFunnel,
    ContactFact,
    DayMovement,
    LeadFact,
    Share,
    StayFact,
    funnel,
    movement,
)
from qunflow.acquisition.intake import RosterNews
from qunflow.acquisition.scans import ChannelScans, scans_by_channel
from qunflow.clock import day_bounds
from qunflow.language import Catalogue
from qunflow.report.charts import FunnelRow, as_data_uri, funnel_svg
from qunflow.report.grading import Graded
from qunflow.runtime.stage import StageRun
from qunflow.settings.workspace import Community
from qunflow.store import leads, members, people
from qunflow.store.figures import Figure, Unit, Value
from tasks.acquisition_scans import scans_of

STAGE = "acquisition"
_SOURCE_OF = {
    **dict.fromkeys(("joins", "leaves", "net_growth", "unique_members", "members"), "wecom:roster"),
    **dict.fromkeys(("scans", "scan_join_rate"), "history"),
}


def measured(conn: Connection, run: StageRun) -> Counted:
    """Everything the stage counts."""
    key = run.community.key
    stays = [
        StayFact(one.person_id, one.group_id, one.channel, one.joined_at, one.left_at, one.pulled_in)
        for one in members.memberships_of(conn, key)
    ]
    until = min(day_bounds(run.day, run.zone)[1] - timedelta(microseconds=1), run.now)
    costs = {channel.key: channel.cost_fen for channel in run.community.acquisition.channels}
    channels = funnel(
        until,
        leads=[
            LeadFact(one.person_id, one.channel, one.submitted_at, one.duplicate_of is not None)
            for one in leads.leads_of(conn, key)
        ],
        contacts=[
            ContactFact(one.person_id, one.channel, one.added_at)
            for one in people.contacts_of(conn, key, with_deleted=True)
        ],
        stays=stays,
        costs_fen=costs,
    )
    ids = [group.group_id for group in members.groups_of(conn, key)]
    days = (run.day - timedelta(days=1), run.day)
    scans = scans_by_channel(until, scans_of(conn, run), stays, costs)
    return Counted(channels, scans, {day: movement(day, run.zone, stays, ids) for day in days})


def figures_of(
    community: str,
    day: date,
    found: Counted,
    key_of: Mapping[int, str],
) -> list[Figure]:
    """Every figure of the stage."""
    return [
        *(figure for row in found.channels for figure in _channel_figures(community, day, row)),
        *(figure for channel, one in found.scans.items() for figure in _scan_figures(community, day, channel, one)),
        *(figure for on, one in found.moved.items() for figure in _movement_figures(community, on, one, key_of)),
    ]


def _channel_figures(community: str, day: date, row: ChannelFunnel) -> list[Figure]:
    at = {"channel": row.channel}
    stayed = row.stayed_d7.numerator if row.stayed_d7.denominator else None
    cost = row.cost_per_stayed_member_fen
    return [
        *(
            _figure(community, day, name, getattr(row, name), "count", at)
            for name in ("leads", "leads_valid", "contacts_added", "joined")
        ),
        _figure(community, day, "join_rate", row.join_rate.value, "rate", at, _parts(row.join_rate)),
        _figure(community, day, "stayed_d7", stayed, "count", at, _parts(row.stayed_d7)),
        _figure(community, day, "cost_per_stayed_member", None if cost is None else round(cost), "fen", at),
    ]


def _scan_figures(community: str, day: date, channel: str, found: ChannelScans) -> list[Figure]:
    at, joined = {"channel": channel}, found.joined
    days = (day - timedelta(days=1), day)
    return [
        *(_figure(community, on, "scans", found.visits.get(on, 0), "count", at) for on in days),
        _figure(community, day, "scan_join_rate", joined.value, "rate", at, _parts(joined)),
    ]


def _parts(share: Share) -> tuple[int, int]:
    return share.numerator, share.denominator


def _movement_figures(community: str, day: date, moved: DayMovement, key_of: Mapping[int, str]) -> list[Figure]:
    by_how = {"pulled_in": moved.joins_pulled_in, "self_joined": moved.joins - moved.joins_pulled_in}
    return [
        *(
            _figure(community, day, name, getattr(moved, name), "count", {})
            for name in ("joins", "leaves", "net_growth", "unique_members")
        ),
        *(_figure(community, day, "joins_by", count, "count", {"how": how}) for how, count in by_how.items()),
        *(
            _figure(community, day, "members", count, "count", {"group": key_of[group]})
            for group, count in moved.members_of.items()
        ),
    ]


def _figure(
    community: str,
    day: date,
    name: str,
    value: Value,
    unit: Unit,
    dimensions: Mapping[str, str],
    parts: tuple[int, int] | None = None,
) -> Figure:
    numerator, denominator = parts or (None, None)
    return Figure(
        community, STAGE, name, day, value, unit, _SOURCE_OF.get(name, "state"), dimensions, numerator, denominator
    )


def stage_report(
    community: Community,
    day: date,
    found: Counted,
    rosters: RosterNews,
    without_room: int,
    graded: Graded,
    words: Catalogue,
) -> str:
    """The report of one run for the Prefect UI: the funnel, the day's movement, what each roster showed."""
    names = {channel.key: channel.name for channel in community.acquisition.channels}
    channels, moved = found.channels, found.moved[day]
    parts = [
        f"# {words.text('acquisition.report')}",
        words.text("acquisition.head", community=community.name, day=day.isoformat()),
        graded.head(words),
        words.text("acquisition.moved", joins=moved.joins, leaves=moved.leaves, members=moved.unique_members)
        + graded.beside(),
        *([words.text("acquisition.without_room", count=without_room)] if without_room else []),
        f"![{words.text('acquisition.funnel')}]({as_data_uri(_picture(channels, names, words))})",
        _channel_table(channels, names, graded, words),
        _scan_table(found.scans, day, names, graded, words),
        _roster_table(rosters, words),
    ]
    return "\n\n".join(parts) + "\n"


def _picture(channels: Sequence[ChannelFunnel], names: Mapping[str, str], words: Catalogue) -> str:
    rows = [
        FunnelRow(
            names.get(row.channel, row.channel),
            (
                row.leads_valid,
                row.contacts_added,
                row.joined,
                row.stayed_d7.numerator if row.stayed_d7.denominator else None,
            ),
        )
        for row in channels
    ]
    steps = tuple(words.text(f"acquisition.{name}") for name in ("leads_valid", "contacts_added", "joined", "stayed"))
    return funnel_svg(
        rows, steps=steps, title=words.text("acquisition.funnel"), not_due=words.text("acquisition.not_due")
    )


def _channel_table(
    channels: Sequence[ChannelFunnel], names: Mapping[str, str], graded: Graded, words: Catalogue
) -> str:
    heads = ("channel", "leads", "leads_valid", "contacts_added", "joined", "join_rate", "stayed")
    rows = [
        [
            names.get(row.channel, row.channel),
            str(row.leads) + graded.beside(),
            str(row.leads_valid) + graded.beside(),
            str(row.contacts_added) + graded.beside(),
            str(row.joined) + graded.beside(),
            _rate(row.join_rate.value, words) + graded.beside(),
            (str(row.stayed_d7.numerator) if row.stayed_d7.denominator else words.text("acquisition.not_due"))
            + graded.beside(),
        ]
        for row in channels
    ]
    return table([words.text(f"acquisition.{head}") for head in heads], rows)


def _scan_table(
    scans: Mapping[str, ChannelScans], day: date, names: Mapping[str, str], graded: Graded, words: Catalogue
) -> str:
    rows = [
        [
            names.get(channel, channel),
            str(one.visits.get(day, 0)) + graded.beside(),
            _rate(one.joined.value, words) + graded.beside(),
        ]
        for channel, one in scans.items()
    ]
    return table([words.text(f"acquisition.{head}") for head in ("channel", "scans", "scan_join_rate")], rows)


def _rate(value: float | None, words: Catalogue) -> str:
    return words.text("acquisition.not_due") if value is None else f"{value:.0%}"


def _roster_table(rosters: RosterNews, words: Catalogue) -> str:
    heads = ("group", "listed", "joins", "leaves", "problem")
    rows = [[one.group_key, str(one.listed), str(one.joins), str(one.leaves), one.problem] for one in rosters.groups]
    return table([words.text(f"acquisition.{head}") for head in heads], rows)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; bars and line breaks in cells are made harmless."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "/").replace("\n", " ") for cell in line) + " |" for line in lines
    )
