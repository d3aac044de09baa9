"""
Sensitive-word rules (敏感词, wecom-api §8.4): what members may not write to customers.

Creating takes ``semantics_list`` at the top, reading and changing take it inside ``extra_rule``; a change adds to and
takes from the range instead of giving it anew. `found_in` is asked when a member writes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from qunflow.sandbox.fields import Field, checked
from qunflow.sandbox.kept import Kept
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.routing import Call, Effect, Endpoint, Result
from qunflow.sandbox.wire import Refusal

BLOCK, WARN = 1, 2
_SEMANTICS = (1, 2, 3)
_SCOPE = ("user_list", "department_list")


@dataclass(frozen=True, slots=True)
class InterceptRule:
    """A rule; ``scope`` holds members and departments, ``deleted_at`` is 0 while it counts."""

    rule_id: str
    name: str
    created_at: int
    words: list[str]
    semantics: list[int]
    intercept_type: int
    scope: dict[str, list[Any]]
    deleted_at: int = 0


RULES = Kept(InterceptRule, lambda r: r.rule_id)


def add(call: Call) -> Result:
    """Make a rule."""
    platform, body = call.platform, call.body
    if len(_living(platform)) >= platform.limits.intercept_rules:
        raise Refusal(41069)
    _require_free_name(platform, body["rule_name"])
    scope = _scope(body["applicable_range"])
    _require_scope(scope)
    number = platform.number("rule")
    rule_id = f"{platform.dice.letters(16, '0123456789', 'rule', number)}"
    words, semantics = _words(body["word_list"]), _semantics(body["semantics_list"])
    rule = InterceptRule(rule_id, body["rule_name"], platform.now(), words, semantics, body["intercept_type"], scope)
    RULES.of(platform).put(rule)
    return {"rule_id": rule_id}, Effect(targets=tuple(scope["user_list"]), msgid=rule_id)


def list_rules(call: Call) -> Result:
    """All rules, names only."""
    return {"rule_list": [_named(rule) for rule in _living(call.platform)]}, None


def get(call: Call) -> Result:
    """One rule in full."""
    rule = _rule(call)
    shown = {
        "rule_id": rule.rule_id,
        "rule_name": rule.name,
        "word_list": rule.words,
        "extra_rule": {"semantics_list": rule.semantics},
        "intercept_type": rule.intercept_type,
        "applicable_range": rule.scope,
    }
    return {"rule": shown}, None


def update(call: Call) -> Result:
    """Change what is given; the range is changed by what is added and removed."""
    platform, body, rule = call.platform, call.body, _rule(call)
    if body["rule_name"] and body["rule_name"] != rule.name:
        _require_free_name(platform, body["rule_name"])
    changed = replace(
        rule,
        name=body["rule_name"] or rule.name,
        words=_words(body["word_list"]) if body["word_list"] else rule.words,
        intercept_type=body["intercept_type"] or rule.intercept_type,
        scope=_changed_scope(rule, body),
    )
    if "semantics_list" in body["extra_rule"]:
        changed = replace(changed, semantics=_semantics(body["extra_rule"]["semantics_list"]))
    _require_scope(changed.scope)
    RULES.of(platform).put(changed)
    return {}, Effect(msgid=rule.rule_id)


def delete(call: Call) -> Result:
    """End a rule; its id answers 41071 from now on."""
    rule = _rule(call)
    RULES.of(call.platform).put(replace(rule, deleted_at=max(call.platform.now(), 1)))
    return {}, Effect(msgid=rule.rule_id)


def found_in(platform: Platform, userid: str, text: str) -> int:
    """What the rules say to a member's words: 0 nothing, 1 blocked, 2 a warning."""
    hits = [
        rule.intercept_type
        for rule in _living(platform)
        if _concerns(rule, userid) and any(word in text for word in rule.words)
    ]
    return min(hits, default=0)


def _concerns(rule: InterceptRule, userid: str) -> bool:
    return userid in rule.scope["user_list"] or 1 in rule.scope["department_list"]


def _living(platform: Platform) -> list[InterceptRule]:
    return [rule for rule in RULES.of(platform) if not rule.deleted_at]


def _rule(call: Call) -> InterceptRule:
    rule = RULES.of(call.platform).get(call.body["rule_id"])
    if rule is None:
        raise Refusal(41070)
    if rule.deleted_at:
        raise Refusal(41071)
    return rule


def _named(rule: InterceptRule) -> dict[str, Any]:
    return {"rule_id": rule.rule_id, "rule_name": rule.name, "create_time": rule.created_at}


def _require_free_name(platform: Platform, name: str) -> None:
    if any(rule.name == name for rule in _living(platform)):
        raise Refusal(41077)


def _words(given: list[Any]) -> list[str]:
    if not all(isinstance(word, str) and 1 <= len(word) <= 32 for word in given):
        raise Refusal(41083)
    return list(dict.fromkeys(given))


def _semantics(given: Any) -> list[int]:
    if not isinstance(given, list) or not all(one in _SEMANTICS for one in given):
        raise Refusal(41084)
    return given


def _scope(given: dict[str, Any]) -> dict[str, list[Any]]:
    found = checked(_RANGE, given)
    return {name: found[name] for name in _SCOPE}


def _changed_scope(rule: InterceptRule, body: dict[str, Any]) -> dict[str, list[Any]]:
    more, less = _scope(body["add_applicable_range"]), _scope(body["remove_applicable_range"])
    return {
        name: [one for one in dict.fromkeys([*rule.scope[name], *more[name]]) if one not in less[name]]
        for name in _SCOPE
    }


def _require_scope(scope: dict[str, list[Any]]) -> None:
    if not any(scope.values()):
        raise Refusal(40063, "the range is empty")
    if any(len(scope[name]) > 1_000 for name in _SCOPE):
        raise Refusal(41076)


_RANGE = tuple(Field(name, "list", max_items=1_000, over=41076) for name in _SCOPE)
_ID = Field("rule_id", required=True, missing=41070)
_NAME = Field("rule_name", max_chars=20)
_WORDS = Field("word_list", "list", max_items=300, over=41068)
_TYPE = Field("intercept_type", "number", choices=(BLOCK, WARN))

ENDPOINTS = (
    Endpoint(
        "externalcontact/add_intercept_rule",
        add,
        (
            replace(_NAME, required=True),
            replace(_WORDS, required=True),
            Field("semantics_list", "list", bad=41084),
            replace(_TYPE, required=True),
            Field("applicable_range", "object", required=True),
        ),
    ),
    Endpoint("externalcontact/get_intercept_rule_list", list_rules, query=True),
    Endpoint("externalcontact/get_intercept_rule", get, (_ID,)),
    Endpoint(
        "externalcontact/update_intercept_rule",
        update,
        (
            _ID,
            _NAME,
            _WORDS,
            Field("extra_rule", "object"),
            _TYPE,
            Field("add_applicable_range", "object"),
            Field("remove_applicable_range", "object"),
        ),
    ),
    Endpoint("externalcontact/del_intercept_rule", delete, (_ID,)),
)
