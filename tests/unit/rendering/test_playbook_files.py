"""A playbook file is read into slots, and its mistakes are told with line and column."""

from __future__ import annotations

from datetime import time
from pathlib import Path

import pytest

from qunflow.community.playbook import Days
from qunflow.errors import ConfigurationError
from qunflow.rendering import Templates
from qunflow.settings.checked import SettingsError

SLOT = """\
  - key: sale
    title: 秒杀
    stage: daily_content
    at: "12:00"
    not_after: "12:10"
    days: daily
    way: mass_task
    speaker: owner
    template: daily_content/sale.j2
    variables: [item, link]
    link: offer
"""
COPY = "{{ item }}:{{ link }}"


@pytest.fixture
def templates(tmp_path: Path) -> Templates:
    (tmp_path / "daily_content").mkdir()
    (tmp_path / "playbooks").mkdir()
    (tmp_path / "daily_content" / "sale.j2").write_text(COPY, encoding="utf-8")
    (tmp_path / "daily_content" / "plain.j2").write_text("早", encoding="utf-8")
    return Templates([tmp_path])


def write(templates: Templates, text: str) -> None:
    (templates.paths[0] / "playbooks" / "own.yaml").write_text(text, encoding="utf-8")


def test_a_slot_arrives_as_written(templates: Templates) -> None:
    """Every field of the file is a field of the slot, the rest has its defaults."""
    write(templates, f"title: 自己的\nslots:\n{SLOT}")
    playbook = templates.playbook("own")
    (slot,) = playbook.slots
    assert (playbook.name, playbook.title, slot.key, slot.at, slot.not_after) == (
        "own",
        "自己的",
        "sale",
        time(12),
        time(12, 10),
    )
    assert (slot.way, slot.speaker, slot.variables, slot.link) == ("mass_task", "owner", ("item", "link"), "offer")
    assert (slot.marketing, slot.catch_up, slot.essential, slot.lead_minutes) == (True, "skip", False, 0)
    assert playbook.slot("sale") is slot and playbook.slot("nothing") is None


@pytest.mark.parametrize(
    ("written", "days"),
    [
        ("daily", Days(daily=True)),
        ("[mon, fri]", Days(weekdays=(0, 4))),
        ("{countdown: -2}", Days(countdown=-2)),
        ("{since_opening: 3}", Days(since_opening=(3, 3))),
        ("{since_opening: [1, 7]}", Days(since_opening=(1, 7))),
        ("{month_day: 20}", Days(month_day=20)),
    ],
)
def test_days_are_written_in_five_ways(templates: Templates, written: str, days: Days) -> None:
    """The calendar of a slot is one short line."""
    write(templates, f"title: x\nslots:\n{SLOT.replace('days: daily', f'days: {written}')}")
    assert templates.playbook("own").slots[0].days == days


@pytest.mark.parametrize(
    ("written", "instead", "at", "problem", "step"),
    [
        ("days: daily", "days: weekly", "weekly", "found 'weekly'", "{countdown: -2}"),
        ("days: daily", "days: [mon, funday]", "[mon", "found a list of 2", "valid: daily"),
        ("days: daily", "days: {month_day: 31}", "{month", "found a mapping", "valid: daily"),
        ("days: daily", "days: {since_opening: [7, 1]}", "{since", "found a mapping", "valid: daily"),
        ("way: mass_task", "way: mas_task", "mas_task", "found 'mas_task'", "did you mean 'mass_task'"),
        ('not_after: "12:10"', 'not_after: "11:50"', '"11:50"', "before it starts", "at or later"),
        ("variables: [item, link]", "variables: [link]", "[link]", "uses 'item'", "add item"),
        ("[item, link]", "[item, link, stock]", "stock", "does not use 'stock'", "valid: item, link"),
        ("sale.j2", "sail.j2", "daily_content/sail", "no template", "did you mean 'daily_content/sale.j2'"),
        ("    link: offer\n", "", "- key", "disagree about a link", "link: offer"),
        ("link: offer", "goes_with: nobody\n    link: offer", "nobody", "unknown slot", "valid: sale"),
    ],
)
def test_a_mistake_in_a_playbook_says_where(
    templates: Templates, written: str, instead: str, at: str, problem: str, step: str
) -> None:
    """Unknown words, crossing times, undeclared variables and missing templates are told at their place."""
    text = f"title: x\nslots:\n{SLOT}"
    changed = text.replace(written, instead, 1)
    write(templates, changed)
    with pytest.raises(SettingsError) as caught:
        templates.playbook("own")
    first = caught.value.mistakes[0]
    assert problem in first.problem and step in first.next_step
    line = next(number for number, line in enumerate(changed.splitlines(), start=1) if at in line)
    assert first.place.line == line and first.place.file.endswith("own.yaml")


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("daily", "[fri]", True),
        ("[mon, fri]", "[fri]", True),
        ("[mon]", "[fri]", False),
        ("{countdown: 0}", "{countdown: 1}", False),
        ("{countdown: 0}", "{countdown: 0}", True),
        ("{since_opening: [1, 6]}", "{since_opening: 7}", False),
        ("{since_opening: [1, 7]}", "{since_opening: 7}", True),
        ("{month_day: 1}", "[mon]", True),
    ],
)
def test_two_mass_tasks_never_share_a_day(templates: Templates, one: str, other: str, meet: bool) -> None:
    """A playbook that would need a second mass task for one group and day is refused when it is read."""
    first = SLOT.replace("days: daily", f"days: {one}")
    second = SLOT.replace("days: daily", f"days: {other}").replace("key: sale", "key: again")
    write(templates, f"title: x\nslots:\n{first}{second}")
    if not meet:
        assert len(templates.playbook("own").slots) == 2
        return
    with pytest.raises(SettingsError, match="both mass tasks of the same day"):
        templates.playbook("own")


def test_a_second_wording_uses_the_same_variables(templates: Templates) -> None:
    """What is reworded after a weak warm-up can be filled like the first wording."""
    (templates.paths[0] / "daily_content" / "again.j2").write_text("{{ stock }}", encoding="utf-8")
    write(templates, f"title: x\nslots:\n{SLOT}    reword: daily_content/again.j2\n")
    with pytest.raises(SettingsError, match=r"again\.j2 uses 'stock', which is not declared"):
        templates.playbook("own")


def test_a_key_used_twice_and_an_unknown_playbook_are_told(templates: Templates) -> None:
    """Keys name slots across days, so they are unique; an unknown SOP names those there are."""
    plain = SLOT.replace("sale.j2", "plain.j2").replace("    variables: [item, link]\n    link: offer\n", "")
    write(templates, f"title: x\nslots:\n{SLOT}{plain.replace('mass_task', 'hand_send')}")
    with pytest.raises(SettingsError, match="'sale' twice"):
        templates.playbook("own")
    with pytest.raises(ConfigurationError, match=r"no SOP 'owm'\n.*did you mean 'own'"):
        templates.playbook("owm")


def test_broken_copy_is_told_at_the_copy(templates: Templates) -> None:
    """When the template itself is broken, its own line is named."""
    (templates.paths[0] / "daily_content" / "sale.j2").write_text("好\n{{ item", encoding="utf-8")
    write(templates, f"title: x\nslots:\n{SLOT}")
    with pytest.raises(SettingsError) as caught:
        templates.playbook("own")
    assert str(caught.value.place).endswith("sale.j2:2:1")
