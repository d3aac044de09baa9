"""
The reasons in the outbox in the words of the person who reads them.

In the database a reason is a plain English sentence, for engineers and logs; what is not known here is shown as it is,
such as the words of a platform.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_KNOWN = {
    "stopped": r"stopped by the kill switch",
    "opted_out": r"opted out",
    "support_case": r"has an open support case",
    "do_not_invite": r"does not want to be invited",
    "gave_up": r"gave up after (?P<tries>\d+) tries",
    "ask_again": r"late: needs approval again",
    "missed": r"missed its window",
    "test_group": r"waits for the test group",
    "quiet": r"quiet hours",
    "quota": r"quota: (?P<used>\d+) of (?P<most>\d+) used",
    "reserve": r"quota: (?P<used>\d+) of (?P<most>\d+) used, (?P<kept>\d+) kept for conversion",
    "group_cap": r"cap: the group has heard (?P<had>\d+) of (?P<most>\d+) today",
    "person_cap": r"cap: the person has got (?P<had>\d+) of (?P<most>\d+) today",
    "week_cap": r"cap: the person has got (?P<had>\d+) of (?P<most>\d+) in seven days",
    "cards": r"many cards for one person in a minute",
    "no_address": r"no address on the platform",
    "dissolved": r"the group is dissolved",
    "unknown_group": r"the group is unknown",
    "no_chat_id": r"the group has no chat id",
    "no_contact": r"no contact any more",
    "unreachable": r"cannot be reached by this sender",
    "died": r"the sender died on the way",
    "too_old": r"too old to be found at the platform",
    "lost_key": r"it may or may not have arrived, and can no longer be asked for",
    "look_there": r"it may or may not have arrived: look there",
    "failed_here": r"it could not be sent from here \((?P<what>\w+)\)",
    "judged_again": r"waited too long to be sent, judged again",
    "not_set_up": r"(?P<what>\S+) is not set up in qunflow\.yaml",
    "found": r"found at the platform",
    "sent_again": r"never arrived: sent again",
    "replaced": r"replaced by newer content",
    "by_hand_arrived": r"settled by hand: it had arrived",
    "by_hand_again": r"settled by hand: sent again",
    "by_hand_dropped": r"settled by hand: not sent again",
    "no_community": r"its community is not in qunflow\.yaml",
}
_PATTERNS = {key: re.compile(pattern) for key, pattern in _KNOWN.items()}


def in_words(text: Callable[..., str], reason: str) -> str:
    """The reason as a person reads it, in the texts of a catalogue; an empty one stays empty."""
    for key, pattern in _PATTERNS.items():
        found = pattern.fullmatch(reason)
        if found:
            return text(f"delivery.why.{key}", **found.groupdict())
    return reason
