"""Sensitive-word rules over real HTTP, with the form that differs between making and changing one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from qunflow.sandbox.options import Limits
from tests.integration.sandbox_anywhere import Anywhere, anywhere
from tests.integration.sandbox_caller import HELPER, OTHER

EC = "externalcontact"
ADD, GET, UPDATE = f"{EC}/add_intercept_rule", f"{EC}/get_intercept_rule", f"{EC}/update_intercept_rule"
RULE: dict[str, Any] = {
    "rule_name": "不许返现",
    "word_list": ["返现", "刷单"],
    "semantics_list": [1, 3],
    "intercept_type": 1,
    "applicable_range": {"user_list": [HELPER]},
}


@pytest.fixture
def caller() -> Iterator[Anywhere]:
    """A sandbox with the documented limits."""
    with anywhere() as found:
        yield found


@pytest.mark.covers("externalcontact/add_intercept_rule", "success")
@pytest.mark.covers("externalcontact/add_intercept_rule", "read_back")
@pytest.mark.covers("externalcontact/get_intercept_rule", "success")
@pytest.mark.covers("externalcontact/get_intercept_rule", "read_back")
@pytest.mark.covers("externalcontact/get_intercept_rule_list", "success")
@pytest.mark.covers("externalcontact/get_intercept_rule_list", "read_back")
def test_sensitive_words_add_succeeds_and_reads_back_in_another_form(caller: Anywhere) -> None:
    """semantics_list is given at the top and comes back inside extra_rule; the list names the rule."""
    rule_id = caller.post(ADD, **RULE)["rule_id"]
    rule = caller.post(GET, rule_id=rule_id)["rule"]
    assert rule["extra_rule"] == {"semantics_list": [1, 3]}
    assert "semantics_list" not in rule
    assert (rule["rule_name"], rule["word_list"], rule["intercept_type"]) == ("不许返现", ["返现", "刷单"], 1)
    assert rule["applicable_range"] == {"user_list": [HELPER], "department_list": []}
    listed = caller.get(f"{EC}/get_intercept_rule_list")["rule_list"]
    assert [(one["rule_id"], one["rule_name"]) for one in listed] == [(rule_id, "不许返现")]


@pytest.mark.covers("externalcontact/add_intercept_rule", "refusal")
@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"rule_name": ""}, 40063),
        ({"rule_name": "长" * 21}, 40058),
        ({"word_list": []}, 40063),
        ({"word_list": ["x"] * 301}, 41068),
        ({"word_list": ["长" * 33]}, 41083),
        ({"semantics_list": [4]}, 41084),
        ({"intercept_type": 3}, 40058),
        ({"applicable_range": {"user_list": []}}, 40063),
        ({"applicable_range": {"user_list": ["x"] * 1_001}}, 41076),
    ],
)
def test_sensitive_words_add_refuses_what_is_documented(caller: Anywhere, change: dict[str, Any], code: int) -> None:
    """Each wrong part has its code."""
    assert caller.refused(ADD, **{**RULE, **change}) == code


def test_sensitive_words_names_are_unique_and_rules_are_counted() -> None:
    """A name twice is 41077, a rule too many 41069, until one is deleted."""
    with anywhere(Limits(intercept_rules=2)) as caller:
        first = caller.post(ADD, **RULE)["rule_id"]
        assert caller.refused(ADD, **RULE) == 41077
        assert caller.refused(ADD, **{**RULE, "rule_name": "二"}) == 0
        assert caller.refused(ADD, **{**RULE, "rule_name": "三"}) == 41069
        assert caller.refused(f"{EC}/del_intercept_rule", rule_id=first) == 0
        assert caller.refused(ADD, **RULE) == 0


@pytest.mark.covers("externalcontact/update_intercept_rule", "success")
@pytest.mark.covers("externalcontact/update_intercept_rule", "read_back")
def test_sensitive_words_update_adds_to_and_takes_from_the_range(caller: Anywhere) -> None:
    """Only what is given changes; semantics come inside extra_rule here, the range as what to add and remove."""
    rule_id = caller.post(ADD, **RULE)["rule_id"]
    change: dict[str, Any] = {
        "extra_rule": {"semantics_list": [2]},
        "add_applicable_range": {"user_list": [OTHER]},
        "remove_applicable_range": {"user_list": [HELPER]},
    }
    assert caller.refused(UPDATE, rule_id=rule_id, **change) == 0
    rule = caller.post(GET, rule_id=rule_id)["rule"]
    assert rule["extra_rule"]["semantics_list"] == [2]
    assert rule["applicable_range"]["user_list"] == [OTHER]
    assert rule["word_list"] == ["返现", "刷单"]
    assert caller.refused(UPDATE, rule_id=rule_id, semantics_list=[1]) == 0
    assert caller.post(GET, rule_id=rule_id)["rule"]["extra_rule"]["semantics_list"] == [2]


@pytest.mark.covers("externalcontact/update_intercept_rule", "refusal")
def test_sensitive_words_update_refuses_another_rules_name(caller: Anywhere) -> None:
    """A name in use is 41077, an empty range 40063, an unknown rule 41070."""
    rule_id = caller.post(ADD, **RULE)["rule_id"]
    caller.post(ADD, **{**RULE, "rule_name": "二"})
    assert caller.refused(UPDATE, rule_id=rule_id, rule_name="二") == 41077
    assert caller.refused(UPDATE, rule_id=rule_id, remove_applicable_range={"user_list": [HELPER]}) == 40063
    assert caller.refused(UPDATE, rule_id="none", rule_name="x") == 41070


@pytest.mark.covers("externalcontact/del_intercept_rule", "success")
@pytest.mark.covers("externalcontact/del_intercept_rule", "read_back")
@pytest.mark.covers("externalcontact/del_intercept_rule", "refusal")
@pytest.mark.covers("externalcontact/get_intercept_rule", "refusal")
def test_sensitive_words_delete_makes_it_gone(caller: Anywhere) -> None:
    """A deleted rule is 41071 and not listed, an unknown one 41070."""
    rule_id = caller.post(ADD, **RULE)["rule_id"]
    assert caller.refused(f"{EC}/del_intercept_rule", rule_id=rule_id) == 0
    assert caller.refused(GET, rule_id=rule_id) == 41071
    assert caller.refused(f"{EC}/del_intercept_rule", rule_id=rule_id) == 41071
    assert caller.refused(GET, rule_id="none") == 41070
    assert caller.get(f"{EC}/get_intercept_rule_list")["rule_list"] == []


@pytest.mark.covers("externalcontact/get_intercept_rule_list", "refusal")
def test_sensitive_words_list_needs_a_token(caller: Anywhere) -> None:
    """Without a token there is no list."""
    caller.token = "nonsense"
    assert caller.get(f"{EC}/get_intercept_rule_list")["errcode"] == 40014


def test_sensitive_words_stop_members_not_customers(caller: Anywhere) -> None:
    """The member's words are blocked, the customer's pass, and another member is not concerned."""
    caller.post(ADD, **RULE)
    who = caller.friend()
    caller.friend(userid=OTHER, external_userid=who)

    def say(userid: str, text: str, *, by_member: bool) -> int:
        told = caller.act("say_privately", userid=userid, external_userid=who, text=text, by_member=by_member)
        return int(told["intercepted"])

    assert say(HELPER, "加我返现", by_member=True) == 1
    assert say(HELPER, "加我返现", by_member=False) == 0
    assert say(HELPER, "早上好", by_member=True) == 0
    assert say(OTHER, "加我返现", by_member=True) == 0
