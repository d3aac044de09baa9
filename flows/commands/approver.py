"""
The season's operator: opens the plan on the phone page each morning and approves what waits for a person.

Uses the product's own page over HTTP with a personal link, as a person would; nothing is approved behind its back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

import httpx

from qunflow.errors import ChannelUnavailable
from qunflow.store import team

if TYPE_CHECKING:
    from qunflow.runtime import Runtime

OPERATOR = "ops_li"


@contextmanager
def operator_phone(here: Runtime) -> Iterator[httpx.Client]:
    """The operator's phone, signed in by a personal link."""
    token = here.store.write(partial(team.issue, userid=OPERATOR, purpose="link", at=here.clock.now()))
    headers = {"Accept": "application/json"}
    with httpx.Client(
        base_url=here.environment.web_url,
        headers=headers,
        timeout=60,
        trust_env=False,
        verify=False,  # noqa: S501 - plain HTTP to this machine; loading certificates takes longer than an answer
    ) as phone:
        _asked(phone, "GET", f"/in/{token}")
        yield phone


def approve_what_waits(phone: httpx.Client, day: date) -> int:
    """
    Approve the messages of a local day that wait for a person; returns how many.

    Raises:
        ChannelUnavailable: the product's web does not answer.
    """
    return int(_asked(phone, "POST", "/plan/approve", {"day": day.isoformat()}).json()["approved"])


def _asked(phone: httpx.Client, method: str, path: str, form: dict[str, str] | None = None) -> httpx.Response:
    try:
        answer = phone.request(method, path, data=form)
    except httpx.HTTPError as error:
        raise _silent(type(error).__name__) from error
    if answer.is_error:
        raise _silent(str(answer.status_code))
    return answer


def _silent(why: str) -> ChannelUnavailable:
    return ChannelUnavailable(f"the page for approving does not answer ({why})", "read its log in run/logs/web.log")
