"""
Activities nobody reacted to: which ones to ask about, so that a reason is found, something is changed and told back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

# Once can be chance, and the clicks of one day may not have come in yet.
FEWEST_DAYS = 2
REASONS = ("bad_time", "wrong_subject", "too_many", "unclear", "no_reward", "not_seen", "other")


@dataclass(frozen=True, slots=True)
class Post:
    """One posted message of an activity; ``replies`` is None where nobody counted them, ``recent`` of the last week."""

    slot_key: str
    group_id: int
    day: date
    replies: int | None
    recent: bool


@dataclass(frozen=True, slots=True)
class Unanswered:
    """An activity without reaction: how often and in how many groups it was posted in the last seven days."""

    slot_key: str
    posts: int
    groups: int


def unanswered(
    posts: Iterable[Post], clicks: Mapping[str, int], clicks_before: Mapping[str, int], linked: Iterable[str]
) -> tuple[Unanswered, ...]:
    """
    Activities that ask for a reaction and got none in seven local days, those posted most first.

    Formula: posts on at least 2 days of the week; replies of the week + clicks of the week = 0; every post's reaction
    is known (its replies were counted, or it carries a link). It asks for one when it carries a link, or got a reaction
    in the three weeks before. Unit: activities (slots of the SOP). Source: articles S2, S3 (find out why); the project.

    Args:
        clicks, clicks_before: by slot, of the week and of the weeks before.
        linked: slots that carry a link.
    """
    by_slot: dict[str, list[Post]] = defaultdict(list)
    for post in posts:
        by_slot[post.slot_key].append(post)
    with_link = set(linked)
    found = [
        _told(slot, mine)
        for slot, mine in by_slot.items()
        if _is_ignored(mine, clicks.get(slot, 0), linked=slot in with_link)
        and (slot in with_link or clicks_before.get(slot, 0) or any(one.replies for one in mine if not one.recent))
    ]
    return tuple(sorted(found, key=lambda one: (-one.posts, one.slot_key)))


def _is_ignored(posts: list[Post], clicks: int, *, linked: bool) -> bool:
    week = [one for one in posts if one.recent]
    known = linked or all(one.replies is not None for one in week)
    return (
        len({one.day for one in week}) >= FEWEST_DAYS and known and not clicks and not any(one.replies for one in week)
    )


def _told(slot: str, posts: list[Post]) -> Unanswered:
    week = [one for one in posts if one.recent]
    return Unanswered(slot, len(week), len({one.group_id for one in week}))
