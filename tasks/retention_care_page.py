"""
The engineer's page of what is done about retention, as Markdown: how sure each alarm is, how unusual the leaves after
each push, and by which rule each group got its stage.

Operators do not read it; theirs is one sentence and one picture in the report.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from zoneinfo import ZoneInfo

from qunflow.delivery.notices import title_of
from qunflow.language import Catalogue
from qunflow.retention.care.judging import GroupCare
from qunflow.retention.care.push_windows import PushWindow


def engineers_page(cared: Sequence[GroupCare], titles: Mapping[str, str], zone: ZoneInfo, words: Catalogue) -> str:
    """Alarms, windows and stages, each with how it was made."""
    windows = [(one.line.group.name, window) for one in cared for window in one.windows]
    looked_at = max((one.looked_at for one in cared), default=0)
    parts = [
        f"# {words.text('care.engineer.title')}",
        f"## {words.text('care.engineer.alarms')}",
        words.text("care.engineer.alarms_how"),
        _table(words.text("care.engineer.alarms_columns"), _alarms(cared, words)),
        f"## {words.text('care.engineer.windows')}",
        words.text("care.engineer.windows_how", number=looked_at),
        _table(words.text("care.engineer.windows_columns"), [_window(*one, titles, zone, words) for one in windows]),
        f"## {words.text('care.engineer.stages')}",
        words.text("care.engineer.stages_how"),
        _table(words.text("care.engineer.stages_columns"), [_stage(one, words) for one in cared]),
    ]
    return "\n\n".join(parts) + "\n"


def _alarms(cared: Sequence[GroupCare], words: Catalogue) -> list[tuple[str, ...]]:
    return [
        (
            one.line.group.name,
            words.text(f"report.rule.{alarm.rule}"),
            f"{alarm.people} / {alarm.among}",
            words.text("report.not_due") if alarm.chance is None else f"{alarm.chance:.2g}",
            "⚠️" if alarm.fires else "",
        )
        for one in cared
        for alarm in one.line.alarms
    ]


def _window(
    group: str, window: PushWindow, titles: Mapping[str, str], zone: ZoneInfo, words: Catalogue
) -> tuple[str, ...]:
    expected = window.expected
    slot = window.push.slot_key
    return (
        group,
        f"{window.push.posted_at.astimezone(zone):%m-%d %H:%M}",
        title_of(titles, slot) if slot else words.text("care.leaving.beside"),
        str(window.leaves),
        "–" if expected is None else f"{expected.leaves:.2f} ({expected.low:.2f}–{expected.high:.2f})",
        f"{window.chance:.2g}",
        f"{window.corrected:.2g}",
    )


def _stage(one: GroupCare, words: Catalogue) -> tuple[str, ...]:
    stage = one.stage
    shares = (stage.active_share, stage.advert_share, stage.top_share)
    return (
        one.line.group.name,
        words.text(f"care.stage.{stage.stage}"),
        words.text(f"care.why_{stage.why}"),
        words.text(f"care.what.{one.advice.what}"),
        *("–" if share is None else f"{share:.1%}" for share in shares),
    )


def _table(columns: str, rows: Iterable[Sequence[str]]) -> str:
    names = columns.split("|")
    lines = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    return "\n".join([*lines, *(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows)])
