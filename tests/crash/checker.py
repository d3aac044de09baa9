"""
The judge of real sending: the platform's acceptance log held against the plan that was saved before the run.

Knows both only as files, and nothing of Qunflow. A message is known by its words (a card by its address) and by whom it
goes to. What became of it is read from the platform; what Qunflow says of itself only tells a loss from an unknown.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

Sign = tuple[str, str]
_SENT = ("add_msg_template", "message/send", "send_welcome_msg", "webhook/send")
# Nobody can ask what became of it: what is not certain goes to a person, and never out again.
_BLIND = "robot"
_OPEN = ("unknown", "dead")
# Its key ends after 20 seconds; what is not settled by then is listed as unknown.
_TIMED = "welcome"


@dataclass(frozen=True)
class Wanted:
    """One planned message: the address at the platform, and the words."""

    way: str
    address: str
    words: str

    @property
    def sign(self) -> Sign:
        """What it is recognised by."""
        return (self.address, self.words)


@dataclass
class Finding:
    """
    What became of a plan; every list names messages.

    ``once`` arrived, ``refused`` were turned away by a rule of the platform that its log shows. ``unknown`` is what the
    product itself cannot tell, whatever the log says, ``blind`` the same of a way that cannot be asked. A violation is
    where it tells something else than the log, or gave up what it could have settled.
    """

    planned: int = 0
    once: int = 0
    refused: int = 0
    doubled: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    blind: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)


def save_plan(path: Path, plan: Iterable[Wanted]) -> None:
    """Write a plan down, before anything is sent."""
    path.write_text("\n".join(json.dumps(asdict(one), ensure_ascii=False) for one in plan), encoding="utf-8")


def read_plan(path: Path) -> list[Wanted]:
    """The plan as it was saved."""
    return [Wanted(**json.loads(line)) for line in path.read_text(encoding="utf-8").split("\n") if line]


def judge(plan: Iterable[Wanted], log: Iterable[str], told: Mapping[Sign, str]) -> Finding:
    """
    Compare.

    Args:
        plan: what was to be sent.
        log: the acceptance log, NDJSON.
        told: what the product itself says of messages.
    """
    wanted = {one.sign: one for one in plan}
    taken, turned_away = _read(log)
    found = Finding(planned=len(wanted))
    for sign, one in wanted.items():
        _place(found, one, taken[sign], sign in turned_away, told.get(sign, "nothing"))
    found.violations += [f"{sign[1]!r} to {sign[0]} was never planned" for sign in taken if sign not in wanted]
    return found


def _place(found: Finding, one: Wanted, times: int, turned_away: bool, says: str) -> None:
    name = f"{one.way} {one.words!r} to {one.address}: {says}, accepted {times} times"
    if times > 1:
        found.doubled.append(name)
    elif says in _OPEN:
        (found.blind if one.way == _BLIND else found.unknown).append(name)
    elif not times and not turned_away:
        found.lost.append(name)
    elif says != ("sent" if times else "refused"):
        found.violations.append(name)
    found.once += times == 1
    found.refused += not times and turned_away
    if says == "dead" and one.way not in (_TIMED, _BLIND):
        found.violations.append(name)


def _read(log: Iterable[str]) -> tuple[Counter[Sign], set[Sign]]:
    """How often each message was taken, and which were named in a call and turned away by a rule."""
    taken: Counter[Sign] = Counter()
    turned_away: set[Sign] = set()
    for row in map(json.loads, log):
        if not row["path"].endswith(_SENT):
            continue
        words = words_of(row["body"])
        taken.update((address, words) for address in row["targets"] or [row["sender"]])
        named = {*row["body"].get("chat_id_list", ()), *row["body"].get("external_userid", ())}
        turned_away |= {(address, words) for address in named - set(row["targets"])}
    return taken, turned_away


def words_of(body: Mapping[str, Any]) -> str:
    """What a message is known by: the text, or the address a card leads to."""
    return str(body["textcard"]["url"] if "textcard" in body else body["text"]["content"])
