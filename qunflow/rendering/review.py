"""
Everything a workspace would say, tried out before anybody sends it: the second half of ``qunflow check``.

Renders every slot of every group's SOPs with its own settings and the example values of ``variables.yaml``, and lints
the result.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from qunflow.community.calendar import playbooks_needed
from qunflow.community.playbook import Playbook, Slot
from qunflow.community.wording import slot_variables
from qunflow.errors import ConfigurationError, Place
from qunflow.language import Catalogue
from qunflow.rendering.lint import BannedWord, banned_words, lint
from qunflow.rendering.templates import Templates
from qunflow.settings.checked import Mistake, checked
from qunflow.settings.workspace import Community, Group, Part, Slug, Text, Workspace
from qunflow.settings.yaml import read_yaml

_LINT_OF_WAY = {"internal": "staff_notice"}


class Variable(Part):
    """A variable that copy may use, who fills it, and an example."""

    # `from` is a word of Python, so the field has another name than the key.
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    title: Text = Field(title="含义")
    filled_by: Annotated[str, Field(alias="from")] = Field(title="来自")
    example: Any = Field(title="示例")


class Variables(Part):
    """The file ``variables.yaml``."""

    variables: dict[Slug, Variable] = Field(title="变量")


@dataclass(frozen=True, slots=True)
class _Words:
    """A lintable text without attachments."""

    text: str
    attachments: Sequence[Mapping[str, Any]] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class Tried:
    """One slot tried out: the text it gives, or the mistakes and warnings found."""

    community: str
    group: str
    playbook: str
    slot: Slot
    text: str
    mistakes: tuple[Mistake, ...] = ()
    warnings: tuple[str, ...] = ()


def examples(paths: Sequence[Path]) -> dict[str, Any]:
    """The example value of every variable; a workspace may add its own. Raises: ConfigurationError."""
    found: dict[str, Any] = {}
    for path in reversed(paths):
        file = path / "variables.yaml"
        if file.is_file():
            written = checked(Variables, read_yaml(file)).variables
            found.update({name: variable.example for name, variable in written.items()})
    return found


def review(workspace: Workspace, templates: Templates, today: date, words: Catalogue) -> Iterator[Tried]:
    """
    Try out every slot of every group.

    Args:
        today: a local day to fill weekday and deadline with.
        words: the language of the lint's findings.

    Raises:
        ConfigurationError: a playbook that cannot be read.
    """
    trial = _Trial(workspace, templates, today, words, banned_words(templates.paths), examples(templates.paths))
    for community in workspace.communities:
        playbooks = [templates.playbook(name) for name in playbooks_needed(community)]
        shared = {campaign.sop for campaign in community.campaigns} | {community.weekly_activity.sop}
        for group in community.groups:
            for playbook in playbooks:
                if playbook.name in shared | {group.sop}:
                    yield from trial.of_playbook(community, group, playbook)


@dataclass(frozen=True, slots=True)
class _Trial:
    workspace: Workspace
    templates: Templates
    today: date
    words: Catalogue
    banned: Sequence[BannedWord]
    examples: Mapping[str, Any]

    def of_playbook(self, community: Community, group: Group, playbook: Playbook) -> Iterator[Tried]:
        for slot in playbook.slots:
            text, mistakes, warnings = self._tried(community, group, slot)
            hours = _in_quiet_hours(community, slot, self.templates.find(slot.template))
            yield Tried(community.key, group.key, playbook.name, slot, text, (*mistakes, *hours), tuple(warnings))

    def _tried(self, community: Community, group: Group, slot: Slot) -> tuple[str, list[Mistake], list[str]]:
        known = slot_variables(self.workspace.brand, community, group, slot, self.today)
        try:
            text = self.templates.render(slot.template, {**self.examples, **known})
        except ConfigurationError as error:
            place = error.place or Place(slot.template, 1, 1)
            return "", [Mistake(place, error.problem, error.next_step)], []
        place = Place(str(self.templates.find(slot.template)), 1, 1)
        found = lint(_Words(text), _LINT_OF_WAY.get(slot.way, slot.way), self.banned)
        told: Mapping[Literal["critical", "warning"], list[str]] = {"critical": [], "warning": []}
        for finding in found:
            told[finding.severity].append(finding.text(self.words))
        mistakes = [Mistake(place, problem, "change the copy and check again") for problem in told["critical"]]
        return text, mistakes, told["warning"]


def _in_quiet_hours(community: Community, slot: Slot, file: Path) -> Iterator[Mistake]:
    quiet = community.quiet_hours
    if slot.marketing and slot.way != "internal" and (quiet.covers(slot.at) or quiet.covers(slot.not_after)):
        problem = f"slot {slot.key!r} sells at {slot.at:%H:%M}–{slot.not_after:%H:%M}, inside the quiet hours"
        step = f"move it out of {quiet.start:%H:%M}–{quiet.end:%H:%M} of community {community.key!r}"
        yield Mistake(Place(str(file), 1, 1), problem, step)
