"""Platform limits changed by a line of text."""

from __future__ import annotations

import pytest

from qunflow.errors import ConfigurationError
from qunflow.sandbox.options import App, Limits, Options, limits_with


def test_a_limit_is_changed_by_name_and_the_others_stay() -> None:
    """Two changes, and the documented rest."""
    changed = limits_with(Limits(quota_mode="day_1"), ["group_lag_s=2", "callback_retry_s=5"])
    assert (changed.group_lag_s, changed.callback_retry_s, changed.quota_mode) == (2, 5, "day_1")
    assert changed.calls_per_min == Limits().calls_per_min


@pytest.mark.parametrize("setting", ["lag=2", "group_lag_s", "group_lag_s=-1", "group_lag_s=x", "quota_mode=day_1"])
def test_an_unknown_limit_and_a_value_that_is_no_number_are_refused(setting: str) -> None:
    """The message names the setting, the next step says how."""
    with pytest.raises(ConfigurationError) as refusal:
        limits_with(Limits(), [setting])
    assert setting.split("=")[0] in refusal.value.problem
    assert refusal.value.next_step


def test_an_app_of_the_corps_own_number_replaces_it() -> None:
    """The corp's own app is always there; a further app with its number takes its place; secrets are not shown."""
    options = Options("ww1", "hidden", agent_id=7, apps=(App(8, "other-hidden"),))
    assert {number: app.secret for number, app in options.all_apps.items()} == {7: "hidden", 8: "other-hidden"}
    narrow = Options("ww1", "hidden", agent_id=7, apps=(App(7, "hidden", sees=("owner_he",)),))
    assert narrow.all_apps[7].sees == ("owner_he",)
    assert "hidden" not in repr(options)
