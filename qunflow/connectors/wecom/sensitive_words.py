"""
Sensitive-word rules (敏感词): what members may not write to customers; customers' own words are not looked at.

Making a rule takes ``semantics_list`` at the top, reading and changing it take it inside ``extra_rule``.

Source: WeCom developer centre, page 95130 (2024-03-07).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from qunflow.connectors.wecom import limits
from qunflow.connectors.wecom.answers import Body
from qunflow.connectors.wecom.calls import EC, Calls, needed, objects, part
from qunflow.connectors.wecom.session import listed
from qunflow.errors import BadInput

Meaning: TypeAlias = Literal["phone", "email", "red_packet"]

_MEANINGS: Mapping[Meaning, int] = {"phone": 1, "email": 2, "red_packet": 3}
_BLOCK, _WARN = 1, 2
_NAME_CHARS, _WORDS, _WORD_CHARS, _PEOPLE = 20, 300, 32, 1_000


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule for some members and departments: it blocks what they write, or only warns."""

    rule_id: str
    name: str
    words: tuple[str, ...]
    meanings: tuple[Meaning, ...]
    blocks: bool
    members: tuple[str, ...]
    departments: tuple[int, ...]


class SensitiveWords:
    """The calls about sensitive-word rules; each raises the typed errors of ``answers``."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def add(
        self,
        name: str,
        words: Sequence[str],
        members: Sequence[str],
        *,
        departments: Sequence[int] = (),
        meanings: Sequence[Meaning] = (),
        blocks: bool = True,
    ) -> str:
        """Make a rule; returns its id. Raises: ChannelRefused 41077 for a name that is taken, 41069 over 100 rules."""
        _check(name, words)
        limits.require_some("members and departments of a rule", [*members, *departments], _PEOPLE)
        asked = {
            "rule_name": name,
            "word_list": list(words),
            "semantics_list": [_MEANINGS[one] for one in meanings],
            "intercept_type": _BLOCK if blocks else _WARN,
            "applicable_range": {"user_list": list(members), "department_list": list(departments)},
        }
        path = f"{EC}/add_intercept_rule"
        return needed(self._calls.call(path, "write", asked), "rule_id", path)

    def all(self) -> dict[str, str]:
        """The names of all rules by their ids."""
        path = f"{EC}/get_intercept_rule_list"
        rules = objects(listed(self._calls.call(path, "read"), "rule_list", path), path)
        return {str(one.get("rule_id")): str(one.get("rule_name") or "") for one in rules}

    def get(self, rule_id: str) -> Rule:
        """One rule. Raises: ChannelRefused 41070 for an unknown one, 41071 for one that was deleted."""
        path = f"{EC}/get_intercept_rule"
        rule = part(self._calls.call(path, "read", {"rule_id": rule_id}), "rule", path)
        return _rule({"rule_id": rule_id, **rule}, path)

    def update(self, rule_id: str, name: str, words: Sequence[str], *, meanings: Sequence[Meaning] = ()) -> None:
        """Replace name, words and meanings of a rule; those it is for stay."""
        _check(name, words)
        asked = {"rule_name": name, "word_list": list(words)}
        extra = {"semantics_list": [_MEANINGS[one] for one in meanings]}
        self._calls.call(f"{EC}/update_intercept_rule", "write", {"rule_id": rule_id, **asked, "extra_rule": extra})

    def extend(self, rule_id: str, add: Sequence[str] = (), remove: Sequence[str] = ()) -> None:
        """Let a rule be for other members, and not for some any more."""
        if not add and not remove:
            raise BadInput("no member is named for a rule", "name whom to add or to remove")
        given = {"add_applicable_range": add, "remove_applicable_range": remove}
        asked = {key: {"user_list": list(members)} for key, members in given.items() if members}
        self._calls.call(f"{EC}/update_intercept_rule", "write", {"rule_id": rule_id, **asked})

    def delete(self, rule_id: str) -> None:
        """End a rule."""
        self._calls.call(f"{EC}/del_intercept_rule", "write", {"rule_id": rule_id})


def _check(name: str, words: Sequence[str]) -> None:
    limits.require_bytes("name of a rule", name, 4 * _NAME_CHARS)
    limits.require_chars("name of a rule", name, _NAME_CHARS)
    limits.require_some("words of a rule", words, _WORDS)
    for word in words:
        limits.require_bytes("word of a rule", word, 4 * _WORD_CHARS)
        limits.require_chars("word of a rule", word, _WORD_CHARS)


def _rule(one: Body, path: str) -> Rule:
    extra, reach = _inner(one, "extra_rule"), _inner(one, "applicable_range")
    numbers = listed(extra, "semantics_list", path)
    meanings = tuple(meaning for meaning, number in _MEANINGS.items() if number in numbers)
    return Rule(
        str(one.get("rule_id")),
        str(one.get("rule_name") or ""),
        tuple(str(word) for word in listed(one, "word_list", path)),
        meanings,
        one.get("intercept_type") == _BLOCK,
        tuple(str(userid) for userid in listed(reach, "user_list", path)),
        tuple(int(number) for number in listed(reach, "department_list", path) if str(number).isdecimal()),
    )


def _inner(one: Body, key: str) -> dict[str, Any]:
    value = one.get(key)
    return value if isinstance(value, dict) else {}
