"""
Playbooks read from ``playbooks/<name>.yaml``, every mistake told with its line and column.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import time
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from qunflow.community.playbook import WEEKDAYS, CatchUp, Days, Link, Playbook, Slot, Speaker, Stage, Way
from qunflow.errors import ConfigurationError
from qunflow.rendering.templates import Templates
from qunflow.settings.checked import Mistake, SettingsError, checked, in_order
from qunflow.settings.parts import ClockTime, Part, Slug, Text, Whole
from qunflow.settings.paths import playbook_names
from qunflow.settings.words import did_you_mean
from qunflow.settings.yaml import Document, Keys, read_yaml

_DAYS_HINT = (
    "valid: daily, a list such as [mon, fri], {countdown: -2}, {since_opening: 1}, {since_opening: [1, 7]} "
    "or {month_day: 20}"
)


def _days(value: Any) -> Days:
    """What is written under ``days:`` as a rule; see the hint for the forms."""
    if value == "daily":
        return Days(daily=True)
    if isinstance(value, list) and value and all(day in WEEKDAYS for day in value):
        return Days(weekdays=tuple(sorted({WEEKDAYS.index(day) for day in value})))
    if isinstance(value, dict) and len(value) == 1:
        return _counted(*next(iter(value.items())))
    raise ValueError(_DAYS_HINT)


def _counted(name: str, value: Any) -> Days:
    if name == "countdown" and type(value) is int:
        return Days(countdown=value)
    if name == "month_day" and type(value) is int and 1 <= value <= 28:
        return Days(month_day=value)
    if name == "since_opening":
        first, last = value if isinstance(value, list) and len(value) == 2 else (value, value)
        if type(first) is int and type(last) is int and first <= last:
            return Days(since_opening=(first, last))
    raise ValueError(_DAYS_HINT)


class SlotFile(Part):
    """One slot as it is written."""

    key: Slug = Field(title="节点 key")
    title: Text = Field(title="节点名称")
    stage: Stage = Field(title="阶段")
    at: ClockTime = Field(title="发送时间")
    not_after: ClockTime = Field(title="最晚发送")
    days: Annotated[Any, BeforeValidator(_days)] = Field(title="哪些天")
    way: Way = Field(
        title="怎么发", description="mass_task 群发任务、hand_send 手动发、private_task 私聊、internal 内部"
    )
    speaker: Speaker = Field("admin", title="谁开口")
    template: str = Field(title="话术模板")
    variables: tuple[Slug, ...] = Field((), title="用到的变量")
    marketing: bool = Field(True, strict=True, title="算营销", description="营销内容不在免打扰时段发")
    catch_up: CatchUp = Field("skip", title="过点处理", description="send 照发、ask 问我、skip 不发")
    essential: bool = Field(False, strict=True, title="人手不够时也要保住")
    link: Link | None = Field(None, title="短链", description="offer 下单页、checkin 打卡页")
    lead_minutes: Whole = Field(0, title="提前多少分钟建任务")
    goes_with: Slug | None = Field(None, title="跟着哪个节点", description="那个节点不发，这条也不发")
    reword: str | None = Field(None, title="换话术", description="预热反应一般时改用的模板，变量相同")
    role: str = Field("", max_length=20, title="以谁的身份说")
    purpose: str = Field("", max_length=80, title="目的")
    test_first: bool = Field(
        False, strict=True, title="先发测试群", description="先发社群的 test_group，有人放行后再分批发其余的群"
    )

    def slot(self) -> Slot:
        """The slot without its file."""
        return Slot(**{name: getattr(self, name) for name in type(self).model_fields})


class PlaybookFile(Part):
    """A playbook as it is written."""

    title: Text = Field(title="SOP 名称")
    alone_days: Whole = Field(0, title="独占天数", description="开群后几天里只走这份 SOP(开群仪式)")
    slots: tuple[SlotFile, ...] = Field(min_length=1, title="节点")


def playbook_schema_text() -> str:
    """The JSON Schema of a playbook file."""
    return json.dumps(PlaybookFile.model_json_schema(), ensure_ascii=False, indent=2) + "\n"


def load_playbook(templates: Templates, name: str, *, with_copy: bool = True) -> Playbook:
    """
    Read a playbook and check it against the templates it names.

    Args:
        with_copy: whether a mistake in a slot's copy is a mistake of the playbook. Not so when a day is planned: there
            the one slot fails and the others go out.

    Raises:
        ConfigurationError: no such playbook, or mistakes in it, each with file:line:column.
    """
    for path in templates.paths:
        file = path / "playbooks" / f"{name}.yaml"
        if file.is_file():
            break
    else:
        raise ConfigurationError(f"there is no SOP {name!r}", did_you_mean(name, playbook_names(templates.paths)))
    document = read_yaml(file)
    written = checked(PlaybookFile, document)
    slots = tuple(slot.slot() for slot in written.slots)
    mistakes = [*_mistakes(slots, document, templates if with_copy else None), *_two_tasks(slots, document)]
    if mistakes:
        raise SettingsError(in_order(mistakes))
    return Playbook(name, written.title, slots, written.alone_days)


def _mistakes(slots: Sequence[Slot], document: Document, templates: Templates | None) -> Iterator[Mistake]:
    keys = [slot.key for slot in slots]
    for number, slot in enumerate(slots):
        at: Keys = ("slots", number)
        if slot.key in keys[:number]:
            yield Mistake(document.place_of((*at, "key")), f"found the slot {slot.key!r} twice", "give it another key")
        if slot.not_after < slot.at:
            problem = f"slot {slot.key!r} ends at {_hm(slot.not_after)}, before it starts at {_hm(slot.at)}"
            yield Mistake(document.place_of((*at, "not_after")), problem, "let not_after be at or later")
        if slot.goes_with and slot.goes_with not in keys:
            place = document.place_of((*at, "goes_with"))
            yield Mistake(place, f"unknown slot {slot.goes_with!r}", did_you_mean(slot.goes_with, keys))
        if templates is not None:
            yield from _wrong_template(slot, document, at, templates)


def _wrong_template(slot: Slot, document: Document, at: Keys, templates: Templates) -> Iterator[Mistake]:
    used: set[str] = set()
    for key, name in (("template", slot.template), ("reword", slot.reword)):
        if name is None:
            continue
        try:
            needed, optional = templates.variables(name), templates.optional(name)
        except ConfigurationError as error:
            yield Mistake(error.place or document.place_of((*at, key)), error.problem, error.next_step)
            return
        used |= needed | optional
        for missing in sorted(needed - set(slot.variables)):
            place = document.place_of((*at, "variables"))
            yield Mistake(place, f"{name} uses {missing!r}, which is not declared", f"add {missing} to variables")
    yield from _wrong_variables(slot, document, at, used)


def _wrong_variables(slot: Slot, document: Document, at: Keys, used: set[str]) -> Iterator[Mistake]:
    for number, name in enumerate(slot.variables):
        if name not in used:
            place = document.place_of((*at, "variables", number))
            yield Mistake(place, f"{slot.template} does not use {name!r}", did_you_mean(name, sorted(used)))
    if ("link" in slot.variables) != (slot.link is not None):
        step = "set `link: offer` or `link: checkin` exactly where the copy uses {{ link }}"
        yield Mistake(document.place_of((*at, "link")), f"slot {slot.key!r} and its copy disagree about a link", step)


def _two_tasks(slots: Sequence[Slot], document: Document) -> Iterator[Mistake]:
    """A group takes about one mass task a day: two of them must not fall on the same one."""
    tasks = [(number, slot) for number, slot in enumerate(slots) if slot.way == "mass_task"]
    for position, (number, slot) in enumerate(tasks):
        for _, other in tasks[:position]:
            if _may_meet(slot.days, other.days):
                problem = f"slots {other.key!r} and {slot.key!r} are both mass tasks of the same day"
                place = document.place_of(("slots", number, "way"))
                yield Mistake(place, problem, "keep one a group and day; make the other hand_send or move its days")


def _may_meet(one: Days, other: Days) -> bool:
    if one.countdown is not None and other.countdown is not None:
        return one.countdown == other.countdown
    if one.since_opening and other.since_opening:
        return one.since_opening[0] <= other.since_opening[1] and other.since_opening[0] <= one.since_opening[1]
    if one.weekdays and other.weekdays:
        return bool(set(one.weekdays) & set(other.weekdays))
    return True


def _hm(at: time) -> str:
    return f"{at:%H:%M}"
