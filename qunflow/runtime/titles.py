"""What the slots in the outbox are called by people: their keys in the outbox, and the titles of their playbooks."""

from __future__ import annotations

from collections.abc import Mapping

from qunflow.community.calendar import playbooks_needed
from qunflow.errors import ConfigurationError
from qunflow.language import catalogue
from qunflow.rendering.templates import Templates
from qunflow.settings.workspace import Workspace


def slot_titles(workspace: Workspace, templates: Templates) -> Mapping[str, str]:
    """Slot key → title, for every playbook and campaign that can be read; pages show the key of any other."""
    # What people approve and no playbook names.
    words = catalogue()
    titles = {"win-back": words.text("care.win_back_title"), "left-feedback": words.text("care.left_title")}
    for community in workspace.communities:
        names = {campaign.key: campaign.sop for campaign in community.campaigns}
        for name, sop in ({one: one for one in playbooks_needed(community)} | names).items():
            try:
                slots = templates.playbook(sop, with_copy=False).slots
            except ConfigurationError:
                continue  # the flows tell where it is broken
            titles |= {f"{name}/{slot.key}": slot.title for slot in slots}
    return titles
