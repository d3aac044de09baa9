"""The names operators gave to the slots of their playbooks."""

from __future__ import annotations

from pathlib import Path

from qunflow.rendering import Templates
from qunflow.rendering.playbooks import load_playbook
from qunflow.settings.paths import template_paths
from qunflow.settings.workspace import Community


def slot_titles(directory: Path, community: Community) -> dict[str, str]:
    """Slot key → title over every playbook a community follows; ``directory`` is the workspace's."""
    templates = Templates(template_paths(directory))
    names = [group.sop for group in community.groups] + [campaign.sop for campaign in community.campaigns]
    names.append(community.weekly_activity.sop)
    books = [load_playbook(templates, name) for name in dict.fromkeys(names) if name]
    return {slot.key: slot.title for book in books for slot in book.slots}
