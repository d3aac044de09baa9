"""
Everything a workspace would say, tried out before anybody sends it: the second half of ``qunflow check``.

Renders the welcome, the re-invitations and every slot of every group's SOPs with its own settings and the example
values of ``variables.yaml``, and lints the result. Copy of the workspace itself is tried out in a process of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from qunflow.community.calendar import playbooks_needed
from qunflow.community.playbook import Playbook, Slot
from qunflow.community.wording import community_variables, slot_variables
from qunflow.errors import ConfigurationError, Place
from qunflow.language import Catalogue
from qunflow.rendering.lint import LONGEST_GREETING, BannedWord, banned_words, lint
from qunflow.rendering.templates import Templates
from qunflow.rendering.trial import Trial
from qunflow.settings.checked import Mistake, checked
from qunflow.settings.parts import Part, Slug, Text
from qunflow.settings.workspace import Community, Group, Workspace
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
    """
    One slot or greeting tried out: the text it gives, or the mistakes and warnings found.

    ``group`` and ``playbook`` are empty for a greeting, whose ``key`` is its template.
    """

    community: str
    group: str
    playbook: str
    key: str
    title: str
    text: str
    mistakes: tuple[Mistake, ...] = ()
    warnings: tuple[str, ...] = ()


def known_variables(paths: Sequence[Path]) -> dict[str, Variable]:
    """Every variable copy may use; a workspace may add its own. Raises: ConfigurationError."""
    found: dict[str, Variable] = {}
    for path in reversed(paths):
        file = path / "variables.yaml"
        if file.is_file():
            found.update(checked(Variables, read_yaml(file)).variables)
    return found


def examples(paths: Sequence[Path]) -> dict[str, Any]:
    """The example value of every variable. Raises: ConfigurationError."""
    return {name: variable.example for name, variable in known_variables(paths).items()}


def review(workspace: Workspace, templates: Templates, today: date, words: Catalogue) -> Iterator[Tried]:
    """
    Try out the welcome and re-invitations of every community, and every slot of every group.

    Args:
        today: a local day to fill weekday and deadline with.
        words: the language of the lint's findings.

    Raises:
        ConfigurationError: a playbook that cannot be read.
    """
    known = known_variables(templates.paths)
    with Trial(templates) as trial:
        whole = _Review(workspace, templates, trial, today, words, banned_words(templates.paths), known)
        for community in workspace.communities:
            yield from whole.of_community(community)


@dataclass(frozen=True, slots=True)
class _Review:
    workspace: Workspace
    templates: Templates
    trial: Trial
    today: date
    words: Catalogue
    banned: Sequence[BannedWord]
    known: Mapping[str, Variable]

    def of_community(self, community: Community) -> Iterator[Tried]:
        yield from self.of_greetings(community)
        playbooks = [self.templates.playbook(name) for name in playbooks_needed(community)]
        shared = {campaign.sop for campaign in community.campaigns} | {community.weekly_activity.sop}
        for group in community.groups:
            for playbook in playbooks:
                if playbook.name in shared | {group.sop}:
                    yield from self.of_playbook(community, group, playbook)

    def of_greetings(self, community: Community) -> Iterator[Tried]:
        filled = community_variables(self.workspace.brand, community)
        rules = community.acquisition
        texts = [(rules.welcome, "welcome"), *((copy, "private_task") for copy in dict.fromkeys(rules.reinvitations))]
        for copy, way in texts:
            title = self.words.text(f"copy.greeting.{way}")
            text, mistakes, warnings = self._tried(copy, way, filled, rules.welcome_at_most)
            yield Tried(community.key, "", "", copy, title, text, tuple(mistakes), tuple(warnings))

    def of_playbook(self, community: Community, group: Group, playbook: Playbook) -> Iterator[Tried]:
        campaign = next((campaign for campaign in community.campaigns if campaign.sop == playbook.name), None)
        for slot in playbook.slots:
            filled = slot_variables(self.workspace.brand, community, group, slot, self.today, campaign)
            way = _LINT_OF_WAY.get(slot.way, slot.way)
            text, mistakes, warnings = self._tried(slot.template, way, filled)
            if slot.reword:
                _, more, doubts = self._tried(slot.reword, way, filled)
                mistakes, warnings = [*mistakes, *more], [*warnings, *doubts]
            hours = _in_quiet_hours(community, slot, self.templates.find(slot.template))
            warnings += self._unfilled(slot, filled)
            found = (*mistakes, *hours), tuple(warnings)
            yield Tried(community.key, group.key, playbook.name, slot.key, slot.title, text, *found)

    def _tried(
        self, copy: str, way: str, filled: Mapping[str, Any], longest_greeting: int = LONGEST_GREETING
    ) -> tuple[str, list[Mistake], list[str]]:
        example = {name: variable.example for name, variable in self.known.items()}
        try:
            text = self.trial.render(copy, {**example, **filled})
        except ConfigurationError as error:
            place = error.place or Place(copy, 1, 1)
            return "", [Mistake(place, error.problem, error.next_step)], []
        place = Place(str(self.templates.find(copy)), 1, 1)
        found = lint(_Words(text), way, self.banned, longest_greeting=longest_greeting)
        critical = [finding.text(self.words) for finding in found if finding.severity == "critical"]
        mistakes = [Mistake(place, problem, "change the copy and check again") for problem in critical]
        return text, mistakes, [finding.text(self.words) for finding in found if finding.severity == "warning"]

    def _unfilled(self, slot: Slot, filled: Mapping[str, Any]) -> list[str]:
        """What settings should fill and do not: such a slot would never be sent."""
        settled = {name for name, variable in self.known.items() if variable.filled_by == "settings"}
        missing = [name for name in slot.variables if name in settled and name not in filled]
        return [self.words.text("copy.lint.never_filled", detail=", ".join(missing))] if missing else []


def _in_quiet_hours(community: Community, slot: Slot, file: Path) -> Iterator[Mistake]:
    quiet = community.quiet_hours
    if slot.marketing and slot.way != "internal" and (quiet.covers(slot.at) or quiet.covers(slot.not_after)):
        problem = f"slot {slot.key!r} sells at {slot.at:%H:%M}–{slot.not_after:%H:%M}, inside the quiet hours"
        step = f"move it out of {quiet.start:%H:%M}–{quiet.end:%H:%M} of community {community.key!r}"
        yield Mistake(Place(str(file), 1, 1), problem, step)
