"""The copy and the SOPs that come with Qunflow keep their own rules."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path

import pytest

from qunflow.language import catalogue
from qunflow.rendering import Templates, lint, pages
from qunflow.rendering.playbooks import playbook_schema_text
from qunflow.rendering.review import examples, known_variables, review
from qunflow.settings.paths import builtin_templates, playbook_names
from qunflow.settings.scaffold import write_workspace
from qunflow.settings.workspace import load_workspace

PATHS = (builtin_templates(),)
TEMPLATES = Templates(PATHS)
EXAMPLES = examples(PATHS)
PLAYBOOKS = playbook_names(PATHS)
STAGES = ("acquisition", "daily_content", "weekly_activity", "retention", "conversion")
LAST_MARKETING = time(20, 50)
LONGEST_INVITATION = 90


@dataclass(frozen=True)
class Message:
    text: str
    attachments: tuple[dict[str, object], ...] = ()


@pytest.mark.parametrize("name", TEMPLATES.names())
def test_every_template_renders_with_the_declared_variables(name: str) -> None:
    """No copy is broken, unsafe, too long, unfilled, or uses a variable nobody explained."""
    needed = TEMPLATES.variables(name) | TEMPLATES.optional(name)
    assert needed <= set(EXAMPLES)
    text = TEMPLATES.render(name, {variable: EXAMPLES[variable] for variable in needed})
    assert lint(Message(text), "mass_task") == ()
    assert "  " not in text and len(text) < 400
    assert not re.search(r"[\u4e00-\u9fff][,;:?!]", text), "Chinese copy is written with Chinese punctuation"


@pytest.mark.parametrize("name", TEMPLATES.names())
@pytest.mark.parametrize("weekday", ["周一", "周二", "周三", "周四", "周五", "周六", "周日"])
def test_copy_that_changes_with_the_weekday_says_something_every_day(name: str, weekday: str) -> None:
    """No day falls through the conditions of a template."""
    assert TEMPLATES.render(name, EXAMPLES | {"weekday": weekday})


def test_every_variable_is_used_somewhere() -> None:
    """The list of variables an operator reads holds nothing dead."""
    used = frozenset().union(*(TEMPLATES.variables(name) | TEMPLATES.optional(name) for name in TEMPLATES.names()))
    assert set(known_variables(PATHS)) == used


def test_every_stage_has_copy() -> None:
    """What is said is there for all five stages."""
    assert {name.split("/")[0] for name in TEMPLATES.names()} >= set(STAGES)


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_every_playbook_reads_without_a_mistake(name: str) -> None:
    """Slots, templates and variables of each built-in SOP fit together."""
    playbook = TEMPLATES.playbook(name)
    assert any(slot.essential for slot in playbook.slots)


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_marketing_ends_before_the_quiet_hours(name: str) -> None:
    """所有营销节点 20:50 前结束, and none starts before eight."""
    late = [
        slot.key
        for slot in TEMPLATES.playbook(name).slots
        if slot.marketing and slot.way != "internal" and not time(8) <= slot.at <= slot.not_after <= LAST_MARKETING
    ]
    assert late == []


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_a_mass_task_is_spoken_by_the_owner_and_made_in_time(name: str) -> None:
    """群发任务 go out in the owner's name, and the owner gets at least half an hour to confirm."""
    tasks = [slot for slot in TEMPLATES.playbook(name).slots if slot.way == "mass_task"]
    assert all(slot.speaker == "owner" and slot.lead_minutes >= 30 for slot in tasks)


@pytest.mark.parametrize("name", ["benefit-daily", "member-daily", "camp-7day"])
def test_a_kind_of_group_has_between_twelve_and_eighteen_slots(name: str) -> None:
    """A SOP is long enough to carry a week and short enough to be lived."""
    assert 12 <= len(TEMPLATES.playbook(name).slots) <= 18


def test_a_member_group_hears_little() -> None:
    """强关系、弱运营: at most three messages a day reach a member group from its own SOP."""
    from datetime import timedelta

    from qunflow.community.playbook import slots_of_day

    playbook, start = TEMPLATES.playbook("member-daily"), date(2026, 3, 2)
    for offset in range(28):
        slots = slots_of_day(playbook, start + timedelta(offset), date(2025, 1, 1))
        assert len([slot for slot in slots if slot.way in ("mass_task", "hand_send")]) <= 3


@pytest.mark.parametrize("letter", "abcde")
def test_an_invitation_is_short(letter: str) -> None:
    """再邀请 texts stay under 90 characters besides the link."""
    text = TEMPLATES.render(f"acquisition/reinvite_{letter}.j2", EXAMPLES)
    assert len(text.replace(str(EXAMPLES["join_link"]), "")) <= LONGEST_INVITATION
    assert str(EXAMPLES["join_link"]) in text


