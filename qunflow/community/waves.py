"""
Which wave a group gets a message in: the test group first, then a share of the others, then the rest.

Pure. Letting a wave go is a person's decision, kept by ``delivery.waves``.
"""

from __future__ import annotations

import math
from hashlib import sha256

from qunflow.community.calendar import Occurrence
from qunflow.settings.workspace import Community, Group

NO_WAVE, TEST, SECOND, LAST = 0, 1, 2, 3


def wave_of(community: Community, group: Group, occurrence: Occurrence) -> int:
    """
    0 for what goes to everybody at once; 1 for the test group, 2 and 3 for the others of a slot that is tested first.

    Which groups come second changes with the slot, so that it is not always the same people who are tried on.
    """
    campaign = occurrence.campaign
    is_tested = occurrence.slot.test_first or (campaign is not None and campaign.test_first)
    if not community.test_group or not is_tested or occurrence.slot.way == "internal":
        return NO_WAVE
    if group.key == community.test_group:
        return TEST
    others = sorted(
        (one.key for one in community.groups if one.key != community.test_group),
        key=lambda key: sha256(f"{occurrence.name}/{key}".encode()).digest(),
    )
    return SECOND if others.index(group.key) < math.ceil(community.test_share * len(others)) else LAST
