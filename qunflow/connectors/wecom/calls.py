"""Calls with a token from any thread, and the parts of answers every area needs; which calls, the areas say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

from qunflow.connectors.http import AnswerLost, LoopThread
from qunflow.connectors.wecom.answers import TRY_LATER, Body, Kind
from qunflow.connectors.wecom.session import Session, listed
from qunflow.errors import ChannelRefused, ChannelUnavailable

EC = "externalcontact"
Result = TypeVar("Result")
_FAR_FUTURE = 1 << 34


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

    def file(self, path: str, query: Mapping[str, str]) -> bytes:
        """The file a reading call gives."""
        return self._thread.run(self._session.file(path, query))

    def pages(self, path: str, key: str, json: Mapping[str, Any]) -> list[Body]:
        """Every item of a paged list. Raises: ChannelUnavailable for pages without end or a list of no objects."""
        return objects(self._items(path, key, json), path)

    def names(self, path: str, key: str, json: Mapping[str, Any]) -> list[str]:
        """Every item of a paged list of ids. Raises: ChannelUnavailable for pages without end or other items."""
        found = self._items(path, key, json)
        if not all(isinstance(one, str) for one in found):
            raise ChannelUnavailable(f"WeCom gave a broken list in {path}", TRY_LATER, 5.0)
        return found

    def bodies(self, path: str, query: Mapping[str, str]) -> list[Body]:
        """Every page of a reading by GET. Raises: ChannelUnavailable for pages without end."""

        async def gather() -> list[Body]:
            return [body async for body in self._session.pages(path, query=query)]

        return self._thread.run(gather())

    def _items(self, path: str, key: str, json: Mapping[str, Any]) -> list[Any]:
        async def gather() -> list[Any]:
            pages = self._session.pages(path, json)
            return [item async for body in pages for item in listed(body, key, path)]

        return self._thread.run(gather())


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


@contextmanager
def carried_out() -> Iterator[None]:
    """What cannot be read in the answer to an accepted write is no refusal. Raises: AnswerLost in its place."""
    try:
        yield
    except AnswerLost:
        raise
    except ChannelUnavailable as error:
        raise AnswerLost(error.problem, "what happened is asked for later", error.retry_after_s) from None


def given(body: Body, key: str, path: str) -> str:
    """The id a reading gives. Raises: ChannelUnavailable without it."""
    value = body.get(key)
    if not isinstance(value, str) or not value:
        raise ChannelUnavailable(f"WeCom gave no {key} in its answer to {path}", TRY_LATER, 5.0)
    return value


def none_when(code: int, call: Callable[[], Result]) -> Result | None:
    """What a call gives, or None where this refusal is how WeCom says that there is nothing."""
    try:
        return call()
    except ChannelRefused as error:
        if error.code == code:
            return None
        raise


def part(body: Body, key: str, path: str) -> Body:
    """An object of an answer to a reading. Raises: ChannelUnavailable without it."""
    value = body.get(key)
    if not isinstance(value, dict):
        raise ChannelUnavailable(f"WeCom gave no {key} in its answer to {path}", TRY_LATER, 5.0)
    return value


def instant(value: Any) -> datetime | None:
    """Unix seconds as an instant; some arrive as strings; 0, nothing and the year 2500 are none."""
    seconds_after = str(value or "")
    if not seconds_after.isdecimal() or not 0 < int(seconds_after) < _FAR_FUTURE:
        return None
    return datetime.fromtimestamp(int(seconds_after), UTC)


def count(body: Body, key: str, path: str) -> int:
    """A number of an answer, which may arrive as a text. Raises: ChannelUnavailable without it."""
    value = str(body.get(key))
    if not value.isdecimal():
        raise ChannelUnavailable(f"WeCom gave no number {key} in {path}", TRY_LATER, 5.0)
    return int(value)


def text(one: Body, key: str) -> str:
    """A text of an answer, empty where there is none."""
    return str(one.get(key) or "")


def seconds(at: datetime) -> int:
    """An instant as Unix seconds."""
    return int(at.timestamp())
