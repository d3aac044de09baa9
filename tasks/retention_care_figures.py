"""
The figures of what is done about retention: names, dimensions and what each is made of.

``life_stage`` {group}: its word · ``life_stage_why``, ``advice`` {group}: words; ``advice_into`` {group}: key of the
group to merge with · ``active_share``, ``advert_share`` {group} · ``member_layer`` {group, layer}, ``silent_members``
{group}: members, silent for ``silent_days`` · ``alarm_chance`` {group, rule}: of so much leaving at what the limits
allow ·
``leaves_after_push`` {group, slot, at}, ``leaves_expected``, ``leaves_expected_low``, ``leaves_expected_high``,
``push_chance``, ``push_chance_corrected`` of the same window · ``windows_looked_at`` · ``no_reaction`` {slot, week}:
the reason that was picked, or "open"; ``no_reaction_change`` {slot, week}: what was changed; ``reactions_since`` {slot,
week}: replies after the answer, of so many posts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from qunflow.retention.care.activity_layers import LAYERS
from qunflow.retention.care.judging import GroupCare, Seen
from qunflow.retention.care.push_windows import PushWindow
from qunflow.store.figures import Figure, Unit, Value
from qunflow.store.todo_answers import Asked

SOURCE = "history"
WINDOWS_KEPT = 3


def figures_of(
    community: str,
    day: date,
    stage: str,
    cared: Sequence[GroupCare],
    seen: Seen,
    answered: Sequence[Asked],
    silent_days: int,
) -> list[Figure]:
    """Every figure of the care for groups on a day."""

    def figure(
        name: str,
        value: Value,
        unit: Unit,
        made_of: tuple[int | None, int | None] = (None, None),
        **dimensions: str,
    ) -> Figure:
        return Figure(community, stage, name, day, value, unit, SOURCE, dimensions, *made_of)

    key_of = {one.line.group.group_id: one.line.group.key for one in cared}
    rows = [row for one in cared for row in (*_group_rows(one, key_of), *_window_rows(one))]
    looked_at = max((one.looked_at for one in cared), default=0)
    rows += [("windows_looked_at", looked_at, "count", _ALONE, {}), ("silent_days", silent_days, "days", _ALONE, {})]
    rows += [row for one in answered for row in _answer_rows(one, seen)]
    return [figure(name, value, unit, made_of, **dimensions) for name, value, unit, made_of, dimensions in rows]


Row = tuple[str, Value, Unit, tuple[int | None, int | None], dict[str, str]]
_ALONE: tuple[None, None] = (None, None)


def _group_rows(one: GroupCare, key_of: dict[int, str]) -> Iterator[Row]:
    group = {"group": one.line.group.key}
    stage = one.stage
    yield "life_stage", stage.stage, "text", _ALONE, group
    yield "life_stage_why", stage.why, "text", _ALONE, group
    yield "advice", one.advice.what, "text", _ALONE, group
    if one.advice.into is not None:
        yield "advice_into", key_of[one.advice.into], "text", _ALONE, group
    yield "active_share", stage.active_share, "rate", _ALONE, group
    if stage.advert_share is not None:
        yield "advert_share", stage.advert_share, "rate", _ALONE, group
    for layer in LAYERS:
        yield "member_layer", one.layers.get(layer, 0), "count", _ALONE, {**group, "layer": layer}
    yield "silent_members", len(one.silent), "count", _ALONE, group
    for alarm in one.line.alarms:
        if alarm.chance is not None:
            yield "alarm_chance", alarm.chance, "rate", (alarm.people, alarm.among), {**group, "rule": alarm.rule}


def _window_rows(one: GroupCare) -> Iterator[Row]:
    for window in one.windows[:WINDOWS_KEPT]:
        yield from _one_window(window, one.line.group.key)


def _one_window(window: PushWindow, group: str) -> Iterator[Row]:
    at = {"group": group, "slot": window.push.slot_key, "at": window.push.posted_at.isoformat(timespec="minutes")}
    expected = window.expected
    yield "leaves_after_push", window.leaves, "count", _ALONE, at
    if expected is not None:
        yield "leaves_expected", expected.leaves, "count", _ALONE, at
        yield "leaves_expected_low", expected.low, "count", _ALONE, at
        yield "leaves_expected_high", expected.high, "count", _ALONE, at
    yield "push_chance", window.chance, "rate", _ALONE, at
    yield "push_chance_corrected", window.corrected, "rate", _ALONE, at


def _answer_rows(one: Asked, seen: Seen) -> Iterator[Row]:
    slot = str(one.details.get("slot", ""))
    at = {"slot": slot, "week": one.event_key.rpartition("/")[2]}
    reason = one.details.get("reason") or ("open" if one.state == "open" else "skipped")
    yield "no_reaction", reason, "text", (None, int(one.details.get("posts", 0))), at
    if one.details.get("change"):
        yield "no_reaction_change", str(one.details["change"]), "text", _ALONE, at
    if one.closed_at is not None and one.details.get("reason"):
        since = [each for mine in seen.posted.values() for each in mine if each.slot_key == slot]
        later = [each for each in since if each.posted_at > one.closed_at]
        replies = sum(each.replies or 0 for each in later)
        yield "reactions_since", replies, "count", (replies, len(later)), at
