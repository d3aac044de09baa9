"""
The words of delivery: what is to be sent, to whom, in which window, and what a round of sending did.

How these are stored and moved from state to state is left to ``outbox``, ``claims`` and ``settle``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Literal

from qunflow.errors import QunflowError

Way = Literal[
    "mass_task", "hand_send", "welcome", "private_task", "staff_notice", "moment", "robot", "mail", "longtail"
]
TargetKind = Literal["chat", "person", "staff"]
CatchUp = Literal["send", "ask", "skip"]

# Out of our hands, or perhaps out of our hands: never to be sent a second time without asking the platform.
OUT = ("intent", "sent", "unknown", "reconciled")
_CANONICAL = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))
UNSENT = ("planned", "checked", "approved")


@dataclass(frozen=True, slots=True)
class Content:
    """
    What one message says.

    Args:
        text: the finished text, as people will read it.
        attachments: WeCom attachments, ``{"msgtype": "link", "link": {…}}``; at most nine.
    """

    text: str
    attachments: tuple[Mapping[str, Any], ...] = ()

    @property
    def version(self) -> str:
        """32 hex digits that change with any character; approval is bound to it."""
        return version_of(self.text, self.attachments) if self.attachments else _version_of_text(self.text)


def version_of(text: str, attachments: Any) -> str:
    """The content version of a text with its attachments, whatever order the keys come in."""
    canonical = _CANONICAL.encode({"text": text, "attachments": [dict(one) for one in attachments]})
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]


@lru_cache(maxsize=1_024)
def _version_of_text(text: str) -> str:
    # The same words go to hundreds of groups.
    return version_of(text, ())


@dataclass(frozen=True, slots=True)
class Planned:
    """
    One message to one chat, person or member of staff, in one slot of one local day.

    Args:
        community: the community's key.
        stage: the stage that plans it.
        campaign: the campaign's key, or empty.
        slot_key: identifies the slot within the day, such as ``g1/noon-sale``.
        day: the local day the slot belongs to.
        way: how it goes out.
        sender_userid: the member of staff who confirms the task or sends by hand; for ``robot`` and ``longtail`` the
            key of the robot or service.
        target_kind: what ``target_ref`` counts: a group (``chat``), a person, or ``staff`` (then 0).
        target_ref: group id or person id.
        content: what it says.
        due_at: not before this instant.
        not_after: no longer on time after this instant.
        marketing: False for service messages.
        catch_up: what happens once ``not_after`` has passed.
        author: who wrote the words, when it was a person; somebody else has to approve them.
        wave: 0 goes with everybody; 1 is the test group, 2 and on wait until a person has released them.
    """

    community: str
    stage: str
    campaign: str
    slot_key: str
    day: date
    way: Way
    sender_userid: str
    target_kind: TargetKind
    target_ref: int
    content: Content
    due_at: datetime
    not_after: datetime
    marketing: bool
    catch_up: CatchUp = "skip"
    author: str = ""
    wave: int = 0

    @property
    def place(self) -> tuple[str, date, str, int]:
        """The slot, day and target: at most one message may ever go out for it."""
        return (self.slot_key, self.day, self.target_kind, self.target_ref)


@dataclass(frozen=True, slots=True)
class PlanReport:
    """
    What planning changed.

    Args:
        added: new targets.
        unchanged: targets that were there already with the same content.
        superseded: older, unsent content that was cancelled for the new one.
        already_sent: plans refused because other content already went out for that slot, day and target.
        ids: target ids of the added and unchanged ones, for checking and approving.
    """

    added: int
    unchanged: int
    superseded: int
    already_sent: int
    ids: tuple[int, ...]


@dataclass(slots=True)
class DeliveryReport:
    """
    What one round of sending did, counted in targets.

    ``waiting`` counts what is due but held (quiet hours, kill switch, a busy platform); ``unsettled`` what is unknown
    at the end, from this round or an earlier one; ``problem`` is what ended the round early, if anything did. A mass
    task counts as sent once the platform holds the task: 任务已建,等群主确认.
    """

    sent: int = 0
    refused: int = 0
    unknown: int = 0
    skipped: int = 0
    waiting: int = 0
    unsettled: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    problem: QunflowError | None = None

    def count(self, what: Literal["sent", "refused", "unknown", "skipped", "waiting"], number: int, why: str) -> None:
        """Add ``number`` targets to one of the counts, and to the reason when there is one."""
        setattr(self, what, getattr(self, what) + number)
        if why and number:
            self.reasons[why] = self.reasons.get(why, 0) + number

    def raise_for_problem(self) -> None:
        """Raise what ended the round early, so that an orchestrator can retry or report it."""
        if self.problem is not None:
            raise self.problem