def test_the_last_invitation_says_that_it_is_the_last() -> None:
    """Whoever wants no more of it reads how to say so."""
    text = TEMPLATES.render("acquisition/reinvite_e.j2", EXAMPLES)
    assert "最后一次" in text and "不用" in text


def test_the_way_in_to_a_check_in_promises_no_reward() -> None:
    """Outside links must not reward a check-in, so the message with the link speaks of none."""
    for weekday in ("周一", "周三", "周日"):
        text = TEMPLATES.render("weekly_activity/daily_checkin.j2", EXAMPLES | {"weekday": weekday})
        assert not any(word in text for word in ("奖", "送", "分", "券"))


def test_the_warm_up_speaks_of_what_is_sold() -> None:
    """A warm-up without a link names the thing; only the offer carries the link."""
    for name in ("warmup_story", "warmup_question", "warmup_tasting"):
        assert "link" not in TEMPLATES.variables(f"conversion/{name}.j2")
        assert "item" in TEMPLATES.variables(f"conversion/{name}.j2")
    assert {"link", "price", "closes"} <= TEMPLATES.variables("conversion/offer.j2")


def test_the_playbook_schema_beside_the_playbooks_is_current() -> None:
    """The editor checks against what the program checks."""
    assert (PATHS[0] / "playbooks" / "playbook.schema.json").read_text(encoding="utf-8") == playbook_schema_text()
    assert json.loads(playbook_schema_text())["properties"]["slots"]["title"] == "节点"


def test_a_new_workspace_has_nothing_to_correct(tmp_path: Path) -> None:
    """The demo's every slot can be filled, rendered and sent inside its hours."""
    directory = write_workspace(tmp_path / "w", None, date(2026, 3, 2))
    tried = list(review(load_workspace(directory), TEMPLATES, date(2026, 3, 2), catalogue("zh")))
    assert len(tried) > 90
    assert [one.key for one in tried if one.mistakes or one.warnings or not one.text] == []


def test_the_welcome_and_the_invitations_are_tried_too(tmp_path: Path) -> None:
    """A greeting that is broken, too long for a phone, or says a forbidden word is found before a newcomer comes."""
    directory = write_workspace(tmp_path / "w", None, date(2026, 3, 2))
    own = directory / "templates" / "acquisition"
    own.mkdir(parents=True)
    (own / "welcome_contact.j2").write_text("你好" * 101 + "{{ join_link }}", encoding="utf-8")
    (own / "reinvite_b.j2").write_text("{{ join_lnk }}", encoding="utf-8")
    (own / "reinvite_c.j2").write_text("全网最低 {{ join_link }}", encoding="utf-8")
    tried = review(load_workspace(directory), Templates((own.parent, *PATHS)), date(2026, 3, 2), catalogue("zh"))
    greetings = {one.key: one for one in tried if not one.playbook}
    assert greetings["acquisition/welcome_contact.j2"].warnings[0].startswith("欢迎语太长：202/200 字")
    (typo,) = greetings["acquisition/reinvite_b.j2"].mistakes
    assert "did you mean" in typo.next_step and typo.place.file == str(own / "reinvite_b.j2")
    (banned,) = greetings["acquisition/reinvite_c.j2"].mistakes
    assert "全网最低" in banned.problem
    assert greetings["acquisition/reinvite_a.j2"].text and not greetings["acquisition/reinvite_a.j2"].mistakes


def test_a_workspace_that_cannot_fill_its_copy_is_told(tmp_path: Path) -> None:
    """Without a coupon the copy that names one would never go out: the check says so."""
    directory = write_workspace(tmp_path / "w", None, date(2026, 3, 2))
    file = directory / "qunflow.yaml"
    text = file.read_text(encoding="utf-8").replace("      welcome_coupon: welcome3\n", "")
    text = text.replace(", coupon: orange3", "")
    file.write_text(text, encoding="utf-8")
    tried = review(load_workspace(directory), TEMPLATES, date(2026, 3, 2), catalogue("zh"))
    assert {"topic", "guess-price"} <= {one.key for one in tried if one.warnings}


def test_selling_in_the_quiet_hours_is_a_mistake(tmp_path: Path) -> None:
    """Moving the quiet hours shows every slot that now lies inside."""
    directory = write_workspace(tmp_path / "w", None, date(2026, 3, 2))
    file = directory / "qunflow.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace('"21:00"', '"19:00"'), encoding="utf-8")
    tried = review(load_workspace(directory), TEMPLATES, date(2026, 3, 2), catalogue("zh"))
    assert "closing" in {one.key for one in tried if one.mistakes}


def test_pages_escape_what_they_show() -> None:
    """The trusted environment of report and web escapes by default and refuses a missing variable."""
    from jinja2 import UndefinedError

    template = pages().from_string("<p>{{ name }}</p>")
    assert template.render(name="<script>") == "<p>&lt;script&gt;</p>"
    with pytest.raises(UndefinedError):
        template.render()
