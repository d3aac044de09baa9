"""
How every step of a stage is run: never cached, tried again only when trying again can help, bounded in time.

Idempotency does not live here but in the store's keys and in the outbox; a second try of a step changes nothing that
the first one finished.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE

from qunflow.errors import TransientError

P = ParamSpec("P")
R = TypeVar("R")

RETRY_DELAYS_S = [1.0, 5.0, 20.0]

# Who starts a flow by hand listens here.
retries = logging.getLogger("qunflow.retries")


def step(name: str, *, timeout_s: float = 600) -> Callable[[Callable[P, R]], Task[P, R]]:
    """A task of a stage, shown in the Prefect UI under ``name``."""
    return task(
        name=name,
        cache_policy=NO_CACHE,
        retries=len(RETRY_DELAYS_S),
        retry_delay_seconds=RETRY_DELAYS_S,
        retry_condition_fn=may_help,
        timeout_seconds=timeout_s,
    )


def may_help(_task: Any, _run: Any, state: Any) -> bool:
    """Whether the failure is one that another try may cure."""
    if not isinstance(state.data, TransientError):
        return False
    retries.warning("%s: trying again", state.data.problem)
    return True
