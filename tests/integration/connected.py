"""A connector of a sandbox, and how to ask what a call was refused with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from qunflow.connectors.wecom.client import WeCom
from qunflow.errors import ChannelRefused
from tests.integration.sandbox_anywhere import Anywhere
from tests.integration.sandbox_caller import CORP, SECRET


@contextmanager
def connected(caller: Anywhere, **about: Any) -> Iterator[WeCom]:
    """A connector of the sandbox a caller talks to."""
    made = WeCom(str(caller.http.base_url), CORP, SECRET, about.pop("agent_id", 1), production=False, **about)
    try:
        yield made
    finally:
        made.close()


def now(caller: Anywhere) -> datetime:
    """The sandbox clock."""
    return datetime.fromtimestamp(caller.now(), UTC)


def code_of(call: Callable[[], object]) -> int:
    """The code a call is refused with."""
    with pytest.raises(ChannelRefused) as raised:
        call()
    return raised.value.code
