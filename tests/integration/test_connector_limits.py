"""The connector keeps within the limits of a real sandbox, and says how long to wait when it could not."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from qunflow.connectors.pacer import Rate
from qunflow.connectors.wecom.answers import AuthRefused, PermissionRefused, RateLimited
from qunflow.connectors.wecom.client import WeCom
from qunflow.connectors.wecom.session import CALL_RATES, PARALLEL_CALLS
from qunflow.sandbox.options import Limits
from tests.integration.sandbox_anywhere import Anywhere, anywhere
from tests.integration.sandbox_caller import CORP, SECRET

FOLLOWERS = "externalcontact/get_follow_user_list"


@contextmanager
def a_connector(caller: Anywhere, rates: Sequence[Rate] = CALL_RATES, secret: str = SECRET) -> Iterator[WeCom]:
    """A connector of a sandbox."""
    made = WeCom(str(caller.http.base_url), CORP, secret, 1, production=False, rates=rates)
    try:
        yield made
    finally:
        made.close()


def plan(caller: Anywhere, **fault: Any) -> None:
    """Let one thing go wrong."""
    assert caller.http.post("/_sandbox/faults", json=[{"path": FOLLOWERS, **fault}]).status_code == 200


def test_many_threads_stay_below_the_parallel_calls_a_platform_takes() -> None:
    """Twenty-four slow calls at once are none too many for a platform that takes four."""
    with anywhere(Limits(parallel_calls=PARALLEL_CALLS)) as caller, a_connector(caller) as wecom:
        plan(caller, mode="slow", seconds=0.02)
        with ThreadPoolExecutor(24) as pool:
            assert len(list(pool.map(lambda _: wecom.follow_users(), range(24)))) == 24


def test_a_call_too_many_is_not_made_and_says_how_long_to_wait() -> None:
    """Our own count spares the platform's block, and other calls go on."""
    with anywhere(Limits(calls_per_min=3)) as caller, a_connector(caller, [Rate(3, 60)]) as wecom:
        for _ in range(3):
            wecom.follow_users()
        with pytest.raises(RateLimited, match="nothing was sent") as raised:
            wecom.follow_users()
        assert 55 < raised.value.retry_after_s <= 60.3
        assert wecom.groups(["owner_zhou"]) == wecom.groups(["owner_zhou"])


def test_a_short_wait_is_waited_out() -> None:
    """A burst a moment too early succeeds without anybody noticing."""
    with anywhere() as caller, a_connector(caller, [Rate(2, 0.1)]) as wecom:
        assert all(wecom.follow_users() for _ in range(5))


def test_a_limit_the_platform_reports_is_waited_for_longer_each_time() -> None:
    """A minute first, an hour at most, and a minute again after a success."""
    with anywhere() as caller, a_connector(caller) as wecom:
        waits = []
        plan(caller, mode="errcode", code=45009, times=8)
        for _ in range(8):
            with pytest.raises(RateLimited) as raised:
                wecom.follow_users()
            waits.append(raised.value.retry_after_s)
        assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600]
        assert wecom.follow_users()
        plan(caller, mode="errcode", code=45009)
        with pytest.raises(RateLimited) as raised:
            wecom.follow_users()
        assert raised.value.retry_after_s == 60
        assert pickle.loads(pickle.dumps(raised.value)).retry_after_s == 60


def test_an_address_that_is_not_trusted_is_told_with_its_place() -> None:
    """60020 names the address the platform saw and where to enter it, and nothing else of the platform's text."""
    with anywhere() as caller, a_connector(caller) as wecom:
        plan(caller, mode="errcode", code=60020)
        with pytest.raises(PermissionRefused, match=r"add this server's address 127\.0\.0\.1 to 企业可信IP") as raised:
            wecom.follow_users()
    assert raised.value.code == 60020
    assert "hint" not in str(raised.value)


def test_a_wrong_secret_is_an_error_of_its_own() -> None:
    """Who may not enter is told apart from who may not do this."""
    with anywhere() as caller, a_connector(caller, secret="wrong") as wecom, pytest.raises(AuthRefused):
        wecom.follow_users()
