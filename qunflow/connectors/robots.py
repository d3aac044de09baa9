"""
What the robots of DingTalk and Feishu have in common: one client per platform, a fixed host, and what an answer means.

A robot answers a refusal with HTTP 200 and a code, so only the code decides. What the codes mean is told by each
platform's own module; a code nobody has documented leaves the message unknown.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import httpx

from qunflow.connectors.channel import NOT_SENT, Accepted, Declaration, Held, Refused, Sent, Unknown
from qunflow.connectors.http import Answer, AnswerLost, Http, LoopThread, allowed_address, is_loopback
from qunflow.connectors.pacer import Limit, Pacer
from qunflow.errors import ChannelUnavailable, ConfigurationError, QunflowError

SETTINGS_WAIT_S = 600.0
_BUSY_STATUS, _BUSY_WAIT_S = 429, 60.0
_KEY = re.compile(r"[A-Za-z0-9_-]{8,128}")


@dataclass(frozen=True, slots=True)
class Platform:
    """
    What is fixed about a platform's robots.

    Args:
        name: for error texts.
        hosts: the real ones; nothing else is ever called, this machine's sandbox apart.
        variable: the environment variable that names another address.
        body_bytes: the longest request.
        code_names: fields of the answer that hold the code, the first one there counts.
        later: codes of refusals for now, with the seconds to wait.
        settings: codes only a change of settings mends, with what to do.
        refused: codes of refusals for good, with what to do.
    """

    name: str
    hosts: tuple[str, ...]
    variable: str
    body_bytes: int
    code_names: tuple[str, ...]
    later: Mapping[int, float]
    settings: Mapping[int, str]
    refused: Mapping[int, str]


class Line:
    """
    The one client of a platform's robots: make it once per process and give it to each of them.

    Args:
        base_url: ``https://`` and one of the platform's hosts, or a sandbox on this machine.
        production: whether real people may be reached; QUNFLOW_ENV decides when left out.
        transport: replaces the network in tests.
        pacer: where the processes of a machine count together; without it each robot counts alone.

    Raises:
        ConfigurationError: another host, or a sandbox in production, or a real platform outside of it.
    """

    def __init__(
        self,
        platform: Platform,
        base_url: str,
        *,
        production: bool | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        pacer: Pacer | None = None,
        timeout_s: float = 10.0,
    ) -> None:
        real = os.environ.get("QUNFLOW_ENV") == "production" if production is None else production
        address = allowed_address(base_url, production=real, variable=platform.variable)
        _require_host(platform, address)
        self.platform = platform
        self.pacer = pacer
        self._thread = LoopThread(f"{platform.name.lower()}-robots")
        self._http = Http(address, platform=platform.name, transport=transport, timeout_s=timeout_s)

    def __enter__(self) -> Line:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def post(self, path: str, query: Mapping[str, str], body: Mapping[str, Any]) -> Answer:
        """One request; raises what ``Http.send`` raises."""
        return self._thread.run(self._http.send("POST", path, query=query, json=body))

    def close(self) -> None:
        """Close the connections and stop the thread."""
        self._thread.run(self._http.close())
        self._thread.close()


class Turns:
    """
    When a robot may be called again: by its rates, and by what the platform last asked for.

    Args:
        key: the robot's; what is counted is counted for it.
        pacer: who counts; without one only this object's calls are.
        clock: seconds that never go backwards.
    """

    def __init__(
        self, declaration: Declaration, key: str, pacer: Pacer | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._pacer = pacer or Pacer(None, clock)
        self._limits = [Limit(f"{declaration.name} {key}", declaration.rates)]
        self._clock = clock
        self._lock = threading.Lock()
        self._not_before_s = 0.0

    def wait_s(self) -> float:
        """Count one call and give 0, or the seconds until it may be made."""
        with self._lock:
            left_s = self._not_before_s - self._clock()
            return left_s if left_s > 0 else self._pacer.wait_s(self._limits)

    def pause(self, wait_s: float) -> None:
        """Let nobody call for a while."""
        with self._lock:
            self._not_before_s = max(self._not_before_s, self._clock() + wait_s)


def deliver(line: Line, turns: Turns, path: str, query: Mapping[str, str], body: Mapping[str, Any]) -> Sent:
    """Make one call in its turn and say how it ended."""
    size, most = _size(body), line.platform.body_bytes
    if not 0 < size <= most:
        return Refused(NOT_SENT, f"the request has {size} bytes, {line.platform.name} takes {most}: shorten the text")
    try:
        wait_s = turns.wait_s()
    except QunflowError as error:
        return Held(_BUSY_WAIT_S, error.problem)
    if wait_s > 0:
        return Held(wait_s, f"{line.platform.name} takes no more for now, nothing was sent")
    try:
        answer = line.post(path, query, body)
    except AnswerLost as error:
        return Unknown(error.problem)
    except ChannelUnavailable as error:
        return Held(error.retry_after_s, error.problem)
    found = judged(line.platform, answer)
    if isinstance(found, Held) and found.code not in line.platform.settings:
        turns.pause(found.retry_after_s)
    return found


def judged(platform: Platform, answer: Answer) -> Sent:
    """What an answer means; only the code and the HTTP status decide, the text beside them changes."""
    code = _code(platform, answer)
    if answer.status == _BUSY_STATUS or code in platform.later:
        wait_s = platform.later.get(code or NOT_SENT, _BUSY_WAIT_S)
        return Held(wait_s, f"{platform.name} was called too often{_told(code)}", code or NOT_SENT)
    if code is None or answer.status >= 500:
        return Unknown(f"{platform.name} gave an unreadable answer (HTTP {answer.status})")
    if code == 0:
        return Accepted() if answer.status == 200 else Unknown(f"{platform.name} answered HTTP {answer.status}")
    if code in platform.settings:
        return Held(SETTINGS_WAIT_S, f"{platform.name} refused{_told(code)}: {platform.settings[code]}", code)
    if code in platform.refused:
        return Refused(code, f"{platform.name} refused{_told(code)}: {platform.refused[code]}")
    return Unknown(f"{platform.name} answered with a code that is not documented{_told(code)}")


def key_in(platform: Platform, webhook: str, marker: str) -> str:
    """
    The robot's key, from the whole address people copy or from the key alone.

    Args:
        marker: what stands before the key in an address, from the path on.

    Raises:
        ConfigurationError: the address is of another host or shape; it is not repeated, as it is a secret.
    """
    example = f"https://{platform.hosts[0]}{marker}…"
    key = webhook.strip()
    if "://" in key:
        before, found, key = key.partition(marker)
        if not found or before not in [f"https://{host}" for host in platform.hosts]:
            raise ConfigurationError(
                f"the address of a {platform.name} robot is of another kind",
                f"copy it again from the robot's settings: it begins with {example}",
            )
    if not _KEY.fullmatch(key):
        raise ConfigurationError(f"the key of a {platform.name} robot cannot be used", f"give the address: {example}")
    return key


def _require_host(platform: Platform, address: str) -> None:
    parts = urlsplit(address)
    if is_loopback(address):
        return
    if parts.netloc not in platform.hosts or parts.path or parts.query:
        raise ConfigurationError(
            f"{platform.variable} is no address of {platform.name}", f"valid: https://{platform.hosts[0]}"
        )


def _size(body: Mapping[str, Any]) -> int:
    """Bytes on the wire, or 0 for what cannot be written."""
    try:
        return len(json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode())
    except UnicodeEncodeError:
        return 0


def _code(platform: Platform, answer: Answer) -> int | None:
    try:
        body = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    values: Sequence[Any] = [body.get(name) for name in platform.code_names] if isinstance(body, dict) else []
    value = next((one for one in values if one is not None), None)
    if isinstance(value, str) and value.removeprefix("-").isdecimal():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _told(code: int | None) -> str:
    return f" (code {code})" if code else ""
