"""Calls with a token from any thread, and the parts of answers every area needs; which calls, the areas say."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from qunflow.connectors.http import AnswerLost, LoopThread
from qunflow.connectors.wecom.answers import TRY_LATER, Body, Kind
from qunflow.connectors.wecom.session import Session
from qunflow.errors import ChannelUnavailable

EC = "externalcontact"


class Calls:
    """The calls of one application; each raises the typed errors of ``answers``."""

    def __init__(self, thread: LoopThread, session: Session) -> None:
        self._thread = thread
        self._session = session

    def call(
        self,
        path: str,
        kind: Kind,
        json: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        files: Mapping[str, Any] | None = None,
    ) -> Body:
        """One call; with ``json`` or ``files`` a POST, else a GET."""
        return self._thread.run(self._session.call(path, kind=kind, json=json, query=query, files=files))

    def pages(self, path: str, key: str, json: Mapping[str, Any]) -> list[Body]:
        """Every item of a paged list. Raises: ChannelUnavailable for pages without end or a list of no objects."""

        async def gather() -> list[Any]:
            return [item async for item in self._session.pages(path, key, json)]

        return objects(self._thread.run(gather()), path)


def objects(found: list[Any], path: str) -> list[Body]:
    """A list that holds objects only. Raises: ChannelUnavailable."""
    if not all(isinstance(one, dict) for one in found):
        raise ChannelUnavailable(f"WeCom gave a broken list in {path}", TRY_LATER, 5.0)
    return found


def needed(body: Body, key: str, path: str) -> str:
    """The id a write gives. Raises: AnswerLost without it: accepted, but it can only be found again by asking."""
    value = body.get(key)
    if not isinstance(value, str) or not value:
        raise AnswerLost(f"WeCom gave no {key} in its answer to {path}", "what happened is asked for later", 5.0)
    return value


def part(body: Body, key: str, path: str) -> Body:
    """An object of an answer to a reading. Raises: ChannelUnavailable without it."""
    value = body.get(key)
    if not isinstance(value, dict):
        raise ChannelUnavailable(f"WeCom gave no {key} in its answer to {path}", TRY_LATER, 5.0)
    return value


def instant(value: Any) -> datetime | None:
    """Unix seconds as an instant; some arrive as strings, 0 and nothing are none."""
    return datetime.fromtimestamp(int(value), UTC) if str(value or "").isdecimal() and int(value) > 0 else None


def seconds(at: datetime) -> int:
    """An instant as Unix seconds."""
    return int(at.timestamp())
